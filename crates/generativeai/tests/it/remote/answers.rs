//! Success responses, and the values or errors they become.

use generativeai::protocol::embeddings::EmbedContentRequest;
use generativeai::protocol::tokens::CountTokensRequest;
use generativeai::{Backend, ErrorKind, RequestOptions};
use serde_json::json;

use super::*;
use crate::support::server::{STREAM, answer, event, reply};
use crate::support::{Act, Server};

pub(super) fn stream_of(body: &str) -> Server {
    Server::play([vec![Act::Send(format!("{STREAM}{body}").into())]])
}

pub(super) fn json_of(body: &str) -> Server {
    Server::always(1, &answer("200 OK", "application/json", body))
}

#[tokio::test]
async fn a_unary_reply_is_read_and_the_request_is_the_documented_one() {
    let server = json_of(&reply("Hello!", Some("STOP")).to_string());
    let (remote, _) = client(&server);

    assert_eq!(whole(&remote).await.expect("a reply"), "Hello!");

    let request = &server.received()[0];
    assert_eq!(
        request.line,
        "POST /v1beta/models/m:generateContent HTTP/1.1"
    );
    assert_eq!(request.header("x-goog-api-key"), Some(CANARY));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert!(
        request
            .header("user-agent")
            .is_some_and(|agent| agent.starts_with("generativeai/"))
    );
    assert_eq!(
        request.header("content-length"),
        Some(request.body.len().to_string().as_str())
    );
    assert_eq!(
        request.json(),
        json!({"contents": [{"parts": [{"text": "Hello"}]}]})
    );
}

#[tokio::test]
async fn a_chat_streams_and_sends_its_history() {
    let first = format!(
        "{STREAM}{}{}",
        event("One, ", None),
        event("two.", Some("STOP"))
    );
    let second = answer(
        "200 OK",
        "application/json",
        &reply("Three.", Some("STOP")).to_string(),
    );
    let server = Server::play([
        vec![Act::Send(first.into())],
        vec![Act::Send(second.into())],
    ]);
    let mut chat = chat(&client(&server).0);

    let mut stream = chat.send_message("Count").stream();
    while let Some(chunk) = stream.next().await {
        chunk.expect("a chunk");
    }
    let reply = chat.send_message("Go on").await.expect("a reply");

    assert_eq!(reply.text().expect("a text"), "Three.");
    assert_eq!(chat.history().len(), 4);
    let requests = server.received();
    assert_eq!(
        requests[0].line,
        "POST /v1beta/models/m:streamGenerateContent?alt=sse HTTP/1.1"
    );
    assert_eq!(
        requests[1].json()["contents"],
        json!([
            {"role": "user", "parts": [{"text": "Count"}]},
            {"role": "model", "parts": [{"text": "One, two."}]},
            {"role": "user", "parts": [{"text": "Go on"}]},
        ])
    );
}

