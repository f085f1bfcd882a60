//! Recorder and cassette: exchanges are recorded and played back.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use generativeai::protocol::content::{Content, Part};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::protocol::status::Status;
use generativeai::testing::{Cassette, Recorder, Scripted};
use generativeai::{
    Attempt, Backend, ChatSession, Error, ErrorKind, Function, GenerativeModel, RequestOptions,
    check_backend,
};
use serde_json::{Value, json};

/// Path of a cassette in a new folder, which is removed with all its contents at the end.
struct CassettePath(PathBuf);

impl CassettePath {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("generativeai-it-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder.join("cassette.jsonl"))
    }

    fn folder(&self) -> &Path {
        self.0.parent().unwrap()
    }
}

impl AsRef<Path> for CassettePath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for CassettePath {
    fn drop(&mut self) {
        fs::remove_dir_all(self.folder()).unwrap();
    }
}

fn chat(backend: impl Backend + 'static) -> ChatSession {
    GenerativeModel::new("m").backend(backend).start_chat()
}

fn record(path: impl AsRef<Path>, script: Scripted) -> Recorder {
    Recorder::create(path, script).expect("a new file")
}

fn play(path: impl AsRef<Path>) -> Cassette {
    Cassette::open(path).expect("a cassette")
}

fn lines(path: impl AsRef<Path>) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Returns the texts of the chunks of a streamed reply, and the error that ended it.
async fn streamed(chat: &mut ChatSession, message: &str) -> (Vec<String>, Option<Error>) {
    let mut reply = chat.send_message(message).stream();
    let mut texts = Vec::new();
    while let Some(chunk) = reply.next().await {
        match chunk {
            Ok(chunk) => texts.push(chunk.text_lossy()),
            Err(error) => return (texts, Some(error)),
        }
    }
    (texts, None)
}

#[tokio::test]
async fn a_stream_is_played_in_the_recorded_chunks() {
    let path = CassettePath::new();
    let expected = ["1,3", "45 metres"];
    let recorder = record(&path, Scripted::default().then_chunks(["1,3", "45 metres"]));
    let (recorded, failed) = streamed(&mut chat(recorder), "How tall is Ben Nevis?").await;
    assert!(failed.is_none(), "{failed:?}");

    let cassette = play(&path);
    let (played, failed) = streamed(&mut chat(cassette.clone()), "How tall is Ben Nevis?").await;

    assert!(failed.is_none(), "{failed:?}");
    assert_eq!(recorded, expected);
    assert_eq!(played, expected);
    assert_eq!(cassette.unplayed(), 0);
}

#[tokio::test]
async fn every_method_of_a_backend_is_recorded_and_played() {
    let path = CassettePath::new();
    async fn call_all(backend: &dyn Backend) -> Vec<String> {
        let options = RequestOptions::default;
        let request = || GenerateContentRequest::default().contents(["a b c"]);
        let count = Default::default();
        let generated = backend.generate_content(request(), options()).await;
        vec![
            format!("{generated:?}"),
            format!("{:?}", backend.count_tokens(count, options()).await),
            format!("{:?}", backend.list_models(None, options()).await),
            format!("{:?}", backend.get_model("m".into(), options()).await),
            format!(
                "{:?}",
                backend.get_cached_content("c".into(), options()).await
            ),
            format!(
                "{:?}",
                backend.embed_content(Default::default(), options()).await
            ),
            format!(
                "{:?}",
                backend
                    .batch_embed_contents(Default::default(), options())
                    .await
            ),
        ]
    }

    let recorded = call_all(&record(&path, Scripted::default().then_text("d"))).await;
    let played = call_all(&play(&path)).await;

    assert!(recorded[0].contains("\"d\""), "{recorded:?}");
    assert!(recorded[1].starts_with("Ok"), "{recorded:?}");
    assert_eq!(recorded, played);
    assert_eq!(lines(&path).len(), 1 + recorded.len());
}

