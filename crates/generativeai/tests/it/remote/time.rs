//! Time limits, in stopped time.

use std::time::Duration;

use generativeai::{Backend, ErrorKind, RequestOptions};
use tokio::time::{Instant, advance};

use super::*;
use crate::support::server::{STREAM, answer, cue, error, event, reply};
use crate::support::{Act, Server};

const SECOND: Duration = Duration::from_secs(1);

/// Timers fire at whole milliseconds.
const MILLISECOND: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn a_server_that_accepts_and_never_responds_is_timed_out() {
    let silent = || vec![Act::Silence];
    let server = Server::play([silent(), silent()]);
    let (remote, _) = client(&server);

    let error = whole(&remote).await.expect_err("silence");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.is_timeout());
    assert_eq!(
        error.to_string(),
        "the response was not complete after 600s"
    );
    // The server may be working on it: another attempt would double its load.
    assert_eq!(error.attempts().len(), 1);
    let took = error.attempts()[0].took;
    assert!((600 * SECOND..601 * SECOND).contains(&took), "{took:?}");

    let (texts, error) = streamed(&remote).await;
    assert!(texts.is_empty());
    assert_eq!(error.expect("silence").to_string(), "no event for 120s");
}

#[tokio::test(start_paused = true)]
async fn an_error_whose_body_stalls_is_reported_soon() {
    let (sent, was_sent) = std::sync::mpsc::channel();
    let head = "HTTP/1.1 403 Forbidden\r\ncontent-length: 10\r\n\r\n";
    let server = Server::play([vec![Act::Send(head.into()), Act::Tell(sent), Act::Silence]]);
    let (remote, _, time) = in_stopped_time(&server);
    let start = Instant::now();

    let stall = async {
        while was_sent.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        // The client reads the head before time passes.
        settle().await;
        time.release();
    };
    let (reply, ()) = tokio::join!(whole(&remote), stall);

    assert_eq!(reply.expect_err("forbidden").http_code(), Some(403));
    assert!(start.elapsed() < 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_request_starts_when_it_is_first_polled() {
    let json = reply("Hello!", Some("STOP")).to_string();
    let server = Server::always(1, &answer("200 OK", "application/json", &json));
    let (remote, _, _time) = in_stopped_time(&server);

    let request = remote.generate_content(hello(), RequestOptions::default());
    advance(700 * SECOND).await;

    let reply = request.await.expect("600 s from now");
    assert_eq!(reply.text().expect("a text"), "Hello!");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_falls_silent_is_timed_out_and_its_beginning_kept() {
    let server = Server::play([vec![
        Act::Send(format!("{STREAM}{}", event("so far", None)).into()),
        Act::Silence,
    ]]);
    let (remote, _, time) = in_stopped_time(&server);
    let mut chat = chat(&remote);

    let mut stream = chat.send_message("Hello").stream();
    stream.next().await.expect("a chunk").expect("a chunk");
    time.release();
    let end = stream.next().await.expect("an end");
    drop(stream);

    assert_eq!(end.expect_err("silence").kind(), ErrorKind::Timeout);
    assert_eq!(kept(&chat), "so far");
}

#[tokio::test(start_paused = true)]
async fn bytes_that_complete_no_event_do_not_reset_the_idle_timeout() {
    let (sent, was_sent) = std::sync::mpsc::channel();
    let mut script = vec![Act::Send(
        format!("{STREAM}{}:", event("so far", None)).into(),
    )];
    let cues: Vec<_> = (0..12)
        .map(|_| {
            let (send, on_cue) = cue();
            script.extend([Act::OnCue(b"x".into(), on_cue), Act::Tell(sent.clone())]);
            send
        })
        .collect();
    let (hold, held) = cue();
    script.push(Act::OnCue(Vec::new(), held));
    let server = Server::play([script]);
    let (remote, _, _time) = in_stopped_time(&server);
    let mut chunks = remote.stream_generate_content(hello(), RequestOptions::default());
    next(&mut chunks).await.expect("a chunk").expect("a chunk");

    let trickle = async {
        for cue in cues {
            cue.send(()).expect("the server listens");
            drop(cue);
            was_sent.recv().expect("a byte was sent");
            // The client reads the byte before time passes.
            settle().await;
            advance(10 * SECOND + MILLISECOND).await;
        }
        settle().await;
        drop(hold);
    };
    let (end, ()) = tokio::join!(next(&mut chunks), trickle);

    let error = end.expect("an end").expect_err("silence");
    assert_eq!(error.to_string(), "no event for 120s");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_cause_a_timeout() {
    let (send, on_cue) = cue();
    let server = Server::play([vec![
        Act::Send(format!("{STREAM}{}", event("one", None)).into()),
        Act::OnCue(event("two", Some("STOP")).into(), on_cue),
    ]]);
    let (remote, _, _time) = in_stopped_time(&server);
    let mut chunks = remote.stream_generate_content(hello(), RequestOptions::default());
    next(&mut chunks).await.expect("a chunk").expect("a chunk");

    advance(3_600 * SECOND).await;
    let later = async {
        tokio::task::yield_now().await;
        send.send(()).expect("the server listens");
        drop(send);
    };
    let (two, ()) = tokio::join!(next(&mut chunks), later);

    let two = two.expect("a chunk").expect("a chunk");
    assert_eq!(two.text().expect("a text"), "two");
    assert!(next(&mut chunks).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_limits_of_a_request_take_precedence_over_the_defaults() {
    let silent = || vec![Act::Silence];
    let server = Server::play([silent(), silent()]);
    let (remote, _) = client(&server);
    let options = RequestOptions::default()
        .timeout(300 * SECOND)
        .idle_timeout(90 * SECOND);

    let reply = remote.generate_content(hello(), options.clone()).await;
    let error = reply.expect_err("silence");
    assert_eq!(
        error.to_string(),
        "the response was not complete after 300s"
    );

    let mut chunks = remote.stream_generate_content(hello(), options);
    let end = next(&mut chunks).await.expect("an end");
    assert_eq!(end.expect_err("silence").to_string(), "no event for 90s");
}

#[tokio::test(start_paused = true)]
async fn no_retry_waits_past_the_deadline() {
    let info = "type.googleapis.com/google.rpc.RetryInfo";
    let details = serde_json::json!([{"@type": info, "retryDelay": "40s"}]);
    let server = Server::always(3, &error(503, "UNAVAILABLE", details));
    let (remote, retries, _time) = in_stopped_time(&server);
    let options = RequestOptions::default().timeout(70 * SECOND);
    let start = Instant::now();

    let reply = remote.generate_content(hello(), options).await;

    let error = reply.expect_err("no success");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.attempts().len(), 2);
    assert_eq!(retries.waits(), [40 * SECOND]);
    assert!(start.elapsed() < 41 * SECOND);
}

#[tokio::test]
async fn dropping_a_stream_closes_its_connection() {
    let (sender, closed) = std::sync::mpsc::channel();
    let server = Server::play([vec![
        Act::Send(format!("{STREAM}{}", event("so far", None)).into()),
        Act::Silence,
        Act::Tell(sender),
    ]]);
    let (remote, _) = client(&server);

    let mut chunks = remote.stream_generate_content(hello(), RequestOptions::default());
    next(&mut chunks).await.expect("a chunk").expect("a chunk");
    drop(chunks);

    let closed = tokio::task::spawn_blocking(move || closed.recv_timeout(30 * SECOND));
    let closed = closed.await.expect("no panic");
    closed.expect("the server sees the end of the connection");
}

#[tokio::test]
async fn dropping_a_request_before_its_response_closes_its_connection() {
    let (sender, closed) = std::sync::mpsc::channel();
    let server = Server::play([vec![Act::Silence, Act::Tell(sender)]]);
    let (remote, _) = client(&server);

    let request = remote.generate_content(hello(), RequestOptions::default());
    let is_received = async {
        while server.received().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        reply = request => panic!("{reply:?}"),
        () = is_received => {}
    }

    let closed = tokio::task::spawn_blocking(move || closed.recv_timeout(30 * SECOND));
    let closed = closed.await.expect("no panic");
    closed.expect("the server sees the end of the connection");
}
