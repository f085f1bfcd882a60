//! The SDK's client against the server, over real connections.

use std::time::Duration;

use generativeai::protocol::content::Content;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::tokens::CountTokensRequest;
use generativeai::testing::Scripted;
use generativeai::{
    Backend, Error, ErrorKind, GenerativeModel, Remote, RequestOptions, Retry, check_backend,
};
use generativeai_server::Server;
use serde_json::json;

use crate::serve::{self, Running};
use crate::support::{Endless, Event, Tiny};

pub(crate) fn start(server: Server) -> (Running, Remote) {
    let running = serve::start(server);
    let remote = remote(&running, "s3cret");
    (running, remote)
}

/// Returns a client of a server.
pub(crate) fn remote(running: &Running, key: &str) -> Remote {
    let base = format!("http://{}", running.address);
    // No wait before a retry, unless the server asks for one.
    let retry = Retry::default().initial(Duration::ZERO);
    Remote::builder()
        .api_key(key)
        .base_url(base)
        .request_options(RequestOptions::default().retry(retry))
        .build()
        .expect("a client")
}

#[tokio::test]
async fn a_served_backend_passes_the_check_of_backends() {
    let script = Scripted::default()
        .then_text("one")
        .then_chunks(["two ", "three"])
        .then_chunks(["dropped", "unread"])
        .then_text("four");
    let (running, remote) = start(Server::new(script));

    check_backend(&GenerativeModel::new("gemini-flash").backend(remote))
        .await
        .expect("a backend that a chat can rely on");

    running.stop().await;
}

#[tokio::test]
async fn a_chat_with_a_function_call_works_over_the_wire() {
    let script = Scripted::default()
        .then_text("Hello!")
        .then_call("height", json!({"first_name": "Ben", "inMetres": true}))
        .then_chunks(["It is ", "1,345 m."]);
    let (running, remote) = start(Server::new(script.clone()).api_key("s3cret"));
    let mut chat = GenerativeModel::new("gemini-flash")
        .backend(remote)
        .start_chat();

    chat.send_message("Hi").await.expect("a reply");
    chat.send_message("How tall is Ben Nevis?")
        .await
        .expect("a call");
    let response = generativeai::protocol::content::FunctionResponse::new(
        "height",
        json!({"in_metres": 1345}),
    );
    let mut reply = chat.send_message(response).stream();
    let mut text = String::new();
    while let Some(chunk) = reply.next().await {
        text.push_str(&chunk.expect("a chunk").text().expect("text"));
    }
    drop(reply);

    assert_eq!(text, "It is 1,345 m.");
    assert_eq!(chat.history().len(), 6);
    let sent = script.requests();
    let sent: Vec<_> = sent[2].contents.iter().collect();
    assert_eq!(sent, chat.history()[..5].iter().collect::<Vec<_>>());
    running.stop().await;
}

#[tokio::test]
async fn models_and_token_counts_work_over_the_wire() {
    let (running, remote) = start(Server::new(Tiny(Scripted::default())));
    let options = RequestOptions::default;

    let list = remote.list_models(None, options()).await.expect("a list");
    let model = remote
        .get_model("models/gemini-flash".into(), options())
        .await
        .expect("a model");
    let mut count = CountTokensRequest::default().contents(["a", "b"].map(Content::from));
    count.model = Some("models/gemini-flash".into());
    let count = remote
        .count_tokens(count, options())
        .await
        .expect("a count");

    assert_eq!(list.models[0].name.as_deref(), Some("models/tiny"));
    assert_eq!(model.display_name.as_deref(), Some("MODELS/TINY"));
    assert_eq!(count.total_tokens, Some(2));
    running.stop().await;
}

#[tokio::test]
async fn errors_keep_their_kind_over_the_wire() {
    let (running, remote) = start(Server::new(Tiny(Scripted::default())).api_key("s3cret"));
    let wrong = self::remote(&running, "wrong");
    let options = RequestOptions::default;

    let unknown = remote
        .get_model("models/llama".into(), options())
        .await
        .expect_err("unknown");
    let wrong = wrong
        .list_models(None, options())
        .await
        .expect_err("a wrong key");

    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    assert_eq!(wrong.kind(), ErrorKind::Authentication);
    running.stop().await;
}