#[tokio::test]
async fn an_error_is_played_with_all_its_details() {
    let path = CassettePath::new();
    let status: Status = serde_json::from_value(json!({
        "code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow down",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"}],
    }))
    .unwrap();
    let attempt = Attempt::new(1, "429", Duration::from_millis(7), Duration::from_secs(1));
    let error = Error::new(ErrorKind::RateLimited, "slow down")
        .with_source("too many")
        .with_status(status.clone())
        .with_http_code(429)
        .with_retry_after(Duration::from_secs(3))
        .with_attempts(vec![attempt.clone()]);
    let script = Scripted::default()
        .then_error(&["so far"], error.clone())
        .then_error(&[], error);
    let mut recorded = chat(record(&path, script));
    streamed(&mut recorded, "Hello").await;
    recorded.send_message("Hello").await.unwrap_err();

    let mut played = chat(play(&path));
    let (texts, broken) = streamed(&mut played, "Hello").await;
    let refused = played.send_message("Hello").await.unwrap_err();

    assert_eq!(texts, ["so far"]);
    for error in [broken.expect("an error"), refused] {
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert_eq!(error.to_string(), "slow down");
        assert_eq!(error.status(), Some(&status));
        assert_eq!(error.http_code(), Some(429));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
        assert_eq!(error.attempts(), std::slice::from_ref(&attempt));
        let cause = std::error::Error::source(&error).expect("a cause");
        assert_eq!(cause.to_string(), "too many");
    }
    let unfinished = played.unfinished().expect("a turn that failed");
    assert_eq!(unfinished.sent, Content::user("Hello"));
}

#[tokio::test]
async fn a_chat_with_tools_is_played_as_recorded() {
    let path = CassettePath::new();
    let tool = || {
        Function::new(
            "height",
            "The height of a mountain",
            |arguments: Value| async move {
                Ok::<_, Error>(json!({"of": arguments["name"], "metres": 1345}))
            },
        )
    };
    let script = Scripted::default()
        .then_call("height", json!({"name": "Ben Nevis"}))
        .then_chunks(["1,345 ", "metres"]);
    let with_tools = |backend: std::sync::Arc<dyn Backend>| {
        let chat = chat(backend).tools(tool());
        chat.automatic_function_calling(true)
    };
    let mut recorded = with_tools(std::sync::Arc::new(record(&path, script)));
    streamed(&mut recorded, "How tall is Ben Nevis?").await;

    let cassette = play(&path);
    let mut played = with_tools(std::sync::Arc::new(cassette.clone()));
    let (texts, error) = streamed(&mut played, "How tall is Ben Nevis?").await;

    assert!(error.is_none(), "{error:?}");
    assert_eq!(texts.concat(), "1,345 metres");
    assert_eq!(played.history(), recorded.history());
    assert_eq!((played.history().len(), cassette.unplayed()), (4, 0));
}

#[tokio::test]
async fn a_request_that_was_not_recorded_is_an_error_that_shows_the_difference() {
    let path = CassettePath::new();
    chat(record(&path, Scripted::default().then_text("1,345 metres")))
        .send_message("How tall is Ben Nevis?")
        .await
        .unwrap();
    let cassette = play(&path);
    let mut chat = chat(cassette.clone());

    let error = chat
        .send_message("How tall is Ben Macdui?")
        .await
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Request);
    let message = error.to_string();
    assert!(
        message.contains("/contents/0/parts/0/text: recorded"),
        "{message}"
    );
    assert!(
        message.contains("Ben Nevis?\"") && message.contains("Ben Macdui?\""),
        "{message}"
    );
    assert_eq!(cassette.unplayed(), 1);

    chat.send_message("How tall is Ben Nevis?").await.unwrap();
    let error = chat.send_message("And wide?").await.unwrap_err();
    assert!(error.to_string().contains("have been played"), "{error}");
}

