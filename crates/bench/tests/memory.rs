//! What a turn allocates for what was said long ago: nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use generativeai::protocol::content::{Blob, Content};
use generativeai::{GenerativeModel, Remote};

/// How many bytes were asked for.
static ASKED: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[expect(
    unsafe_code,
    reason = "an allocator is unsafe to write; this one hands everything on"
)]
// SAFETY: every call goes to the allocator of the system as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the promises of `dealloc`, and `alloc` is the system's.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const REPLY: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Nice."}]},"finishReason":"STOP"}]}"#;

/// A server that answers every request on one connection with the same reply, and tells how long
/// each was.
fn server() -> (String, thread::JoinHandle<Vec<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let lengths = thread::spawn(move || {
        let (mut connection, _) = listener.accept().expect("a connection");
        let mut reader = BufReader::new(connection.try_clone().expect("a second handle"));
        let mut lengths = Vec::new();
        let (mut line, mut body) = (String::new(), vec![0; 64 << 10]);
        let mut length = 0;
        while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
            if let Some(header) = line.strip_prefix("content-length: ") {
                length = header.trim().parse().expect("a length");
            }
            if line == "\r\n" {
                lengths.push(length);
                while length > 0 {
                    let room = body.len().min(length);
                    length -= reader.read(&mut body[..room]).expect("the body");
                }
                write!(
                    connection,
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{REPLY}",
                    REPLY.len()
                )
                .expect("the client listens");
            }
            line.clear();
        }
        lengths
    });
    (base, lengths)
}

#[tokio::test]
async fn a_picture_in_the_history_costs_later_turns_no_memory() {
    let (base, lengths) = server();
    let remote = Remote::builder()
        .base_url(base)
        .build()
        .expect("good settings");
    let picture = Blob::from_base64("image/png", "QUJD".repeat(20 << 18));
    let mut chat = GenerativeModel::new("m")
        .backend(remote)
        .start_chat()
        .with_history([Content::user(picture), Content::model("Nice.")]);
    chat.send_message("Where was it taken?")
        .await
        .expect("a reply");

    let before = ASKED.load(Ordering::Relaxed);
    for _ in 0..4 {
        chat.send_message("And when?").await.expect("a reply");
    }
    let asked = ASKED.load(Ordering::Relaxed) - before;

    drop(chat);
    let lengths = lengths.join().expect("no panic");
    assert_eq!(lengths.len(), 5);
    assert!(
        lengths.iter().all(|length| *length > 20 << 20),
        "{lengths:?}"
    );
    assert!(asked < 1 << 20, "four turns allocated {asked} bytes");
}
