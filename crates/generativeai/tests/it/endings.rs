//! Which replies complete a turn: finish reasons, blocks, and replies without content.

use generativeai::protocol::response::{FinishReason, GenerateContentResponse};
use generativeai::testing::Scripted;
use generativeai::{ErrorKind, GenerativeModel, Reason};
use serde_json::json;

use crate::support::chats::{chat, chunk, last_chunk, read, response, texts};

#[tokio::test]
async fn a_stream_without_a_finish_reason_is_truncated() {
    let script = Scripted::default().then_stream([chunk("half a"), chunk(" word")]);
    let mut chat = chat(script);

    let (_, failed) = read(&mut chat, "go").await;

    assert_eq!(failed, Some(ErrorKind::Truncated));
    assert!(matches!(
        chat.unfinished().unwrap().reason,
        Reason::Truncated
    ));
    assert!(chat.history().is_empty());
}

#[tokio::test]
async fn the_error_of_a_stream_is_returned_again_when_the_rest_is_read() {
    for pieces in [&["half"][..], &[]] {
        let script = Scripted::default().then_fail(pieces).then_fail(pieces);
        let model = GenerativeModel::new("m").backend(script);

        let mut chat = model.start_chat();
        let mut reply = chat.send_message("go").stream();
        while reply.next().await.is_some() {}
        let error = reply.finish().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert_eq!(error.response().is_some(), !pieces.is_empty());

        let mut reply = model.generate_content("go").stream();
        while reply.next().await.is_some() {}
        let error = reply.finish().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable);
    }
    let blocked = json!({"promptFeedback": {"blockReason": "SAFETY"}});
    for (message, kind) in [("", ErrorKind::Request), ("go", ErrorKind::Blocked)] {
        let script = Scripted::default().then_stream([response(blocked.clone())]);
        let mut chat = chat(script);
        let mut reply = chat.send_message(message).stream();
        while reply.next().await.is_some() {}
        assert_eq!(reply.finish().await.unwrap_err().kind(), kind);
    }
}

#[tokio::test]
async fn an_awaited_reply_without_a_finish_reason_is_complete() {
    let mut chat = chat(Scripted::default().then_stream([chunk("A")]));

    chat.send_message("a").await.unwrap();

    assert_eq!(texts(&chat), ["a", "A"]);
}

#[tokio::test]
async fn a_stop_is_the_last_item_of_the_stream_and_no_turn() {
    for name in [
        "SAFETY",
        "RECITATION",
        "MALFORMED_FUNCTION_CALL",
        "FULL_MOON",
    ] {
        let script = Scripted::default().then_stream([chunk("1"), last_chunk("2", name)]);
        let mut chat = chat(script);

        let (received, failed) = read(&mut chat, "go").await;

        assert_eq!(
            (received.len(), failed),
            (2, Some(ErrorKind::Stopped)),
            "{name}"
        );
        let reason = &chat.unfinished().unwrap().reason;
        assert!(
            matches!(reason, Reason::Stopped(reason) if reason.as_str() == name),
            "{name}: {reason:?}"
        );
        assert!(chat.history().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn an_unknown_finish_reason_stops_the_turn_and_is_kept_by_name() {
    let mut chat = chat(Scripted::default().then_stream([last_chunk("x", "FULL_MOON")]));

    let error = chat.send_message("go").await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(error.to_string().contains("FULL_MOON"), "{error}");
}

#[tokio::test]
async fn an_accepted_finish_reason_completes_the_turn() {
    let mut chat = chat(Scripted::default().then_stream([last_chunk("x", "RECITATION")]));

    let message = chat
        .send_message("go")
        .accept_finish_reasons([FinishReason::Recitation]);
    message.await.unwrap();

    assert_eq!(texts(&chat), ["go", "x"]);
}

#[tokio::test]
async fn a_later_stop_reason_does_not_undo_an_earlier_one() {
    let script =
        Scripted::default().then_stream([last_chunk("1", "SAFETY"), last_chunk("2", "STOP")]);
    let mut chat = chat(script);

    let (received, failed) = read(&mut chat, "go").await;

    assert_eq!(received, ["1", "2"], "the whole stream is read");
    assert_eq!(failed, Some(ErrorKind::Stopped));
}

#[tokio::test]
async fn a_block_anywhere_blocks() {
    let block = response(json!({"promptFeedback": {"blockReason": "SAFETY"}}));
    for script in [
        Scripted::default().then_stream([block.clone()]),
        Scripted::default().then_stream([chunk("1"), block, last_chunk("2", "STOP")]),
    ] {
        let mut chat = chat(script);

        let (_, failed) = read(&mut chat, "bad").await;

        assert_eq!(failed, Some(ErrorKind::Blocked));
        assert!(matches!(chat.unfinished().unwrap().reason, Reason::Blocked));
        assert!(chat.history().is_empty());
        assert!(chat.last().unwrap().is_blocked());
    }
}

#[tokio::test]
async fn chunks_without_a_candidate_are_normal() {
    let usage = || response(json!({"usageMetadata": {"totalTokenCount": 3}}));
    let nothing = GenerateContentResponse::default;
    let script = Scripted::default().then_stream([
        nothing(),
        chunk("1"),
        usage(),
        last_chunk("2", "STOP"),
        usage(),
        nothing(),
    ]);
    let mut chat = chat(script);

    let reply = chat.send_message("go").stream().finish().await.unwrap();

    assert_eq!(reply.text().unwrap(), "12");
    assert_eq!(reply.usage_metadata.unwrap().total_token_count, Some(3));
    assert_eq!(texts(&chat), ["go", "12"]);
}

#[tokio::test]
async fn an_empty_reply_is_no_turn() {
    let partless = response(json!({"candidates": [{"content": {"role": "model"},
        "finishReason": "STOP"}]}));
    for script in [
        Scripted::default().then_stream([GenerateContentResponse::default()]),
        Scripted::default().then_stream([partless]),
        Scripted::default().then_stream([]),
    ] {
        let mut chat = chat(script);

        let (_, failed) = read(&mut chat, "go").await;

        assert_eq!(failed, Some(ErrorKind::Empty));
        assert!(chat.history().is_empty());
        assert!(chat.unfinished().is_some());
    }
}
