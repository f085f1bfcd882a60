//! Undo and redo, interrupted turns, and forks.

use generativeai::protocol::content::{Content, Part};
use generativeai::testing::Scripted;
use generativeai::{ChatSession, Compaction, Event, GenerativeModel};
use serde_json::json;

use crate::support::memory::{Memory, assert_same};

fn chat(script: Scripted) -> ChatSession {
    GenerativeModel::new("m").backend(script).start_chat()
}

fn texts(chat: &ChatSession) -> Vec<&str> {
    let parts = chat.history().iter().flat_map(|content| &content.parts);
    parts.filter_map(Part::as_text).collect()
}

/// Returns the texts of the interrupted contents.
fn interrupted(chat: &ChatSession) -> Vec<&str> {
    let contents = chat.history().iter().enumerate();
    let interrupted = contents.filter(|(index, _)| chat.is_interrupted(*index));
    interrupted
        .filter_map(|(_, content)| content.parts[0].as_text())
        .collect()
}

/// Sends a message and drops the stream after its first chunk.
async fn interrupt(chat: &mut ChatSession, message: &str) {
    let mut reply = chat.send_message(message).stream();
    reply.next().await.unwrap().unwrap();
}

#[tokio::test]
async fn a_turn_can_be_redone_after_another_one_failed() {
    let script = Scripted::default()
        .then_text("A")
        .then_text("B")
        .then_fail(&["C"])
        .then_fail(&["D"]);
    let mut chat = chat(script);
    chat.send_message("a").await.unwrap();
    chat.send_message("b").await.unwrap();
    chat.rewind().unwrap();

    chat.send_message("c").stream().finish().await.unwrap_err();
    assert!(chat.redo());

    assert_eq!(texts(&chat), ["a", "A", "b", "B"]);
    assert_eq!(
        chat.unfinished().unwrap().sent,
        Content::user("c"),
        "the turn that failed stays"
    );
    assert!(!chat.redo());
    chat.rewind().unwrap();
    assert!(chat.unfinished().is_none());
    assert_eq!(texts(&chat), ["a", "A", "b", "B"]);
}

#[tokio::test]
async fn turns_cannot_be_redone_after_something_enters_the_history() {
    let script = || {
        Scripted::default()
            .then_text("A")
            .then_chunks(["B", "b"])
            .then_text("C")
    };
    let complete = |chat: &mut ChatSession| {
        chat.set_backend(Scripted::default().then_text("new"));
    };
    for ending in 0..3 {
        let mut chat = chat(script());
        chat.send_message("a").await.unwrap();
        chat.rewind().unwrap();
        match ending {
            0 => {
                complete(&mut chat);
                chat.send_message("b").await.unwrap();
            }
            1 => {
                interrupt(&mut chat, "b").await;
                assert!(chat.keep_partial());
            }
            _ => chat.set_history([Content::from("b"), Content::from("B")]),
        }

        assert!(!chat.redo(), "{ending}");
        assert_eq!(chat.history().len(), 2, "{ending}");
    }
}

#[tokio::test]
async fn an_unfinished_turn_can_be_redone_until_the_next_message() {
    let script = Scripted::default()
        .then_text("A")
        .then_fail(&["B"])
        .then_fail(&["C"]);
    let mut chat = chat(script);
    chat.send_message("a").await.unwrap();
    chat.send_message("b").stream().finish().await.unwrap_err();

    chat.rewind().unwrap();
    assert!(chat.redo());
    assert_eq!(chat.unfinished().unwrap().sent, Content::user("b"));

    chat.rewind().unwrap();
    chat.rewind().unwrap();
    chat.send_message("c").stream().finish().await.unwrap_err();
    assert!(chat.redo() && !chat.redo());
    assert_eq!(texts(&chat), ["a", "A"]);
    assert_eq!(chat.unfinished().unwrap().sent, Content::user("c"));
}

#[tokio::test]
async fn an_interrupted_turn_is_marked_through_every_operation() {
    let script = Scripted::default()
        .then_chunks(["half", " a reply"])
        .then_text("whole")
        .then_chunks(["half", " another"]);
    let journal = Memory::default();
    let mut chat = chat(script).journal(journal.clone());
    interrupt(&mut chat, "a").await;
    assert!(chat.keep_partial());
    chat.send_message("b").await.unwrap();
    interrupt(&mut chat, "c").await;
    assert!(chat.keep_partial());
    let marks = |chat: &ChatSession| -> Vec<bool> {
        let indices = 0..chat.history().len();
        indices.map(|index| chat.is_interrupted(index)).collect()
    };
    let expected = [false, true, false, false, false, true];
    assert_eq!(marks(&chat), expected);
    assert!(!chat.is_interrupted(99));

    chat.rewind().unwrap();
    assert_eq!(marks(&chat), expected[..4]);
    chat.rewind().unwrap();
    chat.rewind().unwrap();
    assert!(chat.redo() && chat.redo() && chat.redo());
    assert_eq!(marks(&chat), expected);

    assert_eq!(marks(&chat.clone()), expected);
    assert_eq!(marks(&chat.fork()), expected);
    let loaded: ChatSession = serde_json::from_value(json!(chat)).unwrap();
    assert_eq!(marks(&loaded), expected);
    chat.save().await.unwrap();
    assert_eq!(marks(&journal.resume(chat.model())), expected);
    let copy = Memory::default();
    let mut fork = chat.fork().journal(copy.clone());
    fork.save().await.unwrap();
    assert_eq!(marks(&copy.resume(chat.model())), expected);

    fork.set_history([Content::from("x"), Content::from("y")]);
    assert_eq!(marks(&fork), [false, false]);
}