#[tokio::test]
async fn every_other_method_has_its_path() {
    let body = json!({
        "totalTokens": 7, "name": "models/m", "models": [{"name": "models/m"}],
        "embedding": {"values": [0.5]}, "embeddings": [{"values": [0.5]}],
    });
    let server = Server::always(6, &answer("200 OK", "application/json", &body.to_string()));
    let (remote, _) = client(&server);
    let options = RequestOptions::default;

    let inner = GenerateContentRequest::default().contents(["Hello"]);
    let count = CountTokensRequest::default()
        .model("models/m")
        .generate_content_request(inner);
    let counted = remote
        .count_tokens(count, options())
        .await
        .expect("a count");
    assert_eq!(counted.total_tokens, Some(7));
    let listed = remote
        .list_models(Some("a&b".into()), options())
        .await
        .expect("a list");
    assert_eq!(listed.models.len(), 1);
    let model = remote
        .get_model("m".into(), options())
        .await
        .expect("a model");
    assert_eq!(model.name.as_deref(), Some("models/m"));
    remote
        .get_cached_content("c".into(), options())
        .await
        .expect("a cache");
    let embed = EmbedContentRequest::new("Hello").model("models/e");
    let embedded = remote
        .embed_content(embed, options())
        .await
        .expect("a vector");
    assert_eq!(embedded.embedding.expect("a vector").values, [0.5]);
    let batch = generativeai::protocol::embeddings::BatchEmbedContentsRequest::default()
        .model("models/e")
        .requests([EmbedContentRequest::new("Hello")]);
    remote
        .batch_embed_contents(batch, options())
        .await
        .expect("vectors");

    let requests = server.received();
    let lines: Vec<_> = requests
        .iter()
        .map(|request| request.line.as_str())
        .collect();
    assert_eq!(
        lines,
        [
            "POST /v1beta/models/m:countTokens HTTP/1.1",
            "GET /v1beta/models?pageSize=1000&pageToken=a%26b HTTP/1.1",
            "GET /v1beta/models/m HTTP/1.1",
            "GET /v1beta/cachedContents/c HTTP/1.1",
            "POST /v1beta/models/e:embedContent HTTP/1.1",
            "POST /v1beta/models/e:batchEmbedContents HTTP/1.1",
        ]
    );
    let hello = json!([{"parts": [{"text": "Hello"}]}]);
    assert_eq!(
        requests[0].json(),
        json!({"generateContentRequest": {"model": "models/m", "contents": hello}})
    );
    assert_eq!(requests[4].json(), json!({"content": hello[0]}));
    assert_eq!(
        requests[5].json(),
        json!({"requests": [{"model": "models/e", "content": hello[0]}]})
    );
}

#[tokio::test]
async fn a_stream_may_be_an_array_or_bare_objects() {
    let (one, two) = (reply("one", None), reply("two", Some("STOP")));
    for body in [format!("[{one},\r\n{two}]"), format!("{one}\n{two}\n")] {
        let server = json_of(&body);
        assert_eq!(
            streamed(&client(&server).0).await.0,
            ["one", "two"],
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_finish_reason_in_mid_stream_does_not_end_the_stream() {
    let server = stream_of(&(event("a", Some("STOP")) + &event("b", Some("STOP"))));

    let (texts, error) = streamed(&client(&server).0).await;

    assert_eq!(
        (texts, error.is_none()),
        (vec!["a".into(), "b".into()], true)
    );
}

#[tokio::test]
async fn an_error_object_in_any_form_is_the_error_of_the_service() {
    let text = event("so far", None);
    let failed = json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "why"}});
    let pretty = serde_json::to_string_pretty(&failed).expect("JSON");
    for body in [
        format!("{STREAM}{text}data: {failed}\r\n\r\n"),
        format!("{STREAM}{text}{failed}\n"),
        format!("{STREAM}{text}{pretty}"),
        format!("{STREAM}[{},{failed}]", reply("so far", None)),
    ] {
        let server = Server::always(1, &body);

        let (texts, error) = streamed(&client(&server).0).await;

        let error = error.expect(&body);
        assert_eq!(texts, ["so far"], "{body}");
        assert_eq!(error.kind(), ErrorKind::Authentication, "{body}");
        assert_eq!(error.to_string(), "403 PERMISSION_DENIED: why");
        assert_eq!(error.status().and_then(|status| status.code), Some(403));
    }
    for body in [failed.to_string(), json!([failed]).to_string(), pretty] {
        let error = whole(&client(&json_of(&body)).0).await.expect_err(&body);
        assert_eq!(error.to_string(), "403 PERMISSION_DENIED: why", "{body}");
    }
}

#[tokio::test]
async fn the_chat_keeps_the_partial_reply_before_an_error_event() {
    let failed = error_event(503, "UNAVAILABLE");
    let server = stream_of(&(event("so far", None) + &failed));
    let mut chat = chat(&client(&server).0);

    let mut stream = chat.send_message("Hello").stream();
    assert!(stream.next().await.is_some_and(|chunk| chunk.is_ok()));
    let error = stream.next().await.expect("an end").expect_err("an error");
    drop(stream);

    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(kept(&chat), "so far");
    assert!(chat.history().is_empty());
}

