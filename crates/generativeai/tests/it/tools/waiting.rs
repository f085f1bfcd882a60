//! Turns that wait for approval: deciding later, in another process, and everything else that can be done meanwhile.

use generativeai::{
    CallRequest, Compaction, Decision, ErrorKind, Reason, SendMessage, WaitingCall,
};

use super::*;
use crate::support::memory::{Memory, assert_same};
use crate::support::poll::poll_times;

/// Settings with a policy that lets `read` run and makes other calls wait.
fn careful() -> AutomaticFunctionCalling {
    AutomaticFunctionCalling::default().approve(async |request: CallRequest| {
        match request.function.is_read_only() {
            true => Decision::Run,
            false => Decision::Wait,
        }
    })
}

fn call(name: &str, of: &str) -> Value {
    json!({"functionCall": {"name": name, "args": {"of": of}}})
}

/// A chat whose model reads and writes twice in one reply, and the calls that ran.
struct World {
    chat: ChatSession,
    script: Scripted,
    journal: Memory,
    runs: Arc<Mutex<Vec<Value>>>,
}

async fn waiting() -> World {
    let script = Scripted::default()
        .then_stream([reply(json!([
            call("read", "a"),
            call("write", "b"),
            call("write", "c")
        ]))])
        .then_text("Done.")
        .then_text("And on.");
    let (write, runs) = counting("write");
    let journal = Memory::default();
    let tools = [counting("read").0.read_only(), write];
    let mut chat = automatic(&script, tools, careful()).journal(journal.clone());
    let reply = chat.send_message("Go!").await.unwrap();
    assert_eq!(reply.function_calls().count(), 3);
    World {
        chat,
        script,
        journal,
        runs,
    }
}

impl World {
    /// Returns the chat as another process finds it.
    fn other_process(&self) -> ChatSession {
        let chat = self.journal.resume(self.chat.model());
        chat.automatic_function_calling(careful())
    }
}

fn calls_of(chat: &ChatSession) -> Vec<WaitingCall> {
    match chat.unfinished().map(|turn| turn.reason.clone()) {
        Some(Reason::AwaitingApproval(calls)) => calls,
        other => panic!("nothing waits: {other:?}"),
    }
}

fn ids_of(chat: &ChatSession) -> Vec<String> {
    calls_of(chat).into_iter().map(|call| call.id).collect()
}

#[tokio::test]
async fn a_turn_waits_and_a_decision_continues_it_in_this_or_another_process() {
    for mode in MODES {
        for is_other in [false, true] {
            let mut world = waiting().await;
            if is_other {
                world.chat = world.other_process();
            }
            let chat = &mut world.chat;
            let names: Vec<Value> = calls_of(chat).iter().map(|one| json!(&one.call)).collect();
            assert_eq!(
                names,
                [call("write", "b"), call("write", "c")].map(|one| one["functionCall"].clone())
            );
            assert!(chat.history().is_empty() && chat.pending_calls().is_empty());
            assert!(world.runs.lock().unwrap().is_empty());

            let ids = ids_of(chat);
            let decisions = [
                (&ids[0], Decision::Run),
                (&ids[1], Decision::deny("too late")),
            ];
            let decided = chat.decide(decisions);
            let reply = match mode {
                Mode::Awaited => decided.await.unwrap(),
                Mode::Streamed => decided.stream().finish().await.unwrap(),
            };

            assert_eq!(reply.text().unwrap(), "Done.");
            assert_eq!(*world.runs.lock().unwrap(), [json!({"of": "b"})]);
            assert_eq!(
                answers(&chat.history()[2]),
                [
                    json!({"result": 1}),
                    json!({"result": 1}),
                    json!({"error": "denied: too late"})
                ]
            );
            assert_eq!(
                contents_of(&world.script.requests()[1]),
                chat.history()[..3]
            );
            assert_sendable(chat.history());
            assert_same(world.other_process(), world.chat, "after the decision");
        }
    }
}

