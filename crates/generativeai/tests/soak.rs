//! Many chats at once against a server that fails in every way; a separate program, since it
//! measures the memory and the tasks of all of it.
//!
//! `SOAK_SECONDS` sets for how long (15 by default), `SOAK_CHATS` the number of chats at once
//! (1,000), `SOAK_TURNS` how many turns each has (20).
#![cfg(feature = "remote")]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use generativeai::{ChatSession, GenerativeModel, Reason, Remote, RequestOptions, Retry};
use socket2::SockRef;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

/// Number of waves of chats; memory is compared between them.
const WAVES: u32 = 3;

/// Maximum growth of memory between the first wave and the last, in bytes.
const GROWTH: usize = 48 << 20;

fn setting(name: &str, default: usize) -> usize {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Behaviour of a server for one request.
type Fault = fn(&str, &str) -> (String, End);

/// State of a connection after an answer.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Stay,
    Close,
    Reset,
    Silence,
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";

fn refused(status: &str, body: &str) -> (String, End) {
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
    (answer, End::Stay)
}

fn part(stream: &str, whole: &str, text: &str) -> String {
    let data = format!(r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}]}}}}]}}"#);
    match stream {
        "stream" => format!("{HEAD}data: {data}\n\n"),
        _ => format!("{HEAD}{}", &whole[..whole.len() / 2]),
    }
}