fn error_event(code: u16, status: &str) -> String {
    format!(
        "data: {}\r\n\r\n",
        json!({"error": {"code": code, "status": status}})
    )
}

#[tokio::test]
async fn a_stream_that_ends_without_finish_reason_is_truncated_in_a_chat() {
    let server = stream_of(&event("so far", None));
    let mut chat = chat(&client(&server).0);

    let error = chat
        .send_message("Hello")
        .stream()
        .finish()
        .await
        .expect_err("no end");

    assert_eq!(error.kind(), ErrorKind::Truncated);
    assert!(chat.history().is_empty());
}

#[tokio::test]
async fn a_stream_that_ends_within_an_event_is_truncated() {
    let whole_event = event("lost", Some("STOP"));
    let whole_event = whole_event.trim_end();
    for cut in 1..whole_event.len() {
        let server = stream_of(&(event("so far", None) + &whole_event[..cut]));

        let (texts, error) = streamed(&client(&server).0).await;

        let error = error.expect("an error");
        assert_eq!(texts, ["so far"], "cut at {cut}");
        assert_eq!(error.kind(), ErrorKind::Truncated, "cut at {cut}");
    }
    let server = stream_of(&(event("so far", None) + whole_event));
    assert_eq!(streamed(&client(&server).0).await.0, ["so far", "lost"]);
}

#[tokio::test]
async fn an_array_that_stays_open_is_truncated() {
    for body in ["[", "[{}", "[{},", "[{},{\"candidates\":["] {
        let (_, error) = streamed(&client(&json_of(body)).0).await;
        assert_eq!(error.expect(body).kind(), ErrorKind::Truncated, "{body}");
    }
}

#[tokio::test]
async fn a_response_without_a_reply_is_empty() {
    for body in ["", " \r\n", "null"] {
        let error = whole(&client(&json_of(body)).0).await.expect_err(body);
        assert_eq!(error.kind(), ErrorKind::Empty, "{body:?}");
    }
    assert!(streamed(&client(&stream_of("")).0).await.1.is_none());
}

#[tokio::test]
async fn a_response_that_is_not_of_the_api_is_a_decode_error() {
    let page = "<!DOCTYPE html>\n<html>Log in to the hotel's network</html>";
    let deep = format!(
        "{{\"candidates\":{}{}}}",
        "[".repeat(1_000),
        "]".repeat(1_000)
    );
    for body in [page, "[1]", "{\"candidates\":7}", "{\"candidates\"", &deep] {
        let error = whole(&client(&json_of(body)).0).await.expect_err(body);
        assert_eq!(error.kind(), ErrorKind::Decode, "{body}");
        assert!(error.to_string().len() < 1_000, "{error}");
    }
    let bad_utf8 = [
        b"data: {\"candidates\":[{\"finishReason\":\"",
        &b"\xFF\""[..],
        b"}]}\n\n",
    ]
    .concat();
    let streams: [&[u8]; 4] = [page.as_bytes(), b"data: {]\n\n", b"[{} {}]", &bad_utf8];
    for body in streams {
        let server = Server::play([vec![Act::Send([STREAM.as_bytes(), body].concat())]]);
        let (_, error) = streamed(&client(&server).0).await;
        let error = error.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(body)));
        assert_eq!(
            error.kind(),
            ErrorKind::Decode,
            "{}",
            String::from_utf8_lossy(body)
        );
    }
    let server = stream_of(&format!("data: {deep}\n\n"));
    assert_eq!(
        streamed(&client(&server).0).await.1.map(|e| e.kind()),
        Some(ErrorKind::Decode)
    );
}