#[tokio::test]
async fn marks_move_with_the_history_when_it_is_compacted() {
    for (compaction, dropped, kept) in [(Compaction::Drop, 4, 4), (Compaction::Summarize, 4, 6)] {
        let script = Scripted::default()
            .then_chunks(["first half", " and more"])
            .then_text("whole")
            .then_chunks(["second half", " and more"])
            .then_text("done")
            .then_text("done");
        let mut chat = chat(script);
        let message = "word ".repeat(40);
        interrupt(&mut chat, &message).await;
        chat.keep_partial();
        chat.send_message(message.as_str()).await.unwrap();
        interrupt(&mut chat, &message).await;
        chat.keep_partial();
        chat.set_context_budget(110, compaction);

        chat.send_message("last").await.unwrap();

        assert_eq!(chat.dropped().len(), dropped, "{compaction:?}");
        assert_eq!(chat.history().len(), kept, "{compaction:?}");
        assert_eq!(interrupted(&chat), ["second half"], "{compaction:?}");
        let loaded: ChatSession = serde_json::from_value(json!(chat)).unwrap();
        assert_same(loaded, chat, "after loading");
    }
}

#[tokio::test]
async fn a_kept_turn_of_an_older_journal_is_interrupted() {
    let events = [
        json!({"added": {"contents": [{"role": "user", "parts": [{"text": "old"}]}]}}),
        json!({"opened": {"sent": {"role": "user", "parts": [{"text": "a"}]}}}),
        json!({"unfinished": {"reason": "interrupted"}}),
        json!({"added": {"contents": [
            {"role": "user", "parts": [{"text": "a"}]},
            {"role": "model", "parts": [{"text": "half"}]},
        ]}}),
    ];
    let events = events.map(|event| serde_json::from_value::<Event>(event).unwrap());

    let chat = GenerativeModel::new("m").start_chat();
    let chat = chat.resume(Memory::default(), events).unwrap();

    assert_eq!(texts(&chat), ["old", "a", "half"]);
    assert_eq!(interrupted(&chat), ["half"]);
}

#[tokio::test]
async fn a_fork_has_no_journal_until_it_gets_its_own() {
    let script = Scripted::default()
        .then_text("A")
        .then_text("B")
        .then_text("C");
    let journal = Memory::default();
    let mut chat = chat(script).journal(journal.clone());
    chat.send_message("a").await.unwrap();

    let mut fork = chat.fork();
    fork.send_message("b").await.unwrap();
    chat.send_message("c").await.unwrap();
    assert_eq!(texts(&fork), ["a", "A", "b", "B"]);
    assert_eq!(texts(&chat), ["a", "A", "c", "C"]);

    let own = Memory::default();
    fork.set_journal(own.clone());
    fork.save().await.unwrap();
    assert_eq!(texts(&own.resume(chat.model())), ["a", "A", "b", "B"]);
    assert_same(
        journal.resume(chat.model()),
        chat.fork(),
        "the journal of the first",
    );
}

#[tokio::test]
async fn a_journal_that_starts_late_contains_the_unfinished_turn() {
    let script = Scripted::default().then_text("A").then_chunks(["B", "b"]);
    let mut chat = chat(script);
    chat.send_message("a").await.unwrap();
    interrupt(&mut chat, "b").await;

    let journal = Memory::default();
    chat.set_journal(journal.clone());
    chat.save().await.unwrap();

    assert_eq!(journal.names(), ["Added", "Opened", "Unfinished"]);
    let mut resumed = journal.resume(chat.model());
    assert!(resumed.keep_partial());
    assert_eq!(texts(&resumed), ["a", "A", "b", "B"]);
}

#[tokio::test]
async fn turns_that_were_undone_before_the_journal_was_set_can_be_redone() {
    let script = Scripted::default()
        .then_text("A")
        .then_text("B")
        .then_chunks(["C", "c"]);
    let mut chat = chat(script);
    chat.send_message("a").await.unwrap();
    chat.send_message("b").await.unwrap();
    interrupt(&mut chat, "c").await;
    for _ in 0..3 {
        chat.rewind().unwrap();
    }

    for redone in 0..=3 {
        let journal = Memory::default();
        let mut fork = chat.fork().journal(journal.clone());
        for _ in 0..redone {
            assert!(fork.redo());
        }
        fork.save().await.unwrap();
        let resumed = journal.resume(chat.model());
        assert_same(resumed, fork.fork(), &format!("{redone} turns"));
    }
}

#[test]
fn a_saved_conversation_whose_parts_do_not_fit_is_refused() {
    let content = json!({"role": "user", "parts": [{"text": "a"}]});
    for (member, value) in [
        ("summary", json!(2)),
        ("interrupted", json!([1])),
        ("interrupted", json!([0, 0])),
    ] {
        let mut saved = json!({"model": {"name": "models/m"}, "history": [content]});
        saved[member] = value;

        let error = serde_json::from_value::<ChatSession>(saved).unwrap_err();

        assert!(
            error.to_string().starts_with("the conversation "),
            "{error}"
        );
    }
}

#[tokio::test]
async fn settings_can_be_changed_in_place() {
    let mut chat = chat(Scripted::default());
    chat.set_automatic_function_calling(true);
    assert!(chat.automatic_calls_enabled());
    chat.set_automatic_function_calling(false);
    assert!(!chat.automatic_calls_enabled());

    chat.set_tools(generativeai::Function::new(
        "now",
        "Tells the time.",
        || "12:30",
    ));
    assert!(chat.model().toolbox().is_some());
    chat.set_backend(Scripted::default().then_text("A"));
    chat.send_message("a").await.unwrap();
    assert_eq!(texts(&chat), ["a", "A"]);
}