#[cfg(feature = "blocking")]
#[test]
fn a_blocking_chat_decides_as_well() {
    let script = Scripted::default()
        .then_call("write", json!({}))
        .then_text("Done.");
    let chat = automatic(&script, counting("write").0, careful());
    let mut chat = generativeai::blocking::ChatSession::from(chat);

    chat.send_message("Go!").send().unwrap();
    let Some(Reason::AwaitingApproval(calls)) = chat.unfinished().map(|turn| turn.reason.clone())
    else {
        panic!("nothing waits");
    };
    let reply = chat
        .decide([(calls[0].id.as_str(), Decision::Run)])
        .send()
        .unwrap();

    assert_eq!(reply.text().unwrap(), "Done.");
}

#[tokio::test]
async fn calls_without_a_decision_continue_to_wait_and_nothing_runs_before() {
    let mut world = waiting().await;
    let ids = ids_of(&world.chat);

    world.chat.decide([(&ids[1], Decision::Run)]).await.unwrap();
    assert_eq!(ids_of(&world.chat), ids[..1]);
    let mut other = world.other_process();
    assert_eq!(ids_of(&other), ids[..1]);
    let nothing: [(&str, Decision); 0] = [];
    other.decide(nothing).await.unwrap();
    other.decide([(&ids[0], Decision::Wait)]).await.unwrap();
    assert!(world.runs.lock().unwrap().is_empty());

    other.decide([(&ids[0], Decision::Run)]).await.unwrap();

    assert_eq!(
        *world.runs.lock().unwrap(),
        [json!({"of": "b"}), json!({"of": "c"})]
    );
    assert_eq!(other.history().len(), 4);
}