#[tokio::test]
async fn transient_faults_are_retried() {
    let script = Scripted::default().then_text("Hello!");
    let faults = "429x1,503x3".parse().expect("faults");
    let (running, remote) = start(Server::new(script).faults(faults));
    let mut chat = GenerativeModel::new("m").backend(remote).start_chat();

    let reply = chat.send_message("Hi").await.expect("the fourth attempt");

    assert_eq!(reply.text().expect("text"), "Hello!");
    running.stop().await;
}

#[tokio::test]
async fn an_error_and_a_lost_connection_in_mid_stream_keep_the_partial_reply() {
    for (fault, kind) in [
        ("error", ErrorKind::Unavailable),
        ("cut", ErrorKind::Unreachable),
    ] {
        let script = Scripted::default().then_chunks(["Hel", "lo!"]);
        let (running, remote) = start(Server::new(script).faults(fault.parse().expect("a fault")));
        let mut chat = GenerativeModel::new("m").backend(remote).start_chat();

        let mut reply = chat.send_message("Hi").stream();
        assert_eq!(
            reply
                .next()
                .await
                .expect("a chunk")
                .expect("a chunk")
                .text()
                .expect("text"),
            "Hel"
        );
        let error = reply.next().await.expect("an error").expect_err("an error");
        drop(reply);

        assert_eq!(error.kind(), kind, "{fault}: {error:?}");
        assert!(chat.history().is_empty());
        assert!(chat.unfinished().is_some());
        running.stop().await;
    }
}

#[tokio::test]
async fn dropping_a_reply_stops_the_work_of_the_server() {
    let (backend, mut events) = Endless::new(1);
    let (running, remote) = start(Server::new(backend));
    let mut chunks = remote.stream_generate_content(request(), RequestOptions::default());
    let next = std::future::poll_fn(|cx| chunks.as_mut().poll_next(cx));
    next.await.expect("a chunk").expect("a chunk");
    assert_eq!(events.recv().await, Some(Event::Started));

    drop(chunks);

    assert_eq!(events.recv().await, Some(Event::Dropped));
    running.stop().await;
}

#[tokio::test]
async fn eight_requests_are_served_at_once() {
    let script = (0..8).fold(Scripted::default(), |script, _| script.then_text("Hello!"));
    let (running, remote) = start(Server::new(script));
    let mut replies = tokio::task::JoinSet::new();

    for _ in 0..8 {
        replies.spawn(remote.generate_content(request(), RequestOptions::default()));
    }

    for reply in replies.join_all().await {
        assert_eq!(reply.expect("a reply").text().expect("text"), "Hello!");
    }
    running.stop().await;
}

fn request() -> GenerateContentRequest {
    GenerateContentRequest::default()
        .model("models/m")
        .contents("Hi")
}

/// The server maps kinds of errors to codes, and the client maps codes to kinds. Both tables must agree.
#[tokio::test]
async fn error_kinds_with_different_http_codes_survive_the_wire() {
    for (kind, received) in [
        (ErrorKind::Request, ErrorKind::Request),
        (ErrorKind::Authentication, ErrorKind::Authentication),
        (ErrorKind::NotFound, ErrorKind::NotFound),
        (ErrorKind::RateLimited, ErrorKind::RateLimited),
        (ErrorKind::Unavailable, ErrorKind::Unavailable),
        (ErrorKind::Timeout, ErrorKind::Timeout),
        (ErrorKind::Quota, ErrorKind::RateLimited),
        (ErrorKind::Unreachable, ErrorKind::Unavailable),
        (ErrorKind::Decode, ErrorKind::Unavailable),
    ] {
        let script = Scripted::default().then_error(&[], Error::new(kind, "a reason"));
        let (running, remote) = start(Server::new(script));
        let options = RequestOptions::default().without_retry();

        let error = remote.generate_content(request(), options).await;

        let error = error.expect_err("an error");
        assert_eq!(error.kind(), received, "{kind:?}");
        assert!(error.to_string().contains("a reason"), "{error}");
        running.stop().await;
    }
}