#[tokio::test]
async fn a_request_that_was_recorded_with_another_method_is_an_error_that_names_it() {
    let path = CassettePath::new();
    let recorder = record(&path, Scripted::default().then_text("1,345 metres"));
    streamed(&mut chat(recorder), "How tall is Ben Nevis?").await;
    let cassette = play(&path);

    let error = chat(cassette.clone())
        .send_message("How tall is Ben Nevis?")
        .await
        .unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("exchange 0 of")
            && message.contains(
                "has this request, but is `streamGenerateContent` and not `generateContent`"
            )
            && message.contains("loose()"),
        "{message}"
    );

    let other = chat(cassette.clone()).send_message("And in feet?").await;
    let message = other.unwrap_err().to_string();
    assert!(
        message.contains("no `generateContent` exchange left")
            && message.contains("exchange 0 is `streamGenerateContent`")
            && message.contains("loose()"),
        "{message}"
    );

    let counted = cassette.count_tokens(Default::default(), RequestOptions::default());
    let message = counted.await.unwrap_err().to_string();
    assert!(
        message.contains("no `countTokens` exchange left")
            && message.contains("exchange 0, is `streamGenerateContent`"),
        "{message}"
    );
    assert_eq!(cassette.unplayed(), 1);
}

#[tokio::test]
async fn the_same_request_is_played_as_often_as_it_was_recorded() {
    let path = CassettePath::new();
    let script = Scripted::default().then_fail(&[]).then_text("Hello!");
    let mut recorded = chat(record(&path, script));
    recorded.send_message("Hello").await.unwrap_err();
    recorded.retry().await.unwrap();

    let mut played = chat(play(&path));

    let error = played.send_message("Hello").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(played.retry().await.unwrap().text().unwrap(), "Hello!");
}

#[tokio::test]
async fn a_loose_cassette_plays_in_order_whatever_the_requests() {
    let path = CassettePath::new();
    let script = Scripted::default()
        .then_chunks(["o", "ne"])
        .then_text("two");
    let mut recorded = chat(record(&path, script));
    streamed(&mut recorded, "first").await;
    recorded.send_message("second").await.unwrap();

    let mut played = chat(play(&path).loose());

    let one = played.send_message("something").await.unwrap();
    assert_eq!(one.text().unwrap(), "one");
    assert_eq!(streamed(&mut played, "else").await.0, ["two"]);
    assert!(played.send_message("more").await.is_err());
}

#[tokio::test]
async fn concurrent_exchanges_keep_the_order_of_their_requests() {
    let path = CassettePath::new();
    let script = Scripted::default()
        .then_chunks(["fir", "st"])
        .then_text("second");
    let recorder = record(&path, script);
    let (mut one, mut other) = (chat(recorder.clone()), chat(recorder));
    let mut first = one.send_message("1").stream();
    first.next().await.unwrap().unwrap();
    other.send_message("2").await.unwrap();
    first.finish().await.unwrap();

    let mut played = chat(play(&path).loose());

    assert_eq!(lines(&path)[1]["number"], 1);
    assert_eq!(streamed(&mut played, "1").await.0, ["fir", "st"]);
}

#[tokio::test]
async fn a_dropped_reply_is_played_up_to_the_drop() {
    let path = CassettePath::new();
    let script = Scripted::default()
        .then_chunks(["read", "unread"])
        .then_hang(&[]);
    let mut recorded = chat(record(&path, script));
    let mut reply = recorded.send_message("Hello").stream();
    reply.next().await.unwrap().unwrap();
    drop(reply);
    let waiting = recorded.send_message("Hello?").into_future();
    assert!(crate::support::poll::poll_times(waiting, 3).is_none());

    let mut played = chat(play(&path));

    let (texts, error) = streamed(&mut played, "Hello").await;
    assert_eq!(texts, ["read"]);
    assert_eq!(error.expect("an end").kind(), ErrorKind::Truncated);
    let error = played.send_message("Hello?").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated);
}

