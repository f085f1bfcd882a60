//! A test that a turn allocates no memory for the earlier history.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use generativeai::protocol::content::{Blob, Content};
use generativeai::{GenerativeModel, Remote};

/// Number of bytes allocated.
static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

/// Allocator that counts the bytes.
struct Counting;

#[expect(
    unsafe_code,
    reason = "a global allocator is unsafe to implement; this one forwards every call"
)]
// SAFETY: every call is forwarded unchanged to the system allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller upholds the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller upholds the contract of `dealloc`, and `alloc` is the system's.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const REPLY: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Nice."}]},"finishReason":"STOP"}]}"#;

/// Starts a server that sends the same reply to every request on one connection. Returns its address and the lengths of
/// the requests. It runs in a thread, and reads bodies through one buffer, since its allocations are counted too.
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
async fn an_image_in_the_history_costs_later_turns_no_memory() {
    let (base, lengths) = server();
    let remote = Remote::builder()
        .base_url(base)
        .build()
        .expect("good settings");
    let image = Blob::from_base64("image/png", "QUJD".repeat(20 << 18));
    let mut chat = GenerativeModel::new("m")
        .backend(remote)
        .start_chat()
        .with_history([Content::user(image), Content::model("Nice.")]);
    chat.send_message("Where was it taken?")
        .await
        .expect("a reply");

    let before = ALLOCATED.load(Ordering::Relaxed);
    for _ in 0..4 {
        chat.send_message("And when?").await.expect("a reply");
    }
    let allocated = ALLOCATED.load(Ordering::Relaxed) - before;

    drop(chat);
    // Joining the thread in this task would block the runtime. But the runtime has to run the task that closes the
    // connection, and the server ends only when it is closed.
    let lengths = tokio::task::spawn_blocking(|| lengths.join());
    let lengths = lengths.await.expect("not cancelled").expect("no panic");
    assert_eq!(lengths.len(), 5);
    assert!(
        lengths.iter().all(|length| *length > 20 << 20),
        "{lengths:?}"
    );
    assert!(
        allocated < 1 << 20,
        "four turns allocated {allocated} bytes"
    );
}
