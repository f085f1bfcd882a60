//! Requests that are dropped at each await, and readers that are slower than their server.

use std::future::poll_fn;
use std::io::{ErrorKind::WouldBlock, Read, Write};
use std::net::TcpListener;
use std::pin::Pin;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use generativeai::BoxFuture;
use generativeai::protocol::embeddings::{BatchEmbedContentsRequest, EmbedContentRequest};

use super::*;
use crate::support::server::{STREAM, answer, event, reply};
use crate::support::{Act, Server};

/// More polls than any request of these tests takes.
const ENOUGH: usize = 1_000;

/// Work on a chat that is dropped.
type Work<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Polls a future at most `polls` times, whenever it is woken, then drops it.
async fn at_most<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

/// Waits until all tasks that a client spawned have ended.
async fn no_task_is_left() {
    let runtime = tokio::runtime::Handle::current();
    let ended = async {
        while runtime.metrics().num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
    ended.expect("the tasks of a client end with it");
}

/// Responds to two requests, with a response in two pieces.
fn in_pieces(first: &str, rest: &str) -> Server {
    Server::play((0..2).map(|_| {
        let pieces = [first, rest].map(|piece| Act::Send(piece.into()));
        pieces.into()
    }))
}

fn stream_server() -> Server {
    let first = format!("{STREAM}{}", event("Hel", None));
    in_pieces(&first, &event("lo!", Some("STOP")))
}

fn whole_server(body: &str) -> Server {
    let whole = answer("200 OK", "application/json", body);
    let (first, rest) = whole.split_at(whole.len() / 2);
    in_pieces(first, rest)
}

/// Drops `work` after each number of polls, up to the number that it takes.
async fn at_every_poll(
    server: impl Fn() -> Server,
    work: fn(&mut ChatSession) -> Work<'_>,
    completes_turns: bool,
) {
    for polls in 0..ENOUGH {
        let server = server();
        let mut chat = chat(&client(&server).0);

        let done = at_most(polls, work(&mut chat)).await.is_some();

        let turns = usize::from(done && completes_turns);
        assert_eq!(chat.history().len(), 2 * turns, "after {polls} polls");
        if !done && let Some(unfinished) = chat.unfinished() {
            let reason = &unfinished.reason;
            assert!(
                matches!(reason, generativeai::Reason::Interrupted),
                "after {polls} polls: {reason:?}"
            );
        }
        let again = chat.send_message("Hello").stream().finish().await;
        match again {
            Ok(reply) => assert_eq!(reply.text().expect("a text"), "Hello!"),
            Err(error) => assert!(!completes_turns, "after {polls} polls: {error:?}"),
        }
        drop(chat);
        no_task_is_left().await;
        if done {
            assert!(polls > 2, "a request waits for more than {polls} polls");
            return;
        }
    }
    panic!("the request does not end");
}

#[tokio::test]
async fn a_streamed_turn_may_be_dropped_at_every_await() {
    fn work(chat: &mut ChatSession) -> Work<'_> {
        Box::pin(async move {
            let reply = chat.send_message("Hello").stream().finish().await;
            assert_eq!(reply.expect("a reply").text().expect("a text"), "Hello!");
        })
    }
    at_every_poll(stream_server, work, true).await;
}

#[tokio::test]
async fn an_awaited_turn_may_be_dropped_at_every_await() {
    let body = reply("Hello!", Some("STOP")).to_string();
    fn work(chat: &mut ChatSession) -> Work<'_> {
        Box::pin(async move {
            let reply = chat.send_message("Hello").await;
            assert_eq!(reply.expect("a reply").text().expect("a text"), "Hello!");
        })
    }
    at_every_poll(|| whole_server(&body), work, true).await;
}

#[tokio::test]
async fn a_streamed_request_without_a_chat_may_be_dropped_at_every_await() {
    fn work(chat: &mut ChatSession) -> Work<'_> {
        Box::pin(async move {
            let asked = chat.model().generate_content("Hello").stream();
            let reply = asked.finish().await.expect("a reply");
            assert_eq!(reply.text().expect("a text"), "Hello!");
        })
    }
    at_every_poll(stream_server, work, false).await;
}

