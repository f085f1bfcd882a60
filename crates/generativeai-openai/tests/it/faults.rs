//! Tests of faults of a server, and of the errors that a chat reports.

use std::time::Duration;

use generativeai::{Backend, ErrorKind, GenerativeModel, RequestOptions};
use generativeai_openai::OpenAi;
use serde_json::json;

use crate::support::{Answer, CANARY, End, Server, completion, event, stream};

fn text(text: &str) -> String {
    event(json!({"content": text}), None)
}

#[tokio::test]
async fn transient_errors_are_retried_and_the_reply_is_returned() {
    for status in [408, 429, 500, 502, 503, 504] {
        let error = Answer::error(status, json!({"error": {"message": "busy"}}));
        let server = Server::play(vec![error.clone(), error, Answer::json(completion("Hi"))]).await;

        let reply = server.model().generate_content("Hi").await.unwrap();

        assert_eq!(reply.text().unwrap(), "Hi");
        assert_eq!(server.requests().len(), 3, "{status}");
    }
}

#[tokio::test]
async fn permanent_errors_are_not_retried_and_keep_their_message() {
    for (status, kind) in [
        (400, ErrorKind::Request),
        (401, ErrorKind::Authentication),
        (403, ErrorKind::Authentication),
        (404, ErrorKind::NotFound),
        (413, ErrorKind::Request),
        (422, ErrorKind::Request),
    ] {
        let body = json!({"error": {"message": format!("bad, {CANARY}"), "type": "t"}});
        let server = Server::play(vec![Answer::error(status, body)]).await;

        let error = server.model().generate_content("Hi").await.unwrap_err();

        assert_eq!((error.kind(), error.http_code()), (kind, Some(status)));
        assert_eq!(server.requests().len(), 1);
        let shown = format!("{error} {error:#?} {:?}", server.client());
        assert!(
            shown.contains("bad, [key]") && !shown.contains(CANARY),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_used_up_quota_is_not_retried() {
    let body = json!({"error": {"message": "pay", "code": "insufficient_quota"}});
    let server = Server::play(vec![Answer::error(429, body)]).await;

    let error = server.model().generate_content("Hi").await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Quota);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_long_wait_that_the_server_asks_for_is_reported() {
    let mut busy = Answer::error(429, json!({"error": {"message": "busy"}}));
    busy.headers.push_str("retry-after: 3600\r\n");
    let server = Server::play(vec![busy]).await;

    let error = server.model().generate_content("Hi").await.unwrap_err();

    assert_eq!(error.retry_after(), Some(Duration::from_secs(3_600)));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn bodies_of_proxies_become_a_short_excerpt() {
    let huge = "<b>x </b>".repeat(100_000);
    for (body, shown) in [
        ("", "502: empty response"),
        ("<html>\n Bad</html>", "502: an HTML page without a title"),
        (&huge, "502: <b>x"),
    ] {
        let server = Server::play(vec![Answer::error(502, body)]).await;
        let options = RequestOptions::default().without_retry();
        let model = server.model().request_options(options);

        let error = model.generate_content("Hi").await.unwrap_err();

        assert!(error.to_string().starts_with(shown), "{error}");
        assert!(error.to_string().len() < 1_000);
    }
    let server = Server::play(vec![Answer::json("<html>login</html>")]).await;
    let error = server.model().generate_content("Hi").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(
        error.to_string().contains("an OpenAI-compatible server"),
        "{error}"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    // Following it would send the key and the conversation to another host.
    let mut moved = Answer::error(307, "");
    moved
        .headers
        .push_str("location: http://example.com/v1\r\n");
    let server = Server::play(vec![moved]).await;

    let error = server.model().generate_content("Hi").await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("example.com"), "{error}");
}

#[tokio::test]
async fn an_error_in_mid_stream_ends_the_reply_with_its_beginning() {
    let error = json!({"error": {"message": "died", "code": 503}});
    for event in [
        format!("data: {error}\n\n"),
        format!("event: error\ndata: {error}\n\ndata: [DONE]\n\n"),
        format!("error: {}\n\n", error["error"]),
        format!("{error}\n"),
        format!(
            "data: {}\n\ndata: [DONE]\n\n",
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": error["error"]}]})
        ),
        format!(
            "data: {}\n\n",
            json!({"choices": [], "x_groq": {"error": "over_capacity"}})
        ),
        "data: {\"error\":\"runner stopped\"}\n\n".to_owned(),
        "data: {\"code\":\"InternalError\",\"message\":\"died\",\"request_id\":\"r\"}\n\n"
            .to_owned(),
    ] {
        let server = Server::play(vec![Answer::stream(text("Hel") + &event)]).await;
        let mut chat = server.model().start_chat();

        let error = chat.send_message("Hi").stream().finish().await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Unavailable, "{event}: {error:?}");
        assert_eq!(error.response().unwrap().text().unwrap(), "Hel");
        assert!(chat.history().is_empty() && chat.unfinished().is_some());
        assert_eq!(
            server.requests().len(),
            1,
            "nothing is retried after the first chunk"
        );
    }
}

#[tokio::test]
async fn an_error_before_the_first_chunk_is_retried() {
    // An event without content does not count as the first chunk.
    let role = event(json!({"role": "assistant", "content": ""}), None);
    let error = role + "data: {\"error\":{\"message\":\"busy\",\"code\":503}}\n\n";
    let server = Server::play(vec![Answer::stream(error), Answer::stream(stream("Hello"))]).await;
    let mut chat = server.model().start_chat();

    let reply = chat.send_message("Hi").stream().finish().await.unwrap();

    assert_eq!(reply.text().unwrap(), "Hello");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_stream_without_its_end_is_truncated() {
    let whole = stream("Hello");
    let finish = whole.find("\"stop\"").unwrap();
    for (body, end) in [
        (text("Hello"), End::Clean),
        (text("Hello") + "data: [DONE]\n\n", End::Clean),
        (text("Hello"), End::Cut),
        (whole[..finish].to_owned(), End::Clean),
        (whole[..finish].to_owned(), End::Cut),
    ] {
        let mut answer = Answer::stream(&body);
        answer.end = end;
        let server = Server::play(vec![answer]).await;
        let mut chat = server.model().start_chat();

        let error = chat.send_message("Hi").stream().finish().await.unwrap_err();

        let kinds = [ErrorKind::Truncated, ErrorKind::Unreachable];
        assert!(kinds.contains(&error.kind()), "{body} {error:?}");
        assert_eq!(error.response().unwrap().text().unwrap(), "Hello");
        assert!(chat.history().is_empty());
    }
}

#[tokio::test]
async fn the_end_marker_may_be_missing_doubled_or_without_a_blank_line() {
    let whole = stream("Hello");
    let body = whole.trim_end_matches("data: [DONE]\n\n");
    for (marker, end) in [
        ("", End::Clean),
        ("data: [DONE]\n\ndata: [DONE]\n\n", End::Clean),
        ("data: [DONE]", End::Clean),
        ("data: [DONE]\ndata: [DONE]\n\n", End::Clean),
        ("data: {\"choices\":[]}\ndata: [DONE]\n\n", End::Clean),
        ("data:[DONE]\r\n\r\n", End::Clean),
        // After the marker the state of the connection no longer matters.
        ("data: [DONE]\n\n", End::Cut),
        ("data: [DONE]\n\n", End::Silence),
    ] {
        let mut answer = Answer::stream(format!("{body}{marker}"));
        answer.end = end;
        let server = Server::play(vec![answer]).await;
        let mut chat = server.model().start_chat();

        let reply = chat.send_message("Hi").stream().finish().await;

        let reply = reply.unwrap_or_else(|error| panic!("{marker:?}: {error:?}"));
        assert_eq!(reply.text().unwrap(), "Hello");
        assert_eq!(reply.usage_metadata.unwrap().total_token_count, Some(3));
        assert_eq!(chat.history().len(), 2);
    }
}

#[tokio::test]
async fn comments_and_blank_lines_keep_a_connection_alive() {
    let alive = "\n\n: OPENROUTER PROCESSING\n\n:keep-alive\n\nevent: ping\nretry: 5\n\n";
    let body = stream("Hello").replace("data: ", &format!("{alive}event: message\nid: 1\ndata: "));
    let server = Server::play(vec![
        Answer::stream(body),
        Answer::json(format!("\n\n \r\n{}\n", completion("Hello"))),
    ])
    .await;

    let streamed = server.model().generate_content("Hi").stream().finish();
    let streamed = streamed.await.unwrap();
    let whole = server.model().generate_content("Hi").await.unwrap();

    assert_eq!(streamed.text().unwrap(), "Hello");
    assert_eq!(whole.text().unwrap(), "Hello");
}

#[tokio::test]
async fn every_split_of_a_stream_gives_the_same_reply() {
    // Pieces of 1 to 3 bytes end within characters of UTF-8, and between CR and LF.
    let body = stream("Grüße, \u{1f600}!").replace('\n', "\r\n");
    for piece in [1, 2, 3, 7, 64, body.len()] {
        let mut answer = Answer::stream(&body);
        answer.piece = piece;
        let server = Server::play(vec![answer]).await;

        let mut chat = server.model().start_chat();
        let reply = chat.send_message("Hi").stream().finish().await.unwrap();

        assert_eq!(reply.text().unwrap(), "Grüße, \u{1f600}!", "{piece}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_reaches_the_idle_limit_and_the_beginning_is_kept() {
    let mut answer = Answer::stream(text("Hel") + ": keep-alive\n\n");
    answer.end = End::Silence;
    let server = Server::play(vec![answer]).await;
    let mut chat = server.model().start_chat();

    let error = chat.send_message("Hi").stream().finish().await.unwrap_err();

    assert!(error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_after_all_attempts() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let client = OpenAi::builder()
        .base_url(url)
        .jitter_seed(1)
        .build()
        .unwrap();
    let retry = generativeai::Retry::default().initial(Duration::ZERO);
    let model = GenerativeModel::new("m")
        .backend(client)
        .request_options(RequestOptions::default().retry(retry));

    let error = model.generate_content("Hi").await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(error.attempts().len(), 4);
}

#[tokio::test]
async fn a_response_over_the_limit_is_refused() {
    let server = Server::play(vec![Answer::json(completion(&"x".repeat(10_000)))]).await;
    let client = OpenAi::builder()
        .base_url(&server.url)
        .api_key(CANARY)
        .response_limit(1_000)
        .build()
        .unwrap();

    let error = GenerativeModel::new("m")
        .backend(client)
        .generate_content("Hi")
        .await
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[tokio::test]
async fn a_key_is_needed_for_openai_alone_and_plain_http_only_with_permission() {
    let build = |url: &str| OpenAi::builder().base_url(url).api_key("some-key").build();
    assert_eq!(
        build("http://example.com/v1").unwrap_err().kind(),
        ErrorKind::Configuration
    );
    assert!(build("https://example.com/v1").is_ok());
    assert!(
        OpenAi::builder()
            .base_url("http://vllm:8000/v1")
            .allow_plain_http(true)
            .build()
            .is_ok()
    );
    let client = OpenAi::ollama().unwrap();
    let list = client.count_tokens(Default::default(), RequestOptions::default());
    assert_eq!(list.await.unwrap_err().kind(), ErrorKind::Unsupported);
}
