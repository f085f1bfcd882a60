//! What follows the end of a hop: another hop, a resumption, or the end of the reply.

use std::future::IntoFuture;

use generativeai::protocol::content::{Content, ExecutableCode, Language, Part};
use generativeai::protocol::response::{FinishReason, GenerateContentResponse};
use generativeai::testing::Scripted;
use generativeai::{ChatSession, Error, ErrorKind, GenerativeModel};

use super::{ended, hop, last, tokens};
use crate::support::poll::run;

fn unavailable() -> Error {
    Error::new(ErrorKind::Unavailable, "overloaded").with_http_code(503)
}

/// Returns a stream that ends without a finish reason, as if its connection was cut.
fn cut(parts: impl Into<Content>) -> GenerateContentResponse {
    let mut chunk = GenerateContentResponse::from(parts.into().role("model"));
    chunk.candidates[0].finish_reason = None;
    chunk
}

/// Sends a message to a model whose first hop is "Once " with a token. Returns the chat, the result and the number of
/// requests.
fn send(
    rest: impl FnOnce(Scripted) -> Scripted,
) -> (ChatSession, Result<String, ErrorKind>, usize) {
    let script = rest(Scripted::default().then_stream([hop("Once ", "a")]));
    let mut chat = GenerativeModel::new("m")
        .backend(script.clone())
        .start_chat();
    let reply = run(chat.send_message("Hi").stream().finish());
    let result = reply.map(|reply| reply.text_lossy());
    (
        chat,
        result.map_err(|error| error.kind()),
        tokens(&script).len(),
    )
}

#[test]
fn the_end_of_a_hop_decides_what_follows() {
    type Rest = fn(Scripted) -> Scripted;
    let whole = Ok("Once upon a time".to_owned());
    let rows: [(&str, Rest, Result<String, ErrorKind>, usize); 6] = [
        (
            "an error response ends the reply, since the backend has retried it",
            |script| {
                script
                    .then_error(&[], unavailable())
                    .then_text("upon a time")
            },
            Err(ErrorKind::Unavailable),
            2,
        ),
        (
            "an error after a chunk is resumed",
            |script| {
                script
                    .then_error(&["upon "], unavailable())
                    .then_text("upon a time")
            },
            whole.clone(),
            3,
        ),
        (
            "an error that is not retryable ends the reply",
            |script| {
                let unreadable = Error::new(ErrorKind::Decode, "not JSON");
                script
                    .then_error(&["upon "], unreadable)
                    .then_text("upon a time")
            },
            Err(ErrorKind::Decode),
            2,
        ),
        (
            "a stream that ends early is resumed",
            |script| script.then_stream([cut("upon ")]).then_text("upon a time"),
            whole,
            3,
        ),
        (
            "an earlier error explains why the last stream ended early",
            |script| {
                (0..3).fold(script.then_fail(&[]), |script, _| {
                    script.then_stream([cut("upon ")])
                })
            },
            Err(ErrorKind::Unreachable),
            5,
        ),
        (
            "a request to continue without a new token is the end of the reply",
            |script| {
                let endless = ended(Content::model("upon "), FinishReason::Continuation);
                script.then_stream([endless]).then_text("a time")
            },
            Err(ErrorKind::Stopped),
            2,
        ),
    ];
    for (name, rest, expected, requests) in rows {
        let (_, result, sent) = send(rest);

        assert_eq!((result, sent), (expected, requests), "{name}");
    }
}

#[test]
fn a_token_of_an_earlier_attempt_is_not_resumed_without_automatic_continuation() {
    let script = Scripted::default()
        .then_stream([hop("Once ", "a")])
        .then_fail(&["upon "])
        .then_text("upon a time");
    let model = GenerativeModel::new("m").backend(script.clone());
    let mut chat = model.automatic_continuation(false).start_chat();

    run(chat.send_message("Hi").into_future()).unwrap_err();
    let error = run(chat.retry().into_future()).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(tokens(&script), [None, Some("a".to_owned())]);
}

#[test]
fn parts_that_are_not_text_are_repeated_as_a_whole() {
    let code = |code: &str| {
        Part::from(
            ExecutableCode::default()
                .language(Language::Python)
                .code(code),
        )
    };
    for (repeated, error, kept) in [("1 + 1", None, 3), ("2 + 2", Some(ErrorKind::Truncated), 0)] {
        let (chat, result, _) = send(|script| {
            let again = Content::model([code(repeated), Part::text("is two")]);
            script
                .then_stream([cut([code("1 + 1")])])
                .then_stream([last(again)])
        });

        let parts = chat.history().last().map_or(0, |reply| reply.parts.len());
        assert_eq!((result.err(), parts), (error, kept), "{repeated}");
    }
}

#[test]
fn a_signature_that_first_comes_with_repeated_text_is_kept() {
    let (chat, result, _) = send(|script| {
        let signed = Part::text("upon ").thought_signature("c2ln");
        let again = Content::model([signed, Part::text("a time")]);
        script
            .then_stream([cut("upon ")])
            .then_stream([last(again)])
    });

    assert_eq!(result.as_deref(), Ok("Once upon a time"));
    let parts = &chat.history()[1].parts;
    let signatures: Vec<_> = parts
        .iter()
        .filter_map(|part| part.thought_signature.as_deref())
        .collect();
    assert_eq!(signatures, ["c2ln"]);
}

#[test]
fn the_error_of_a_later_hop_has_the_earlier_ones() {
    let script = Scripted::default()
        .then_stream([hop("Once ", "a")])
        .then_error(&[], unavailable());
    let model = GenerativeModel::new("m").backend(script);

    let error = run(model.generate_content("Hi").into_future()).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.response().unwrap().text_lossy(), "Once ");
}

#[test]
fn the_end_of_another_candidate_is_not_the_end_of_a_hop() {
    let mut other = ended(Content::model("Never"), FinishReason::Stop);
    other.candidates[0].index = Some(1);
    let script = Scripted::default()
        .then_stream([hop("Once ", "a"), other])
        .then_text("upon a time");
    let model = GenerativeModel::new("m").backend(script);

    let reply = run(model.generate_content("Hi").stream().finish()).unwrap();

    let texts = reply.candidates.iter().map(|one| one.parts()[0].as_text());
    assert_eq!(
        Vec::from_iter(texts),
        [Some("Once upon a time"), Some("Never")]
    );
}