const FAULTS: &[Fault] = &[
    |_, _| {
        refused(
            "429 Too Many",
            r#"{"error":{"code":429,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"0.01s"}]}}"#,
        )
    },
    |_, _| {
        refused(
            "429 Too Many",
            r#"{"error":{"code":429,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3600s"}]}}"#,
        )
    },
    |_, _| refused("500 Broken", "<html>broken</html>"),
    |_, _| refused("503 Down", ""),
    |_, _| refused("504 Late", "{}"),
    |_, _| {
        refused(
            "400 Bad",
            r#"{"error":{"code":400,"status":"INVALID_ARGUMENT"}}"#,
        )
    },
    |_, _| refused("401 Who", "[{\"error\":{\"code\":401}}]"),
    |_, _| refused("404 Where", "?"),
    |_, _| refused("307 There\r\nlocation: http://elsewhere.example/", ""),
    |_, _| refused("200 OK", "<p>hello</p>"),
    |_, _| refused("200 OK", ""),
    |_, _| refused("200 OK\r\ncontent-encoding: gzip", "\u{1f}"),
    |_, _| refused("200 OK", r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#),
    |_, _| refused("200 OK", r#"{"candidates":[{"finishReason":"SAFETY"}]}"#),
    |_, _| refused("200 OK", r#"{"candidates":[{"finishReason":"BRAND_NEW"}]}"#),
    |_, _| refused("200 OK", r#"{"error":{"code":503}}"#),
    |_, _| refused("200 OK", r#"{"candidates":7}"#),
    |_, _| ("no http at all\r\n\r\n".into(), End::Close),
    |_, _| (String::new(), End::Close),
    |_, _| (String::new(), End::Reset),
    |_, _| (String::new(), End::Silence),
    |_, _| (HEAD.into(), End::Reset),
    |_, _| (HEAD.into(), End::Silence),
    |_, _| {
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{".into(),
            End::Close,
        )
    },
    |_, _| {
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfff\r\n{".into(),
            End::Close,
        )
    },
    |stream, whole| (part(stream, whole, "cut"), End::Close),
    |stream, whole| (part(stream, whole, "cut"), End::Reset),
    |stream, whole| (part(stream, whole, "cut"), End::Silence),
    |stream, whole| (part(stream, whole, "cut") + "data: {\"cand", End::Close),
    |stream, whole| {
        (
            part(stream, whole, "cut") + "{\"error\":{\"code\":503}}\n",
            End::Close,
        )
    },
];

/// Answer of a server to the n-th request.
type Answers = fn(usize, &str) -> (String, End);

fn good(mode: &str) -> (String, End) {
    let body = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hello, and welcome to the soak!"}]},"finishReason":"STOP"}],"usageMetadata":{"totalTokenCount":9}}"#;
    match mode {
        "stream" => refused("200 OK", &format!("data: {body}\r\n\r\n")),
        _ => refused("200 OK", body),
    }
}

fn one_in_ten_fails(request: usize, mode: &str) -> (String, End) {
    // The faults take turns, over all clients.
    if request % 10 == 9 {
        FAULTS[request / 10 % FAULTS.len()](mode, &good("whole").0)
    } else {
        good(mode)
    }
}

fn always_down(_: usize, _: &str) -> (String, End) {
    refused("503 Down", "")
}

/// Returns a server, and the number of requests that it received.
fn serve(runtime: &Runtime, answers: Answers) -> (String, Arc<AtomicUsize>) {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
    let listener = listener.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let requests = Arc::new(AtomicUsize::new(0));
    let count = requests.clone();
    runtime.spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let count = count.clone();
            // A client that leaves early ends its connection only.
            tokio::spawn(async move { answer(connection, answers, &count).await.ok() });
        }
    });
    (url, requests)
}

async fn answer(connection: TcpStream, answers: Answers, count: &AtomicUsize) -> io::Result<()> {
    let mut connection = BufReader::new(connection);
    loop {
        let (mut length, mut mode, mut first) = (0, "whole", true);
        loop {
            let mut line = String::new();
            if connection.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if first && line.contains("alt=sse") {
                mode = "stream";
            }
            first = false;
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            if line.is_empty() {
                break;
            }
        }
        connection.read_exact(&mut vec![0; length]).await?;
        let (answer, end) = answers(count.fetch_add(1, Relaxed), mode);
        connection.write_all(answer.as_bytes()).await?;
        match end {
            End::Stay => {}
            End::Close => return connection.shutdown().await,
            End::Reset => {
                return SockRef::from(connection.get_ref()).set_linger(Some(Duration::ZERO));
            }
            // Until the client has gone.
            End::Silence => return connection.read(&mut [0]).await.map(drop),
        }
    }
}

/// A key that must not show.
const KEY: &str = "canary-7b1e40c2";

fn client(url: &str) -> Remote {
    let retry = Retry::default().initial(Duration::from_millis(2));
    let options = RequestOptions::default()
        .retry(retry)
        .timeout(Duration::from_secs(5))
        .idle_timeout(Duration::from_secs(5));
    let remote = Remote::builder().base_url(url).request_options(options);
    remote.api_key(KEY).build().expect("good settings")
}

fn chat(remote: &Remote) -> ChatSession {
    GenerativeModel::new("m")
        .backend(remote.clone())
        .start_chat()
}

/// Runs one chat. Returns the numbers of its completed and of its other turns.
async fn soak(remote: Remote, turns: usize, end: Instant) -> (usize, usize) {
    let mut chat = chat(&remote);
    let (mut complete, mut unfinished) = (0, 0);
    for turn in 0..turns {
        if Instant::now() > end {
            break;
        }
        let message = format!("This is turn {turn}");
        let outcome = match turn % 2 {
            0 => chat.send_message(message).stream().finish().await,
            _ => chat.send_message(message).await,
        };
        match (outcome, chat.unfinished().map(|turn| &turn.reason)) {
            (Ok(_), None) => complete += 1,
            (Err(error), Some(reason)) => {
                assert!(!matches!(reason, Reason::Interrupted), "no cause");
                let shown = format!("{error} {error:#?} {chat:#?}");
                assert!(!shown.contains(KEY), "{shown}");
                unfinished += 1;
            }
            (outcome, reason) => panic!("{outcome:?} with {reason:?}"),
        }
        assert_eq!(chat.history().len(), 2 * complete);
    }
    (complete, unfinished)
}

/// Returns the memory of this process in bytes, where it is known.
fn memory() -> Option<usize> {
    let told = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(told.split(' ').nth(1)?.parse::<usize>().ok()? * 4096)
}

fn no_task_is_left(runtime: &Runtime) {
    let ended = runtime.block_on(async {
        let all_end = async {
            while runtime.metrics().num_alive_tasks() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), all_end).await
    });
    let left = runtime.metrics().num_alive_tasks();
    assert!(ended.is_ok(), "{left} tasks are left");
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the figures are printed for the reader"
)]
fn chats_survive_a_server_that_fails_one_request_in_ten_in_every_way() {
    let (servers, clients) = (runtime(), runtime());
    let (url, requests) = serve(&servers, one_in_ten_fails);
    let (chats, turns) = (setting("SOAK_CHATS", 1_000), setting("SOAK_TURNS", 20));
    let time = Duration::from_secs(setting("SOAK_SECONDS", 15) as u64) / WAVES;
    let (mut complete, mut unfinished, mut held) = (0, 0, Vec::new());

    for _ in 0..WAVES {
        let remote = client(&url);
        let end = Instant::now() + time;
        let running: Vec<_> = (0..chats)
            .map(|_| clients.spawn(soak(remote.clone(), turns, end)))
            .collect();
        drop(remote);
        for chat in running {
            let (good, bad) = clients.block_on(chat).expect("no panic");
            complete += good;
            unfinished += bad;
        }
        no_task_is_left(&clients);
        held.extend(memory());
    }

    let requests = requests.load(Relaxed);
    println!(
        "{complete} turns complete, {unfinished} unfinished, {requests} requests; {} MiB held",
        held.iter()
            .map(|held| (held >> 20).to_string())
            .collect::<Vec<_>>()
            .join(", ")
    );
    assert!(complete > 10 * unfinished.min(100), "most turns go well");
    assert!(unfinished > 0, "some faults are permanent");
    if let [first, .., last] = held[..] {
        assert!(last < first + GROWTH, "memory grows: {held:?}");
    }
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the figures are printed for the reader"
)]
fn a_thousand_chats_do_not_flood_a_dead_server_with_retries() {
    let (servers, clients) = (runtime(), runtime());
    let (url, requests) = serve(&servers, always_down);
    let remote = client(&url);
    let end = Instant::now() + Duration::from_secs(600);

    let running: Vec<_> = (0..1_000)
        .map(|_| clients.spawn(soak(remote.clone(), 1, end)))
        .collect();
    for chat in running {
        assert_eq!(clients.block_on(chat).expect("no panic"), (0, 1));
    }
    drop(remote);

    no_task_is_left(&clients);
    let requests = requests.load(Relaxed);
    println!("1000 turns made {requests} requests");
    assert!(requests <= 1_100, "{requests} requests");
}
