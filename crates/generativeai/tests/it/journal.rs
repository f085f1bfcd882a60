//! Conversations that are recorded in a journal.

use generativeai::protocol::content::Content;
use generativeai::testing::Scripted;
use generativeai::{
    ChatSession, Compaction, Error, ErrorKind, Event, Function, GenerativeModel, Reason,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::hops::hop;
use crate::support::memory::{Memory, assert_same};
use crate::support::mode::MODES;
use crate::support::poll::{Waiting, drop_at_every_poll, run};

fn model(backend: Scripted) -> GenerativeModel {
    GenerativeModel::new("m").backend(Waiting(backend))
}

fn texts(chat: &ChatSession) -> Vec<&str> {
    let contents = chat.history().iter();
    contents
        .filter_map(|content| content.parts[0].as_text())
        .collect()
}

#[derive(Deserialize, JsonSchema)]
struct Number {
    value: i64,
}

fn double() -> Function {
    let double = |number: Number| async move { number.value * 2 };
    Function::new("double", "Doubles.", double)
}

#[tokio::test]
async fn a_message_is_written_before_it_is_sent_and_its_outcome_after() {
    let journal = Memory::default();
    let script = Scripted::default().then_hang(&["Once"]).then_text("Hello!");
    let mut chat = model(script.clone()).start_chat().journal(journal.clone());

    let mut reply = chat.send_message("Hi").stream();
    reply.next().await.unwrap().unwrap();
    assert_eq!(script.requests().len(), 1);
    assert_eq!(journal.names(), ["Opened"]);
    drop(reply);
    chat.retry().await.unwrap();

    let names = ["Opened", "Unfinished", "Opened", "Completed"];
    assert_eq!(journal.names(), names);
    assert_eq!(texts(&journal.resume(&model(script))), ["Hi", "Hello!"]);
}

#[tokio::test]
async fn each_round_of_calls_is_written_step_by_step() {
    let journal = Memory::default();
    let script = Scripted::default()
        .then_call("double", json!({"value": 2}))
        .then_call("double", json!({"value": 4}))
        .then_error(&[], Error::new(ErrorKind::Unavailable, "overloaded"))
        .then_text("Eight.");
    let mut chat = model(script.clone())
        .tools(double())
        .start_chat()
        .automatic_function_calling(true)
        .journal(journal.clone());

    chat.send_message("Twice two, twice?").await.unwrap_err();

    let round = ["Called", "Decided", "Started", "Answered"];
    let names = [&["Opened"], &round[..], &round, &["Unfinished"]].concat();
    assert_eq!(journal.names(), names);
    let mut resumed = journal.resume(&model(script));
    let unfinished = resumed.unfinished().unwrap();
    assert_eq!(unfinished.rounds, chat.unfinished().unwrap().rounds);
    assert!(
        matches!(&unfinished.reason, Reason::Failed(error) if error.to_string() == "overloaded")
    );
    resumed.retry().await.unwrap();
    assert_eq!(
        journal.resume(&model(Scripted::default())).history().len(),
        6
    );
}

#[tokio::test]
async fn a_turn_without_an_outcome_is_interrupted_and_saving_keeps_its_partial_reply() {
    let journal = Memory::default();
    let script = Scripted::default().then_hang(&["Once upon ", "a time"]);
    let mut chat = model(script).start_chat().journal(journal.clone());
    let mut reply = chat.send_message("A story?").stream();
    reply.next().await.unwrap().unwrap();
    drop(reply);

    let resumed = journal.resume(&model(Scripted::default()));
    let unfinished = resumed.unfinished().unwrap();
    assert!(matches!(unfinished.reason, Reason::Interrupted));
    assert!(unfinished.received.is_none());

    chat.save().await.unwrap();
    let mut resumed = journal.resume(&model(Scripted::default()));
    assert!(resumed.keep_partial());
    assert_eq!(texts(&resumed), ["A story?", "Once upon "]);
}

#[tokio::test]
async fn changes_that_wait_for_nothing_are_written_when_saved() {
    let journal = Memory::default();
    let script = Scripted::default()
        .then_text("one")
        .then_fail(&["tw"])
        .then_fail(&["thr"]);
    let older = [Content::user("0"), Content::model("zero")];
    let start = model(script).start_chat().with_history(older);
    let mut chat = start.journal(journal.clone());
    let resumed = || journal.resume(&model(Scripted::default()));

    chat.send_message("1").await.unwrap();
    let reply = chat.send_message("2").stream();
    reply.finish().await.unwrap_err();
    assert!(chat.keep_partial());
    chat.save().await.unwrap();
    assert_eq!(texts(&resumed()), ["0", "zero", "1", "one", "2", "tw"]);

    chat.send_message("3").await.unwrap_err();
    chat.rewind().unwrap();
    chat.rewind().unwrap();
    chat.rewind().unwrap();
    chat.save().await.unwrap();
    let mut again = resumed();
    assert_eq!(texts(&again), ["0", "zero"]);
    assert!(again.redo() && again.redo() && again.redo() && !again.redo());
    assert!(again.unfinished().is_some());

    assert!(chat.redo());
    chat.save().await.unwrap();
    assert_eq!(texts(&resumed()), ["0", "zero", "1", "one"]);

    chat.set_history([Content::from("new")]);
    chat.save().await.unwrap();
    assert_eq!(texts(&resumed()), ["new"]);
}

#[tokio::test]
async fn a_second_writer_sends_nothing() {
    let journal = Memory::default();
    let script = Scripted::default().then_text("one").then_text("two");
    let mut chat = model(script.clone()).start_chat().journal(journal.clone());
    chat.send_message("1").await.unwrap();
    let mut clone = chat.clone();
    chat.send_message("2").await.unwrap();

    for mode in MODES {
        let sent = mode.send(&mut clone, "another 2").await;
        assert_eq!(sent.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(script.requests().len(), 2);
        assert_eq!(texts(&clone), ["1", "one"]);
        let unfinished = clone.unfinished().unwrap();
        assert!(
            matches!(&unfinished.reason, Reason::Failed(error) if error.kind() == ErrorKind::Conflict)
        );
    }
    assert_eq!(
        texts(&journal.resume(&model(script))),
        ["1", "one", "2", "two"]
    );
}

#[tokio::test]
async fn a_turn_that_another_writer_overtakes_ends_before_its_next_request() {
    let journal = Memory::default();
    let script = Scripted::default().then_call("double", json!({"value": 2}));
    let mut chat = model(script.clone().then_text("four"))
        .tools(double())
        .start_chat()
        .automatic_function_calling(true)
        .journal(journal.clone());
    let mut reply = chat.send_message("2 x 2?").stream();
    reply.next().await.unwrap().unwrap();

    let mut other = journal.resume(&model(Scripted::always("one")));
    other.send_message("1").await.unwrap();
    let error = reply.next().await.unwrap().unwrap_err();
    drop(reply);

    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(script.requests().len(), 1);
    assert_eq!(chat.unfinished().unwrap().rounds.len(), 2);
}

#[tokio::test]
async fn a_reply_that_another_writer_overtakes_takes_no_further_request() {
    let journal = Memory::default();
    let script = Scripted::default().then_stream([hop("Once ", "a")]);
    let mut chat = model(script.clone().then_text("upon a time"))
        .start_chat()
        .journal(journal.clone());
    let mut reply = chat.send_message("A story?").stream();
    reply.next().await.unwrap().unwrap();

    let mut other = journal.resume(&model(Scripted::always("one")));
    other.send_message("1").await.unwrap();
    let error = reply.next().await.unwrap().unwrap_err();
    assert!(reply.next().await.is_none());
    drop(reply);

    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.response().unwrap().text().unwrap(), "Once ");
    assert_eq!(script.requests().len(), 1);
    assert_eq!(journal.conflicts(), 1);
    assert_eq!(chat.unfinished().unwrap().continuation_token(), Some("a"));
}

#[tokio::test]
async fn a_chat_whose_journal_fails_continues_and_reports_it() {
    let journal = Memory::default();
    let script = Scripted::default().then_text("one").then_text("two");
    let mut chat = model(script).start_chat().journal(journal.clone());
    assert!(chat.unsaved().is_none());

    journal.set_broken(true);
    chat.send_message("1").await.unwrap();
    assert_eq!(chat.unsaved().unwrap().kind(), ErrorKind::Storage);
    assert_eq!(chat.save().await.unwrap_err().kind(), ErrorKind::Storage);
    assert!(journal.events().is_empty());

    journal.set_broken(false);
    chat.send_message("2").await.unwrap();
    assert!(chat.unsaved().is_none());
    let resumed = journal.resume(&model(Scripted::default()));
    assert_eq!(texts(&resumed), ["1", "one", "2", "two"]);
}

#[test]
fn a_turn_dropped_at_any_await_leaves_chat_and_journal_in_the_same_state() {
    let start = || {
        let script = Scripted::default()
            .then_call("double", json!({"value": 2}))
            .then_chunks(["fo", "ur"])
            .then_text("then");
        // The dropped turn may not have used its answers up.
        let script = (0..3).fold(script, |script, _| script.then_text("then"));
        let journal = Memory::default();
        let chat = model(script)
            .tools(double())
            .start_chat()
            .automatic_function_calling(true)
            .journal(journal.clone());
        (chat, journal)
    };

    let polls = drop_at_every_poll(
        start,
        |(chat, _)| Box::pin(async { drop(chat.send_message("2 x 2?").stream().finish().await) }),
        |polls, (mut chat, journal)| {
            let resumed = journal.resume(&model(Scripted::default()));
            if polls > 0 {
                let turns = usize::from(resumed.unfinished().is_some());
                assert_eq!(
                    resumed.history().len() + turns,
                    if turns == 1 { 1 } else { 4 }
                );
            }
            let context = format!("after {polls} polls");
            let same = |chat: &ChatSession| {
                let resumed = journal.resume(chat.model());
                let resumed = resumed.automatic_function_calling(true);
                assert_same(resumed, chat.fork(), &context);
            };
            run(chat.save()).unwrap();
            same(&chat);

            run(chat.send_message("And then?").into_future()).unwrap();
            same(&chat);
        },
    );
    assert!(polls > 8, "{polls}");
}

#[test]
fn events_that_cannot_follow_each_other_are_an_error_that_names_the_first() {
    let bad = [
        json!({"exchanged": {"contents": []}}),
        json!({"completed": {"response": {}}}),
        json!({"unfinished": {"reason": "interrupted"}}),
        json!({"rewound": {"length": 2}}),
        json!("restored"),
    ];
    for event in bad {
        let first = json!({"added": {"contents": [{"role": "user", "parts": []}]}});
        let events = [first, event].map(|event| serde_json::from_value::<Event>(event).unwrap());

        let chat = model(Scripted::default()).start_chat();
        let error = chat.resume(Memory::default(), events).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().starts_with("event 2 "), "{error}");
    }
}