#[tokio::test]
async fn a_secret_is_on_no_line_and_may_have_a_placeholder() {
    let path = CassettePath::new();
    let canary = "canary-7b1e40c2";
    let key = format!("AIza{}", "k".repeat(35));
    let error = Error::new(ErrorKind::Authentication, format!("no such key: {canary}"))
        .with_source(format!("{canary} is not {key}"));
    let script = Scripted::default()
        .then_text(format!("Your keys are {canary} and {key}"))
        .then_error(&[], error);
    let mut recorded = chat(record(&path, script).secret(canary));
    recorded
        .send_message(format!("I am {canary}"))
        .await
        .unwrap();
    recorded.send_message("Again").await.unwrap_err();

    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains(canary) && !text.contains(&key), "{text}");
    let mut played = chat(play(&path).secret("placeholder"));
    let reply = played.send_message("I am placeholder").await.unwrap();
    assert_eq!(reply.text().unwrap(), "Your keys are [secret] and [secret]");
}

#[tokio::test]
async fn clones_of_a_recorder_share_its_secrets() {
    let path = CassettePath::new();
    let recorder = record(&path, Scripted::always("Hello!"));
    let mut earlier = chat(recorder.clone());
    let _later = recorder.secret("canary");

    earlier.send_message("I am canary").await.unwrap();

    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("I am [secret]"), "{text}");
}

#[tokio::test]
async fn a_secret_split_over_two_chunks_is_an_error_and_not_recorded() {
    let chunk = |index: i32, part: Value| -> GenerateContentResponse {
        let content = json!({"role": "model", "parts": [part]});
        let candidate = json!({"index": index, "content": content});
        serde_json::from_value(json!({"candidates": [candidate]})).unwrap()
    };
    let argument = |piece: &str, more: bool| {
        let arg = json!({"jsonPath": "$.key", "stringValue": piece, "willContinue": more});
        let call = json!({"name": "f", "partialArgs": [arg], "willContinue": more});
        chunk(0, json!({"functionCall": call}))
    };
    let second = |text: &str| chunk(1, json!({"text": text}));
    for script in [
        Scripted::default().then_chunks(["can", "ary"]),
        Scripted::default().then_stream([second("can"), second("ary")]),
        Scripted::default().then_stream([argument("can", true), argument("ary", false)]),
    ] {
        let path = CassettePath::new();
        let mut recorded = chat(record(&path, script).secret("canary"));

        let (_, error) = streamed(&mut recorded, "Hello").await;

        let error = error.expect("an error");
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(!error.to_string().contains("canary"), "{error}");
        assert_eq!(lines(&path).len(), 1);
    }
}

#[cfg(feature = "remote")]
#[tokio::test]
async fn the_key_of_the_rest_api_is_not_recorded() {
    use crate::support::Server;
    use crate::support::server::{answer, reply};
    let path = CassettePath::new();
    let canary = "canary-7b1e40c2";
    let body = reply("Hello!", Some("STOP")).to_string();
    let refused = format!(r#"{{"error":{{"code":400,"message":"bad key {canary}"}}}}"#);
    let server = Server::play(
        [("200 OK", body), ("400 Bad Request", refused)]
            .map(|(status, body)| answer(status, "application/json", &body))
            .map(|answer| vec![crate::support::Act::Send(answer.into())]),
    );
    let remote = generativeai::Remote::builder()
        .base_url(server.url())
        .api_key(canary);
    let remote = remote.build().expect("good settings");
    let mut recorded = chat(Recorder::create(&path, remote).expect("a new file"));

    recorded.send_message("Hello").await.unwrap();
    recorded.send_message("Hello?").await.unwrap_err();

    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("Hello!") && !text.contains("canary"),
        "{text}"
    );
    let mut played = chat(play(&path));
    played.send_message("Hello").await.unwrap();
    let error = played.send_message("Hello?").await.unwrap_err();
    assert_eq!(error.http_code(), Some(400));
}

