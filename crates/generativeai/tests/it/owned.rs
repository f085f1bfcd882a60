//! Replies that own their chat, as web handlers return them (finding 13 of tests/newcomer.md).

use std::sync::Arc;

use generativeai::testing::Scripted;
use generativeai::{ChatSession, ErrorKind, GenerativeModel, Reason, SendMessage};
use tokio::sync::Mutex;

fn chat(script: Scripted) -> ChatSession {
    GenerativeModel::new("m").backend(script).start_chat()
}

#[tokio::test]
async fn a_reply_returns_its_chat_whether_complete_or_not() {
    let script = Scripted::default()
        .then_chunks(["A", "B"])
        .then_chunks(["C", "D"]);
    let chat = Box::new(chat(script));

    let mut reply = SendMessage::new(chat, "a").stream();
    while let Some(chunk) = reply.next().await {
        chunk.unwrap();
    }
    let mut reply = SendMessage::new(reply.into_chat(), "c").stream();
    assert_eq!(reply.next().await.unwrap().unwrap().to_string(), "C");
    let chat = reply.into_chat();

    assert_eq!(chat.history().len(), 2);
    let unfinished = chat.unfinished().unwrap();
    assert!(matches!(unfinished.reason, Reason::Interrupted));
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_returns_its_chat() {
    let chat = Box::new(chat(Scripted::default()));

    let mut reply = SendMessage::new(chat, "").stream();
    let error = reply.next().await.unwrap().unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Request);
    assert!(reply.next().await.is_none());
    assert!(reply.into_chat().unfinished().is_none());
}

#[tokio::test]
async fn a_stream_leaves_the_function_that_locked_its_chat() {
    let script = Scripted::default().then_hang(&["A"]).then_text("A");
    let chat = Arc::new(Mutex::new(chat(script)));
    let locked = || Arc::clone(&chat).lock_owned();

    let mut stream = SendMessage::new(locked().await, "a").stream().into_stream();
    let next = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx));
    assert_eq!(next.await.unwrap().unwrap().to_string(), "A");
    assert!(
        chat.try_lock().is_err(),
        "another message of the user waits"
    );
    drop(stream);
    assert!(chat.try_lock().unwrap().history().is_empty());
    let mut stream = SendMessage::retry(locked().await).stream().into_stream();
    while let Some(chunk) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        assert_eq!(chunk.unwrap().to_string(), "A");
    }

    let released = chat
        .try_lock()
        .expect("the end of a stream releases its chat");
    assert_eq!(released.history().len(), 2);
    drop(stream);
}