#[tokio::test]
async fn an_event_or_response_over_the_limit_is_rejected_while_it_arrives() {
    const MIB: usize = 1 << 20;
    let endless = |head: &str| {
        vec![
            Act::Send(head.into()),
            Act::Repeat(vec![b'x'; MIB], 65),
            Act::Silence,
        ]
    };
    for beginning in ["data: ", ": ", "{\"", "[\""] {
        let server = Server::play([endless(&format!("{STREAM}{beginning}"))]);
        let (_, error) = streamed(&client(&server).0).await;
        let error = error.expect(beginning);
        assert_eq!(error.kind(), ErrorKind::Limit, "{beginning}");
        assert!(error.to_string().contains("67108864 bytes"), "{error}");
    }
    let server = Server::play([endless(&STREAM.replace("event-stream", "plain"))]);
    assert_eq!(
        whole(&client(&server).0).await.expect_err("65 MiB").kind(),
        ErrorKind::Limit
    );

    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
        64 * MIB + 1
    );
    let server = Server::play([vec![Act::Send(head.into()), Act::Silence]]);
    assert_eq!(
        whole(&client(&server).0)
            .await
            .expect_err("the head")
            .kind(),
        ErrorKind::Limit
    );
}

#[tokio::test]
async fn a_unary_reply_may_arrive_in_pieces() {
    let body = reply("Hello!", Some("STOP")).to_string();
    let pieces = body.as_bytes().chunks(7).map(|piece| {
        let piece = String::from_utf8_lossy(piece);
        Act::Send(format!("{:x}\r\n{piece}\r\n", piece.len()).into())
    });
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let acts = [Act::Send(head.into())].into_iter().chain(pieces);
    let server = Server::play([acts.chain([Act::Send("0\r\n\r\n".into())]).collect()]);

    assert_eq!(whole(&client(&server).0).await.expect("a reply"), "Hello!");
}

#[tokio::test]
async fn a_limit_can_be_set() {
    let body = reply(&"x".repeat(100), Some("STOP")).to_string();
    // Without a length in its head, and in one piece.
    let length = body.len();
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
    );
    for server in [
        json_of(&body),
        Server::play([vec![Act::Send(chunked.into())]]),
    ] {
        let remote = built(builder(&server.url()).response_limit(100));

        let error = whole(&remote).await.expect_err("over the limit");

        assert_eq!(error.to_string(), "the response is larger than 100 bytes");
    }
}

#[tokio::test]
async fn a_hundred_thousand_tiny_events_are_read() {
    let events = "data: {}\n\n".repeat(1_000);
    let server = Server::play([vec![
        Act::Send(STREAM.into()),
        Act::Repeat(events.into(), 100),
        Act::Send(event("end", Some("STOP")).into()),
    ]]);

    let (texts, error) = streamed(&client(&server).0).await;

    assert!(error.is_none());
    assert_eq!(texts.len(), 100_001);
    assert_eq!(texts.last().map(String::as_str), Some("end"));
}

#[tokio::test]
async fn an_encoding_that_was_not_requested_is_rejected() {
    for encoding in ["gzip", "br", "deflate"] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\n\r\n");
        // The beginning of a gzip file; the rest is never read.
        let server = Server::play([vec![
            Act::Send([head.as_bytes(), &[0x1F, 0x8B, 8, 0, 0]].concat()),
            Act::Silence,
        ]]);
        let error = whole(&client(&server).0).await.expect_err(encoding);
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().contains(encoding), "{error}");
    }
}

#[tokio::test]
async fn remote_passes_the_check_of_backends() {
    let whole = |text| {
        answer(
            "200 OK",
            "application/json",
            &reply(text, Some("STOP")).to_string(),
        )
    };
    let stream = format!(
        "{STREAM}{}{}",
        event("two ", None),
        event("three", Some("STOP"))
    );
    let server = Server::play(
        [whole("one"), stream.clone(), stream, whole("four")]
            .map(|answer| vec![Act::Send(answer.into())]),
    );
    let (remote, _) = client(&server);

    let model = generativeai::GenerativeModel::new("m").backend(remote);
    generativeai::check_backend(&model)
        .await
        .expect("a backend that a chat can rely on");
}
