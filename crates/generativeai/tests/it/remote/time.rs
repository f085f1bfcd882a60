//! What happens when nothing happens.

use std::time::Duration;

use generativeai::{Backend, ErrorKind, RequestOptions};

use super::*;
use crate::support::server::{STREAM, answer, cue, error, event, reply};
use crate::support::{Act, Server};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let silent = || vec![Act::Silence];
    let server = Server::play([silent(), silent()]);
    let (remote, clock) = client(&server);

    let (reply, ()) = tokio::join!(whole(&remote), clock.pass());
    let error = reply.expect_err("silence");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.to_string(), "the answer was not whole after 600s");
    assert_eq!(error.attempts().len(), 1);
    assert_eq!(error.attempts()[0].took, 600 * SECOND);

    let ((texts, error), ()) = tokio::join!(streamed(&remote), clock.pass());
    assert!(texts.is_empty());
    assert_eq!(error.expect("silence").to_string(), "nothing came for 120s");
}

#[tokio::test]
async fn the_time_of_an_answer_begins_when_somebody_waits_for_it() {
    let json = reply("Hello!", Some("STOP")).to_string();
    let server = Server::always(1, &answer("200 OK", "application/json", &json));
    let (remote, clock) = client(&server);

    let asked = remote.generate_content(hello(), RequestOptions::default());
    clock.advance(700 * SECOND);

    let reply = asked.await.expect("600 s from now");
    assert_eq!(reply.text().expect("a text"), "Hello!");
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_given_up_and_its_beginning_kept() {
    let server = Server::play([vec![
        Act::Send(format!("{STREAM}{}", event("so far", None)).into()),
        Act::Silence,
    ]]);
    let (remote, clock) = client(&server);
    let mut chat = chat(&remote);

    let mut stream = chat.send_message("Hello").stream();
    stream.next().await.expect("a chunk").expect("a chunk");
    let (end, ()) = tokio::join!(stream.next(), clock.pass());
    drop(stream);

    assert_eq!(
        end.expect("an end").expect_err("silence").kind(),
        ErrorKind::Timeout
    );
    assert_eq!(kept(&chat), "so far");
}

#[tokio::test]
async fn bytes_that_make_no_event_do_not_count_as_life() {
    let (told, sent) = std::sync::mpsc::channel();
    let mut script = vec![Act::Send(
        format!("{STREAM}{}:", event("so far", None)).into(),
    )];
    let signs: Vec<_> = (0..12)
        .map(|_| {
            let (sign, came) = cue();
            script.extend([Act::OnCue(b"x".into(), came), Act::Tell(told.clone())]);
            sign
        })
        .collect();
    let (hold, held) = cue();
    script.push(Act::OnCue(Vec::new(), held));
    let server = Server::play([script]);
    let (remote, clock) = client(&server);
    let mut chunks = remote.stream_generate_content(hello(), RequestOptions::default());
    next(&mut chunks).await.expect("a chunk").expect("a chunk");

    let trickle = async {
        for sign in signs {
            sign.send(()).expect("the server listens");
            drop(sign);
            sent.recv().expect("a byte is on its way");
            // The client reads it before time goes by.
            look_around().await;
            clock.advance(10 * SECOND);
        }
        look_around().await;
        drop(hold);
    };
    let (end, ()) = tokio::join!(next(&mut chunks), trickle);

    let error = end.expect("an end").expect_err("silence");
    assert_eq!(error.to_string(), "nothing came for 120s");
}

#[tokio::test]
async fn a_slow_reader_is_not_taken_for_a_silent_server() {
    let (sign, came) = cue();
    let server = Server::play([vec![
        Act::Send(format!("{STREAM}{}", event("one", None)).into()),
        Act::OnCue(event("two", Some("STOP")).into(), came),
    ]]);
    let (remote, clock) = client(&server);
    let mut chunks = remote.stream_generate_content(hello(), RequestOptions::default());
    next(&mut chunks).await.expect("a chunk").expect("a chunk");

    clock.advance(3_600 * SECOND);
    let later = async {
        tokio::task::yield_now().await;
        sign.send(()).expect("the server listens");
        drop(sign);
    };
    let (two, ()) = tokio::join!(next(&mut chunks), later);

    assert_eq!(
        two.expect("a chunk")
            .expect("a chunk")
            .text()
            .expect("a text"),
        "two"
    );
    assert!(next(&mut chunks).await.is_none());
}

#[tokio::test]
async fn the_limits_of_a_request_are_its_own() {
    let silent = || vec![Act::Silence];
    let server = Server::play([silent(), silent()]);
    let (remote, clock) = client(&server);
    let options = RequestOptions::default()
        .timeout(300 * SECOND)
        .idle_timeout(90 * SECOND);

    let asked = remote.generate_content(hello(), options.clone());
    let (reply, ()) = tokio::join!(asked, clock.pass());
    assert_eq!(
        reply.expect_err("silence").to_string(),
        "the answer was not whole after 300s"
    );

    let mut chunks = remote.stream_generate_content(hello(), options);
    let (end, ()) = tokio::join!(next(&mut chunks), clock.pass());
    let error = end.expect("an end").expect_err("silence");
    assert_eq!(error.to_string(), "nothing came for 90s");
}

#[tokio::test]
async fn nobody_waits_for_another_attempt_past_the_deadline() {
    let info = "type.googleapis.com/google.rpc.RetryInfo";
    let details = serde_json::json!([{"@type": info, "retryDelay": "40s"}]);
    let server = Server::always(3, &error(503, "UNAVAILABLE", details));
    let (remote, clock) = client(&server);
    let options = RequestOptions::default().timeout(70 * SECOND);

    let error = remote
        .generate_content(hello(), options)
        .await
        .expect_err("no success");

    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.attempts().len(), 2);
    assert_eq!(clock.slept(), [40 * SECOND]);
}

#[tokio::test]
async fn dropping_an_answer_closes_its_connection() {
    let (told, gone) = std::sync::mpsc::channel();
    let server = Server::play([vec![
        Act::Send(format!("{STREAM}{}", event("so far", None)).into()),
        Act::Silence,
        Act::Tell(told),
    ]]);
    let (remote, _) = client(&server);

    let mut chunks = remote.stream_generate_content(hello(), RequestOptions::default());
    next(&mut chunks).await.expect("a chunk").expect("a chunk");
    drop(chunks);

    let gone = tokio::task::spawn_blocking(move || gone.recv_timeout(30 * SECOND));
    gone.await
        .expect("no panic")
        .expect("the server sees the client go");
}