#[tokio::test]
async fn a_decision_that_does_not_fit_changes_nothing() {
    let mut world = waiting().await;
    let ids = ids_of(&world.chat);
    let before = (json!(&world.chat), world.journal.names());
    let arguments = |json: Value| json.as_object().cloned().unwrap();
    let typed = Function::new("write", "Writes.", |number: Number| number.value);
    let typed = [counting("read").0, typed];

    let cases = [
        (
            vec![("0-1", Decision::Run)],
            ErrorKind::Request,
            "no call with the id \"0-1\" waits",
        ),
        (
            vec![(ids[0].as_str(), Decision::Run), (&ids[0], Decision::Wait)],
            ErrorKind::Request,
            "two decisions",
        ),
        (
            vec![
                (
                    &ids[0],
                    Decision::RunWith(arguments(json!({"value": "many"}))),
                ),
                (&ids[1], Decision::Run),
            ],
            ErrorKind::Request,
            "the changed arguments of `write` do not fit",
        ),
    ];
    for (decisions, kind, message) in cases {
        let error = world
            .chat
            .decide(decisions)
            .tools(typed.clone())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().starts_with(message), "{error}");
        assert_eq!((json!(&world.chat), world.journal.names()), before);
    }
    for automatic in [false.into(), AutomaticFunctionCalling::default()] {
        world.chat.set_automatic_function_calling(automatic);
        let error = world
            .chat
            .decide([(&ids[0], Decision::Run)])
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert_eq!(
            world.chat.retry().await.unwrap_err().kind(),
            ErrorKind::Configuration
        );
    }
    assert!(world.runs.lock().unwrap().is_empty());

    world.chat.set_automatic_function_calling(careful());
    world
        .chat
        .decide(ids.iter().map(|id| (id, Decision::Run)))
        .await
        .unwrap();
    for id in ids {
        let error = world.chat.decide([(id, Decision::Run)]).await.unwrap_err();
        assert!(
            error.to_string().starts_with("no call waits for approval"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn if_two_processes_decide_at_once_one_wins_and_the_other_gets_a_conflict() {
    let world = waiting().await;
    let (mut one, mut other) = (world.other_process(), world.other_process());
    let ids = ids_of(&one);
    let all = |decision: Decision| ids.iter().map(move |id| (id, decision.clone()));

    let (won, lost) = tokio::join!(
        one.decide(all(Decision::Run)).into_future(),
        other.decide(all(Decision::Run)).into_future()
    );

    assert_eq!(won.unwrap().text().unwrap(), "Done.");
    assert_eq!(lost.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(world.runs.lock().unwrap().len(), 2);
    let mut loaded = world.other_process();
    assert_eq!(loaded.history().len(), 4);
    let late = loaded.decide(all(Decision::Run)).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Request);
}

#[tokio::test]
async fn a_turn_that_is_dropped_while_the_policy_decides_waits() {
    let script = Scripted::default()
        .then_call("write", json!({}))
        .then_text("Done.");
    let (write, runs) = counting("write");
    let asks = AutomaticFunctionCalling::default()
        .approve(async |_: CallRequest| std::future::pending::<Decision>().await);
    let journal = Memory::default();
    let mut chat = automatic(&script, write, asks).journal(journal.clone());

    assert!(poll_times(chat.send_message("Go!").into_future(), 50).is_none());

    let ids = ids_of(&chat);
    chat.save().await.unwrap();
    let other = journal.resume(chat.model());
    let mut other = other.automatic_function_calling(careful());
    assert_eq!(ids_of(&other), ids);
    assert!(runs.lock().unwrap().is_empty());
    other.decide([(&ids[0], Decision::Run)]).await.unwrap();
    assert_eq!(runs.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_retry_asks_the_policy_again() {
    let mut world = waiting().await;
    let ids = ids_of(&world.chat);

    world.chat.retry().await.unwrap();
    assert_eq!(ids_of(&world.chat), ids);

    let allow = AutomaticFunctionCalling::default().approve(generativeai::Approval::Always);
    world.chat.set_automatic_function_calling(allow);
    let reply = world.chat.retry().await.unwrap();
    assert_eq!(reply.text().unwrap(), "Done.");
    assert_eq!(world.runs.lock().unwrap().len(), 2);
    assert_eq!(world.script.requests().len(), 2);
    assert_same(world.other_process(), world.chat, "after the retry");
}

#[tokio::test]
async fn a_waiting_turn_can_be_undone_and_redone_and_then_decided() {
    let mut world = waiting().await;
    let ids = ids_of(&world.chat);

    let (sent, _) = world.chat.rewind().unwrap();
    assert_eq!(sent.parts[0].as_text(), Some("Go!"));
    let error = world
        .chat
        .decide([(&ids[0], Decision::Run)])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request);
    assert!(world.chat.redo());
    world.chat.save().await.unwrap();

    let mut other = world.other_process();
    assert_eq!(ids_of(&other), ids);
    other
        .decide(ids.iter().map(|id| (id, Decision::Run)))
        .await
        .unwrap();
    assert_eq!(other.history().len(), 4);
}

#[tokio::test]
async fn a_waiting_turn_can_be_kept_with_every_call_answered() {
    let mut world = waiting().await;

    assert!(world.chat.keep_partial());

    let nobody = json!({"error": "not run: nobody approved the call"});
    assert_eq!(
        answers(&world.chat.history()[2]),
        [nobody.clone(), nobody.clone(), nobody]
    );
    assert_sendable(world.chat.history());
    world.chat.save().await.unwrap();
    assert_same(world.other_process(), world.chat.clone(), "after keeping");
    world.chat.send_message("Then?").await.unwrap();
    assert!(world.runs.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_next_message_discards_a_waiting_turn_whose_calls_then_cannot_be_decided() {
    let mut world = waiting().await;
    let ids = ids_of(&world.chat);

    let reply = world.chat.send_message("Never mind.").await.unwrap();

    assert_eq!(reply.text().unwrap(), "Done.");
    assert_eq!(world.chat.history().len(), 2);
    let error = world
        .chat
        .decide([(&ids[0], Decision::Run)])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request);
    assert!(world.runs.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_fork_and_a_loaded_chat_wait_as_well() {
    let world = waiting().await;
    let ids = ids_of(&world.chat);
    let saved = serde_json::to_string(&world.chat).unwrap();
    let loaded: ChatSession = serde_json::from_str(&saved).unwrap();
    let loaded = loaded
        .tools(world.chat.model().toolbox().unwrap())
        .backend(world.script.clone())
        .automatic_function_calling(careful());
    assert_eq!(json!(&loaded), json!(&world.chat));
    let copy = Memory::default();
    let forked = world.chat.fork().journal(copy.clone());

    for mut chat in [loaded, forked] {
        assert_eq!(ids_of(&chat), ids);
        chat.decide([(&ids[0], Decision::Run)]).await.unwrap();
        assert_eq!(ids_of(&chat), ids[1..]);
        assert!(world.runs.lock().unwrap().is_empty());
        chat.save().await.unwrap();
    }
    let copied = copy.resume(world.chat.model());
    assert_eq!(ids_of(&copied), ids[1..]);
    assert_eq!(
        json!(&copied)["unfinished"]["approval"]["decisions"],
        json!({"0": "run", "1": "run"})
    );
}

#[tokio::test]
async fn a_loaded_chat_sends_nothing_until_it_is_decided_whether_a_policy_applies() {
    let world = waiting().await;
    let ids = ids_of(&world.chat);
    let load = |chat: &ChatSession| -> ChatSession {
        let saved = serde_json::to_string(chat).unwrap();
        let loaded: ChatSession = serde_json::from_str(&saved).unwrap();
        let loaded = loaded.tools(world.chat.model().toolbox().unwrap());
        loaded.backend(world.script.clone())
    };
    // The mark survives another process that only loads and saves.
    let mut chat = load(&load(&world.chat));
    let before = json!(&chat);
    assert_eq!(before, json!(&world.chat));

    let decisions = [(&ids[0], Decision::Run), (&ids[1], Decision::Run)];
    for result in [
        chat.check().map(|()| GenerateContentResponse::default()),
        chat.send_message("Go on!").await,
        chat.send_message("Go on!").stream().finish().await,
        chat.retry().await,
        chat.decide(decisions.clone()).await,
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let message = "the approval policy of the saved chat is not set";
        assert!(error.to_string().starts_with(message), "{error}");
    }
    assert_eq!((json!(&chat), world.script.requests().len()), (before, 1));

    // A file of an older version has no mark, but its turn waits for approval.
    let mut older = json!(&chat);
    older
        .as_object_mut()
        .unwrap()
        .remove("hasApprovalPolicy")
        .unwrap();
    let older: ChatSession = serde_json::from_value(older).unwrap();
    assert_eq!(older.check().unwrap_err().kind(), ErrorKind::Configuration);

    chat.set_automatic_function_calling(careful());
    chat.decide(decisions).await.unwrap();
    assert_eq!(world.runs.lock().unwrap().len(), 2);
    // Without a policy, if the program decides so. Its chat is then saved without the mark.
    let mut chat = load(&chat).automatic_function_calling(true);
    chat.send_message("Go on!").await.unwrap();
    load(&chat).check().unwrap();
}

#[tokio::test]
async fn a_chat_owned_by_its_message_decides_as_well() {
    let world = waiting().await;
    let ids = ids_of(&world.chat);
    let chat = Box::new(world.chat);

    let mut reply = SendMessage::decide(chat, ids.iter().map(|id| (id, Decision::Run))).stream();
    while let Some(chunk) = reply.next().await {
        chunk.unwrap();
    }

    assert_eq!(reply.into_chat().history().len(), 4);
}

#[tokio::test]
async fn a_waiting_turn_keeps_its_place_within_a_context_budget() {
    let mut script = Scripted::default();
    for _ in 0..4 {
        script = script.then_text("a reply of several words");
    }
    script = script
        .then_call("write", json!({}))
        .then_text("Done.")
        .then_text("more");
    let (write, runs) = counting("write");
    let journal = Memory::default();
    let chat = automatic(&script, write, careful()).context_budget(60, Compaction::Drop);
    let mut chat = chat.journal(journal.clone());
    for _ in 0..4 {
        chat.send_message("a message of several words")
            .await
            .unwrap();
    }
    chat.send_message("Go!").await.unwrap();
    let (ids, dropped) = (ids_of(&chat), chat.dropped().len());

    let other = journal.resume(chat.model());
    let mut other = other
        .automatic_function_calling(careful())
        .context_budget(1, Compaction::Drop);
    other.decide([(&ids[0], Decision::Run)]).await.unwrap();

    assert_eq!(runs.lock().unwrap().len(), 1);
    assert_eq!(other.dropped().len(), dropped);
    assert_sendable(other.history());
}

#[tokio::test]
async fn usage_is_summed_over_the_requests_before_and_after_the_wait() {
    let used = |tokens: i32| serde_json::from_value(json!({"totalTokenCount": tokens})).unwrap();
    let with_usage = |parts: Value, tokens| {
        let mut reply = reply(parts);
        reply.usage_metadata = Some(used(tokens));
        reply
    };
    let script = Scripted::default()
        .then_stream([with_usage(json!([call("read", "a")]), 1)])
        .then_stream([with_usage(json!([call("write", "b")]), 10)])
        .then_stream([with_usage(json!([{"text": "Done."}]), 100)]);
    let tools = [counting("read").0.read_only(), counting("write").0];
    let journal = Memory::default();
    let mut chat = automatic(&script, tools, careful()).journal(journal.clone());

    let total = |reply: &GenerateContentResponse| reply.usage_metadata.as_ref()?.total_token_count;
    let waits = chat.send_message("Go!").await.unwrap();
    assert_eq!(total(&waits), Some(11));
    let other = journal.resume(chat.model());
    let mut other = other.automatic_function_calling(careful());
    let id = ids_of(&other).remove(0);
    let done = other.decide([(id, Decision::Run)]).await.unwrap();

    assert_eq!(total(&done), Some(111));
}

#[test]
fn the_arguments_of_waiting_calls_are_not_in_the_debug_output() {
    let waiting: WaitingCall = serde_json::from_value(
        json!({"id": "1-0", "call": {"name": "f", "args": {"key": "secret"}}}),
    )
    .unwrap();
    let debug = format!("{:?}", Reason::AwaitingApproval(vec![waiting]));

    assert!(
        debug.contains("1-0") && !debug.contains("secret"),
        "{debug}"
    );
}

#[test]
fn decisions_without_a_runtime_for_a_time_limit_change_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let world = runtime.block_on(waiting());
    let limited = careful().time_limit(std::time::Duration::from_secs(1));
    let mut chat = world.chat.automatic_function_calling(limited);
    let before = chat.unfinished().cloned().unwrap();
    let Reason::AwaitingApproval(calls) = &before.reason else {
        panic!("nothing waits");
    };

    let decided = chat.decide([(calls[0].id.as_str(), Decision::Run)]);
    let error = crate::support::poll::run(decided.into_future()).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Configuration);
    let after = chat.unfinished().unwrap();
    assert!(matches!(&after.reason, Reason::AwaitingApproval(waiting) if waiting == calls));
}

#[tokio::test]
async fn an_approved_call_without_its_function_continues_to_wait() {
    let mut world = waiting().await;
    let ids = ids_of(&world.chat);
    let mut other = world.other_process();
    other.set_tools(counting("read").0.read_only());

    let error = other.decide([(&*ids[0], Decision::Run)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request);
    assert!(error.to_string().contains("set the tools"), "{error}");
    assert_eq!(ids_of(&other), ids);

    // A decision of a process that had the function.
    world
        .chat
        .decide([(&*ids[0], Decision::Run)])
        .await
        .unwrap();
    let mut other = world.other_process();
    other.set_tools(counting("read").0.read_only());
    let no = Decision::deny("no");
    let error = other.decide([(&*ids[1], no.clone())]).await.unwrap_err();
    assert!(error.to_string().contains("set the tools"), "{error}");
    assert_eq!(ids_of(&other), ids[1..]);
    assert!(world.runs.lock().unwrap().is_empty());
    world.chat.decide([(&*ids[1], no)]).await.unwrap();
    assert_eq!(*world.runs.lock().unwrap(), [json!({"of": "b"})]);
}
