//! Streams and responses as proxies, gateways and other services change them.

use generativeai::ErrorKind;
use serde_json::json;

use super::answers::{json_of, stream_of};
use super::*;
use crate::support::Server;
use crate::support::mode::{MODES, Mode};
use crate::support::server::{STREAM, event, reply};

/// Row 2 of tests/field.md: what proxies make of a stream.
#[tokio::test]
async fn a_reply_is_read_in_every_framing() {
    let chunks = [reply("Hel", None), reply("lo!", Some("STOP"))];
    let [a, b] = chunks.each_ref().map(ToString::to_string);
    let pretty = chunks.each_ref().map(|chunk| format!("{chunk:#}"));
    let data = |text: &str| {
        let lines = text.lines().map(|line| format!("data: {line}\n"));
        lines.collect::<String>() + "\n"
    };
    for body in [
        // Without the blank lines between events.
        format!("data: {a}\ndata: {b}\n\n"),
        format!("data: {a}\r\ndata: {b}\r\n"),
        format!("data: {a}\ndata: {b}\ndata: [DONE]"),
        format!("data: {a}\ndata:\ndata: {b}\ndata: [DONE]\n\n"),
        // Without the fields.
        format!("{a}\n{b}\n"),
        format!("{a}{b}"),
        // In an array, in one event.
        format!("data: [{a},{b}]\n\n"),
        format!("[\n{a}\n,\r\n{b}\n]\n"),
        // On several lines.
        pretty.concat(),
        format!("[{}]", pretty.join(",\r\n")),
        data(&pretty[0]) + &data(&pretty[1]),
        // With other events between them.
        format!(
            ": PROCESSING\n\nevent: ping\ndata: {{\"type\": \"ping\"}}\n\ndata: {a}\n\ndata: \n\ndata: {b}\n\n"
        ),
        format!("retry: 3000\nid: 1\nevent: message\ndata: {a}\n\nid: 2\ndata:{b}\n\n"),
        format!("data:\t{a}\n\n\0\n\ndata:  {b}  \n\n"),
    ] {
        let mut chat = chat(&client(&stream_of(&body)).0);

        let reply = chat.send_message("Hello").stream().finish().await;

        let reply = reply.unwrap_or_else(|error| panic!("{body}: {error:#}"));
        assert_eq!(reply.text().expect("a text"), "Hello!", "{body}");
    }
    // One that is cut stays one.
    let cut = format!("data: {a}\ndata: {}", &b[..b.len() - 3]);
    let error = streamed(&client(&stream_of(&cut)).0).await.1;
    assert_eq!(error.expect("an error").kind(), ErrorKind::Truncated);
}

/// Returns a stream of one complete reply, without the events after it.
fn complete() -> String {
    let usage = json!({"usageMetadata": {"totalTokenCount": 7}});
    let last = event("lo!", Some("STOP"));
    format!("{}{last}data: {usage}\r\n\r\n", event("Hel", None))
}

/// Row 2 of tests/field.md.
#[tokio::test]
async fn events_after_the_finish_reason_change_nothing() {
    for rest in [
        "data: [DONE]\n\n",
        "data: [DONE]",
        "[DONE]\n",
        "data: null\n\n",
        "data: \"\"\n\n",
        "data: {}\n\n",
        "data: []\n\n",
        ": done\n\n",
        "event: done\ndata: bye\n\n",
        "data: {\"usageMetadata\":{\"totalTok\n\n",
        "data: {\"usageMetadata\":{\"totalTok",
        "{\"usageMetadata\":",
        "data: {\"usageMetadata\":7}\n\n",
        "<html>",
    ] {
        let server = stream_of(&format!("{}{rest}", complete()));
        let mut chat = chat(&client(&server).0);

        let reply = chat.send_message("Hello").stream().finish().await;

        let reply = reply.unwrap_or_else(|error| panic!("{rest}: {error}"));
        assert_eq!(reply.text().expect("a text"), "Hello!");
        let usage = reply.usage_metadata.expect("usage");
        assert_eq!(usage.total_token_count, Some(7), "{rest}");
        assert_eq!(chat.history().len(), 2);
    }
}