#[tokio::test]
async fn an_awaited_request_without_a_chat_may_be_dropped_at_every_await() {
    let body = reply("Hello!", Some("STOP")).to_string();
    fn work(chat: &mut ChatSession) -> Work<'_> {
        Box::pin(async move {
            let reply = chat.model().generate_content("Hello").await;
            assert_eq!(reply.expect("a reply").text().expect("a text"), "Hello!");
        })
    }
    at_every_poll(|| whole_server(&body), work, false).await;
}

#[tokio::test]
async fn every_other_request_may_be_dropped_at_every_await() {
    type Ask = fn(&Searched) -> BoxFuture<bool>;
    let asks: [(&str, Ask); 6] = [
        ("{\"totalTokens\":3}", |remote| {
            let model = GenerativeModel::new("m").backend(remote.clone());
            Box::pin(async move { model.count_tokens("a b c").await.is_ok() })
        }),
        ("{\"models\":[]}", |remote| {
            let listed = remote.list_models(None, RequestOptions::default());
            Box::pin(async move { listed.await.is_ok() })
        }),
        ("{\"name\":\"models/m\"}", |remote| {
            let got = remote.get_model("models/m".into(), RequestOptions::default());
            Box::pin(async move { got.await.is_ok() })
        }),
        ("{\"name\":\"cachedContents/c\"}", |remote| {
            let got = remote.get_cached_content("c".into(), RequestOptions::default());
            Box::pin(async move { got.await.is_ok() })
        }),
        ("{\"embedding\":{\"values\":[0.5]}}", |remote| {
            let embed = EmbedContentRequest::new("a b c").model("models/e");
            let embedded = remote.embed_content(embed, RequestOptions::default());
            Box::pin(async move { embedded.await.is_ok_and(|got| got.embedding.is_some()) })
        }),
        ("{\"embeddings\":[{\"values\":[0.5]}]}", |remote| {
            let batch = BatchEmbedContentsRequest::default()
                .model("models/e")
                .requests([EmbedContentRequest::new("a b c")]);
            let embedded = remote.batch_embed_contents(batch, RequestOptions::default());
            Box::pin(async move { embedded.await.is_ok_and(|got| got.embeddings.len() == 1) })
        }),
    ];
    for (body, ask) in asks {
        let mut polls = 0;
        loop {
            let server = whole_server(body);
            let (remote, _) = client(&server);
            let done = at_most(polls, ask(&remote)).await;
            assert!(done.unwrap_or(true), "{body}");
            assert!(ask(&remote).await, "{body} after {polls} polls");
            drop(remote);
            no_task_is_left().await;
            if done.is_some() {
                break;
            }
            polls += 1;
        }
        assert!(polls > 2, "{body}: {polls}");
    }
}

/// Starts a server that sends events until the client accepts no more; returns how many bytes it sent.
fn endless() -> (String, tokio::sync::oneshot::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (tell, told) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().expect("a client");
        let read = connection.read(&mut [0; 4096]).expect("a request");
        assert!(read > 0, "a request is not empty");
        connection
            .write_all(STREAM.as_bytes())
            .expect("a client that reads");
        connection
            .set_write_timeout(Some(Duration::from_millis(500)))
            .expect("a time");
        let event = event(&"x".repeat(64 << 10), None);
        let mut sent = 0;
        while sent < OFFERED {
            match connection.write(event.as_bytes()) {
                Ok(written) => sent += written,
                Err(error) if error.kind() == WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        tell.send(sent).expect("a test that waits");
        // The connection stays open until the client has gone.
        let _ = connection.read(&mut [0]);
    });
    (url, told)
}

/// Number of bytes that the server would send.
const OFFERED: usize = 512 << 20;

#[tokio::test]
async fn a_slow_reader_makes_the_server_wait() {
    let (url, told) = endless();
    let remote = built(builder(&url));
    let mut chunks = remote.stream_generate_content(hello(), RequestOptions::default());

    next(&mut chunks)
        .await
        .expect("an event")
        .expect("an event");
    let sent = told.await.expect("a server");
    drop(chunks);

    // The buffers of both sockets and of the HTTP library.
    assert!(sent < 32 << 20, "{sent} bytes for a reader of one event");
}
