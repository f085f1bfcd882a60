//! The blocking API over a socket: failures are reported as in the async API.

use generativeai::blocking::GenerativeModel;
use generativeai::{ErrorKind, Reason, RequestOptions};
use serde_json::json;

use super::*;
use crate::support::server::{STREAM, answer, error, event, reply};
use crate::support::{Act, Server};

fn model(server: &Server) -> GenerativeModel {
    GenerativeModel::new("m").backend(client(server).0)
}

fn in_chunks() -> Vec<Act> {
    let events = [("One, ", None), ("two, ", None), ("three.", Some("STOP"))];
    let events = events.map(|(text, end)| event(text, end)).concat();
    vec![Act::Send(format!("{STREAM}{events}").into())]
}

fn success() -> String {
    let reply = reply("Hello!", Some("STOP")).to_string();
    answer("200 OK", "application/json", &reply)
}

#[test]
fn a_stream_that_is_dropped_after_any_chunk_leaves_a_usable_chat() {
    for read in 1..=4 {
        let server = Server::play([in_chunks(), vec![Act::Send(success().into())]]);
        let mut chat = model(&server).start_chat();

        let mut stream = chat.send_message("Count").stream();
        let texts = (&mut stream).take(read).map(|chunk| {
            let chunk = chunk.expect("a chunk");
            chunk.text().expect("a text")
        });
        let text: String = texts.collect();
        drop(stream);

        // The fourth call finds the end, which completes the turn.
        let complete = read == 4;
        assert_eq!(chat.history().len(), if complete { 2 } else { 0 }, "{read}");
        if let Some(unfinished) = chat.unfinished() {
            assert!(matches!(unfinished.reason, Reason::Interrupted), "{read}");
            let received = unfinished.received.as_ref();
            let kept = received.map(|reply| reply.text().expect("a text"));
            assert_eq!(kept.unwrap_or_default(), text, "{read}");
        }
        let next = chat.send_message("Hello").send().expect("a reply");
        assert_eq!(next.text().expect("a text"), "Hello!", "{read}");
    }
}

#[test]
fn transient_errors_are_retried_and_permanent_ones_returned() {
    let down = error(503, "UNAVAILABLE", json!([]));
    let refused = error(404, "NOT_FOUND", json!([]));
    let count = answer("200 OK", "application/json", "{\"totalTokens\":3}");
    let answers = [down.clone(), success(), down, count, refused];
    let server = Server::play(answers.map(|answer| vec![Act::Send(answer.into())]));
    let model = model(&server);

    let asked = model.generate_content("Hello").send();
    assert_eq!(asked.expect("a reply").text().expect("a text"), "Hello!");
    let counted = model.count_tokens("a b c").send();
    assert_eq!(counted.expect("a count").total_tokens, Some(3));
    let error = model.start_chat().send_message("Hello").send();
    let error = canary::checked(error.expect_err("no such model"));
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(server.received().len(), 5);
}

#[test]
fn a_model_is_described_with_its_own_request_options() {
    let down = error(503, "UNAVAILABLE", json!([]));
    let described = json!({"name": "models/m", "inputTokenLimit": 8192, "new": 1}).to_string();
    let described = answer("200 OK", "application/json", &described);
    let answers = [down.clone(), described, down];
    let server = Server::play(answers.map(|answer| vec![Act::Send(answer.into())]));
    let model = model(&server);

    let info = model.describe().expect("a description");
    assert_eq!(info.input_token_limit, Some(8192));
    assert_eq!(server.received()[1].line, "GET /v1beta/models/m HTTP/1.1");

    let without_retry = RequestOptions::default().without_retry();
    let error = model.request_options(without_retry).describe();
    assert_eq!(
        error.expect_err("it is down").kind(),
        ErrorKind::Unavailable
    );
    assert_eq!(server.received().len(), 3);
}

#[test]
fn a_connection_that_breaks_in_mid_stream_leaves_the_partial_reply() {
    let cut = format!("{STREAM}{}", event("so far", None));
    let server = Server::play([vec![Act::Send(cut.into())]]);
    let mut chat = model(&server).start_chat();

    let mut stream = chat.send_message("Hello").stream();
    let first = stream.next().expect("a chunk").expect("a chunk");
    let error = stream.next().expect("an end").expect_err("it was cut");
    assert!(stream.next().is_none());
    drop(stream);

    assert_eq!(first.text().expect("a text"), "so far");
    assert_eq!(canary::checked(error).kind(), ErrorKind::Truncated);
    assert!(chat.history().is_empty());
    assert_eq!(kept(&chat.into()), "so far");
}