/// Row 2 of tests/field.md.
#[tokio::test]
async fn usage_after_the_finish_reason_is_read_and_an_error_is_returned() {
    let usage = json!({"usageMetadata": {"totalTokenCount": 9}});
    let body = format!("{}data: [DONE]\n\ndata: {usage}\n\n", complete());
    let mut chat = chat(&client(&stream_of(&body)).0);
    let reply = chat
        .send_message("Hello")
        .stream()
        .finish()
        .await
        .expect("a reply");
    assert_eq!(
        reply.usage_metadata.expect("usage").total_token_count,
        Some(9)
    );

    let failed = json!({"error": {"code": 500, "status": "INTERNAL", "message": "broken"}});
    let body = format!("{}data: {failed}\n\n", complete());
    let error = streamed(&client(&stream_of(&body)).0)
        .await
        .1
        .expect("an error");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

/// Row 2 of tests/field.md.
#[tokio::test]
async fn a_body_that_ends_badly_after_the_finish_reason_is_complete() {
    let array = format!("{STREAM}[{},", reply("Hello!", Some("STOP")));
    let after = format!("{STREAM}[{}] ok", reply("Hello!", Some("STOP")));
    for sent in [array, after] {
        let (texts, error) = streamed(&client(&Server::always(1, &sent)).0).await;
        assert_eq!(texts.concat(), "Hello!");
        assert!(error.is_none(), "{error:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_after_the_finish_reason_is_an_error() {
    let event = complete();
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let cut = format!("{head}{:x}\r\n{event}\r\n", event.len());

    let (texts, error) = streamed(&client(&Server::always(1, &cut)).0).await;

    assert_eq!(texts.concat(), "Hello!");
    assert_eq!(error.expect("an error").kind(), ErrorKind::Unreachable);
}

/// Row 2 of tests/field.md: tools that the service runs itself continue a reply after a finish reason.
#[tokio::test]
async fn content_after_a_finish_reason_is_part_of_the_reply() {
    let begun = event("Hel", Some("STOP"));
    let body = format!("{begun}{}{}", event("lo", None), event("!", Some("STOP")));
    let (texts, error) = streamed(&client(&stream_of(&body)).0).await;
    assert_eq!((texts.concat().as_str(), error.is_none()), ("Hello!", true));

    let next = event("lo", None);
    for cut in [
        format!("{begun}{next}data: oops\n\n"),
        format!("{begun}{next}data: {{\"cand"),
        format!("{begun}{}", &next[..next.len() - 9]),
    ] {
        assert!(
            streamed(&client(&stream_of(&cut)).0).await.1.is_some(),
            "{cut}"
        );
    }
}

/// Row 2 of tests/field.md: every candidate of a reply has a finish reason.
#[tokio::test]
async fn a_reply_is_complete_once_each_candidate_is() {
    let chunk = |index: u32, finish: Option<&str>| {
        let mut chunk = reply("a", finish);
        chunk["candidates"][0]["index"] = index.into();
        format!("data: {chunk}\n\n")
    };
    let first = format!("{}{}", chunk(1, None), chunk(0, Some("STOP")));
    let open = format!("{first}data: oops\n\n{}", chunk(1, Some("STOP")));
    let (_, error) = streamed(&client(&stream_of(&open)).0).await;
    assert!(error.expect("an error").to_string().contains("oops"));
    let closed = format!("{first}{}data: oops\n\n", chunk(1, Some("STOP")));
    assert!(streamed(&client(&stream_of(&closed)).0).await.1.is_none());

    // Without an index, the position is the index.
    for (finish, is_open) in [(None, true), (Some("STOP"), false)] {
        let candidates =
            [finish, Some("STOP")].map(|finish| reply("a", finish)["candidates"][0].take());
        let body = format!(
            "data: {}\n\ndata: oops\n\n",
            json!({ "candidates": candidates })
        );
        let (_, error) = streamed(&client(&stream_of(&body)).0).await;
        assert_eq!(error.is_some(), is_open, "{body}");
    }
}

/// Row 2 of tests/field.md.
#[tokio::test]
async fn keep_alives_before_the_finish_reason_are_skipped() {
    for between in [
        "data: null\n\n",
        "data: \"\"\n\n",
        "data:\n\n",
        "data: []\n\n",
        "data: [null]\n\n",
        ": keep-alive\n\n",
        "event: ping\ndata: {}\n\n",
    ] {
        let body = format!(
            "{between}{}{between}{}",
            event("Hel", None),
            event("lo!", Some("STOP"))
        );
        let (texts, error) = streamed(&client(&stream_of(&body)).0).await;
        assert_eq!(texts.concat(), "Hello!", "{between}");
        assert!(error.is_none(), "{between}: {error:?}");
    }
}

/// Row 2 of tests/field.md.
#[tokio::test]
async fn a_chunk_or_an_error_inside_an_array_is_read() {
    let [first, last] = [reply("Hel", None), reply("lo!", Some("STOP"))];
    for body in [
        format!("data: [{first}]\n\ndata: [{last}]\n\n"),
        format!("data: [{first},null,{last}]\n\n"),
        format!("[[{first}],{last}]"),
    ] {
        let (texts, error) = streamed(&client(&stream_of(&body)).0).await;
        assert_eq!(texts.concat(), "Hello!", "{body}");
        assert!(error.is_none(), "{body}: {error:?}");
    }
    let failed = json!([{"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "no"}}]);
    let body = format!("{}data: {failed}\n\n", event("Hel", None));
    let error = streamed(&client(&stream_of(&body)).0)
        .await
        .1
        .expect("an error");
    assert_eq!(error.kind(), ErrorKind::Authentication);

    let server = json_of(&format!("[{}]", reply("Hello!", Some("STOP"))));
    assert_eq!(whole(&client(&server).0).await.expect("a reply"), "Hello!");
}

/// Row 2 of tests/field.md.
#[tokio::test]
async fn anything_else_before_the_finish_reason_is_an_error_that_quotes_it() {
    for other in [
        "[DONE]",
        "ping",
        "42",
        "{\"candidates\":7}",
        "\"text\"",
        "<ping/>",
    ] {
        let body = format!("{}data: {other}\n\n", event("so far", None));
        let mut chat = chat(&client(&stream_of(&body)).0);

        let error = chat
            .send_message("Hello")
            .stream()
            .finish()
            .await
            .expect_err(other);

        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().contains(other), "{error}");
        assert_eq!(kept(&chat), "so far");
    }
}

/// Row 2 of tests/field.md: Code Assist, the service behind the Gemini CLI, wraps each response.
#[tokio::test]
async fn a_response_in_an_envelope_is_read() {
    let wrapped =
        |text: &str, reason: Option<&str>| json!({"response": reply(text, reason), "traceId": "t"});
    let server = json_of(&wrapped("Hello!", Some("STOP")).to_string());
    assert_eq!(whole(&client(&server).0).await.expect("a reply"), "Hello!");

    let events = [wrapped("One, ", None), wrapped("two.", Some("STOP"))];
    let events: String = events.iter().map(|it| format!("data: {it}\n\n")).collect();
    for body in [events.as_str(), &format!("{events}data: [DONE]\n\n")] {
        let server = stream_of(body);
        let mut chat = chat(&client(&server).0);
        let reply = chat.send_message("Hi").stream().finish().await;
        assert_eq!(reply.expect("a reply").text().expect("a text"), "One, two.");
        assert_eq!(chat.history().len(), 2);
    }
}

/// Row 2 of tests/field.md.
#[tokio::test]
async fn a_response_of_another_api_is_an_error_that_names_its_members() {
    let completion = r#"{"choices":[{"message":{"content":"Hi"}}],"object":"chat.completion"}"#;
    for (body, members) in [
        (completion, "`choices`, `object`"),
        (r#"{"response":"Hello","done":true}"#, "`response`, `done`"),
    ] {
        for mode in MODES {
            let server = match mode {
                Mode::Streamed => stream_of(&format!("data: {body}\n\n")),
                Mode::Awaited => json_of(body),
            };
            let mut chat = chat(&client(&server).0);
            let reply = mode.send(&mut chat, "Hi").await;

            let error = reply.expect_err("no reply");
            assert_eq!(error.kind(), ErrorKind::Empty);
            assert!(error.to_string().contains(members), "{error}");
        }
    }
}

/// Rows 4 and 6 of tests/field.md.
#[tokio::test]
async fn a_reply_with_both_spellings_of_its_members_is_read() {
    let body = r#"{"candidates":[{"content":{"parts":[{"text":"Hello!"}],"role":"model"},"finish_reason":"STOP","finishReason":1.0,
        "safety_ratings":[],"safetyRatings":[]}],"usage_metadata":{"total_token_count":3},"usageMetadata":{"totalTokenCount":3}}"#;
    let event = format!("data: {}\n\n", body.replace('\n', " "));
    for mode in MODES {
        let server = match mode {
            Mode::Streamed => stream_of(&event),
            Mode::Awaited => json_of(body),
        };
        let mut chat = chat(&client(&server).0);
        let reply = mode.send(&mut chat, "Hi").await;
        let reply = reply.expect("a reply");
        assert_eq!(reply.text().expect("a text"), "Hello!");
        assert_eq!(
            reply.usage_metadata.expect("usage").total_token_count,
            Some(3)
        );
    }
}