#[cfg(feature = "blocking")]
#[test]
fn a_blocking_chat_writes_to_its_journal() {
    let journal = Memory::default();
    let script = Scripted::default().then_text("one");
    let model = generativeai::blocking::GenerativeModel::new("m").backend(script);
    let mut chat = model.start_chat().journal(journal.clone());

    chat.send_message("1").send().unwrap();
    chat.rewind();
    chat.save().unwrap();

    assert_eq!(journal.names(), ["Opened", "Completed", "Rewound"]);
}

#[tokio::test]
async fn a_compaction_is_recorded_as_an_event() {
    for compaction in [Compaction::Drop, Compaction::Summarize] {
        let mut script = Scripted::default();
        for at in 0..12 {
            script = script.then_text(format!("it is called number{at}"));
        }
        let journal = Memory::default();
        let chat = GenerativeModel::new("m")
            .backend(script.clone())
            .start_chat();
        let mut chat = chat.journal(journal.clone()).context_budget(70, compaction);
        for _ in 0..8 {
            chat.send_message("and what is the next one").await.unwrap();
        }

        assert!(!chat.dropped().is_empty());
        assert!(journal.names().contains(&"Compacted".to_owned()));
        let resumed = journal.resume(chat.model());
        let copy = Memory::default();
        chat.fork().journal(copy.clone()).save().await.unwrap();
        let copied = copy.resume(chat.model());
        let fork = chat.fork();
        for again in [resumed, copied] {
            let mut again = again.context_budget(70, compaction);
            assert_eq!(again.dropped(), chat.dropped());
            let [mut one, mut other] = [json!(again), json!(fork)];
            // A journal that starts with a conversation does not contain its last response.
            for json in [&mut one, &mut other] {
                json.as_object_mut().unwrap().remove("last");
            }
            assert_eq!(one, other);
            again.rewind().unwrap();
        }
    }
}