#[test]
fn a_recording_is_private_to_its_owner_and_never_overwritten() {
    let path = CassettePath::new();

    record(&path, Scripted::default());

    #[cfg(unix)]
    {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = Recorder::create(&path, Scripted::default()).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Configuration);
    let nowhere = path.folder().join("no/such/folder");
    assert!(Recorder::create(nowhere, Scripted::default()).is_err());
}

#[test]
fn a_truncated_corrupt_or_newer_cassette_is_rejected_with_file_and_line() {
    let path = CassettePath::new();
    let head = r#"{"cassette":1}"#;
    let line = r#"{"number":0,"method":"countTokens","request":{},"answers":[{}],"end":"whole"}"#;
    let cut = &line[..line.len() / 2];
    for (text, expected) in [
        (String::new(), "is not a cassette"),
        ("hello".into(), "is not a cassette"),
        ("{}".into(), "is not a cassette"),
        (r#"{"cassette":2}"#.into(), "has version 2"),
        (format!("{head}\n{line}\n{cut}"), "line 3 of the cassette"),
        (format!("{head}\n{cut}"), "is truncated"),
        (format!("{head}\n{cut}\n{line}"), "line 2 of the cassette"),
        (format!("{head}\nxyz\n"), "is not an exchange"),
        (
            format!("{head}\n{}\n", line.replace("whole", "hole")),
            "is not an exchange",
        ),
        (
            format!("{head}\n{}\n", line.replace("countTokens", "sing")),
            "is not an exchange",
        ),
    ] {
        fs::write(&path, &text).unwrap();

        let error = Cassette::open(&path).expect_err(&text);

        assert_eq!(error.kind(), ErrorKind::Configuration, "{text}");
        assert!(error.to_string().contains(expected), "{text}: {error}");
        assert!(error.to_string().contains("cassette.jsonl"), "{error}");
    }
    fs::write(&path, [b"{\"cassette\":1}\n".as_slice(), &[0xFF]].concat()).unwrap();
    assert!(Cassette::open(&path).is_err());
    assert!(Cassette::open(path.folder().join("missing")).is_err());
    assert!(Cassette::open(path.folder()).is_err());
    fs::write(&path, format!("{head}\n{line}\n")).unwrap();
    assert_eq!(play(&path).unplayed(), 1);
}

#[tokio::test]
async fn a_response_of_another_type_is_an_error() {
    let path = CassettePath::new();
    for answers in [json!([]), json!([7]), json!([{"totalTokens": "x"}])] {
        let line = json!({
            "number": 0, "method": "countTokens", "request": {}, "answers": answers, "end": "whole",
        });
        fs::write(&path, format!("{{\"cassette\":1}}\n{line}\n")).unwrap();

        let counted = play(&path).count_tokens(Default::default(), RequestOptions::default());

        let error = counted.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{answers}");
    }
}

#[tokio::test]
async fn a_recorder_and_a_cassette_pass_the_check_of_backends() {
    let path = CassettePath::new();
    let script = Scripted::default()
        .then_text("one")
        .then_chunks(["two ", "three"])
        .then_chunks(["dropped", "unread"])
        .then_text("four");

    let model = GenerativeModel::new("m");
    let recorder = record(&path, script);
    check_backend(&model.clone().backend(recorder))
        .await
        .unwrap();
    check_backend(&model.backend(play(&path))).await.unwrap();
}

#[tokio::test]
async fn unknown_members_are_played_unchanged() {
    let path = CassettePath::new();
    let part = json!({"text": "x", "thoughtSignature": "c2ln", "new": {"b": 1.50, "a": [null]}});
    let part: Part = serde_json::from_value(part).unwrap();
    let script = Scripted::default().then_parts([part.clone()]);
    chat(record(&path, script))
        .send_message("Hello")
        .await
        .unwrap();

    let mut played = chat(play(&path));
    played.send_message("Hello").await.unwrap();

    assert_eq!(played.history()[1].parts, [part]);
}
