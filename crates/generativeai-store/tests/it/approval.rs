//! Conversations that wait for approval: found in a list, decided by any process, and killed at any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use generativeai::protocol::content::{Content, Part};
use generativeai::testing::Scripted;
use generativeai::{
    AutomaticFunctionCalling, CallRequest, ChatSession, Decision, ErrorKind, Function,
    GenerativeModel, Reason, WaitingCall,
};
use generativeai_store::{Session, Store};
use serde_json::{Value, json};

use crate::support::child::{Reports, address, command, report};
use crate::support::{TestDatabase, assert_kind, model};

/// The number of kills.
const KILLS: usize = 300;

fn waits() -> AutomaticFunctionCalling {
    AutomaticFunctionCalling::default().approve(async |_: CallRequest| Decision::Wait)
}

fn waiting(chat: &ChatSession) -> Vec<WaitingCall> {
    match chat.unfinished().map(|turn| turn.reason.clone()) {
        Some(Reason::AwaitingApproval(calls)) => calls,
        _ => Vec::new(),
    }
}

fn sending_model(replies: &[&str]) -> GenerativeModel {
    let script = Scripted::default().then_call("send", json!({"to": "Ada"}));
    let script = replies
        .iter()
        .fold(script, |script, reply| script.then_text(*reply));
    model(script).tools(Function::new("send", "Sends a letter.", |_: Value| "sent"))
}

fn call(to: &str) -> Part {
    serde_json::from_value(json!({"functionCall": {"name": "send", "args": {"to": to}}})).unwrap()
}

async fn open(session: &Session, model: &GenerativeModel) -> ChatSession {
    let chat = session.chat(model).await.unwrap();
    chat.automatic_function_calling(waits())
}

#[tokio::test]
async fn a_waiting_conversation_is_found_and_decided_by_another_process() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        let session = store.new_session("letters").await.unwrap();
        let model = sending_model(&["It is sent."]);
        let mut chat = open(&session, &model).await;
        chat.send_message("Send it!").await.unwrap();
        drop((chat, store));

        let store = database.open().await;
        let session = store.session("letters").await.unwrap();
        let details = session.details().await.unwrap();
        assert_eq!(details.waiting, ["send"]);
        // The message and the call: it has no response yet.
        assert_eq!(details.messages, 2);
        let mut chat = open(&session, &model).await;
        let id = waiting(&chat).remove(0).id;
        let reply = chat.decide([(id, Decision::Run)]).await.unwrap();

        assert_eq!(reply.text().unwrap(), "It is sent.");
        assert!(session.details().await.unwrap().waiting.is_empty());
        assert_eq!(session.contents().await.unwrap().len(), 4);
    }
}

#[tokio::test]
async fn if_two_decide_at_once_one_wins_and_the_other_gets_a_conflict() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        let session = store.new_session("letters").await.unwrap();
        let model = sending_model(&["It is sent.", "It is sent."]);
        open(&session, &model)
            .await
            .send_message("Send it!")
            .await
            .unwrap();
        let (mut one, mut other) = (open(&session, &model).await, open(&session, &model).await);
        let id = waiting(&one).remove(0).id;

        let (left, right) = tokio::join!(
            one.decide([(&id, Decision::Run)]).into_future(),
            other.decide([(&id, Decision::deny("no"))]).into_future(),
        );

        let won = left.is_ok();
        let lost = if won { right } else { left };
        assert_kind(lost, ErrorKind::Conflict);
        let contents = session.contents().await.unwrap();
        let answer = if won { "sent" } else { "denied: no" };
        assert!(
            json!(contents[2]).to_string().contains(answer),
            "{contents:?}"
        );
    }
}

/// Returns an import and a fork of a session, and a fork of the fork.
async fn copies(session: &Session, store: &Store) -> [Session; 3] {
    let mut lines = Vec::new();
    session.export_jsonl(&mut lines).await.unwrap();
    assert!(lines.starts_with(br#"{"generativeaiSession":2,"#));
    let imported = store.import_jsonl("", &lines[..]).await.unwrap();
    let forked = session.fork("", None).await.unwrap();
    let twig = forked.fork("", None).await.unwrap();
    [imported, forked, twig]
}

#[tokio::test]
async fn a_call_that_waits_is_not_in_an_import_and_a_fork_and_runs_once() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        let session = store.new_session("letters").await.unwrap();
        let script = Scripted::default()
            .then_parts([call("a"), call("b")])
            .then_text("Not sent.")
            .then_text("Not sent.")
            .then_text("Not sent.")
            .then_text("Sent.");
        let model =
            model(script).tools(Function::new("send", "Sends a letter.", |_: Value| "sent"));
        let mut chat = open(&session, &model).await;
        chat.send_message("Send it!").await.unwrap();
        let ids: Vec<String> = waiting(&chat).into_iter().map(|call| call.id).collect();
        // A round of which one call is decided waits as well.
        chat.decide([(&ids[0], Decision::Run)]).await.unwrap();

        for copy in copies(&session, &store).await {
            assert!(copy.details().await.unwrap().waiting.is_empty());
            let mut chat = open(&copy, &model).await;
            let turn = chat.unfinished().unwrap();
            assert!(matches!(turn.reason, Reason::Interrupted));
            assert!(turn.rounds.is_empty() && turn.received.is_none());
            let late = chat.decide([(&ids[1], Decision::Run)]).await;
            assert_kind(late, ErrorKind::Request);
            chat.retry().await.unwrap();
            assert_eq!(copy.contents().await.unwrap().len(), 2);
        }
        chat.decide([(&ids[1], Decision::Run)]).await.unwrap();
        assert_eq!(session.contents().await.unwrap().len(), 4);
    }
}

#[tokio::test]
async fn a_copy_of_an_undone_turn_that_waits_cannot_redo_its_call() {
    let database = TestDatabase::sqlite();
    let store = database.open().await;
    let session = store.new_session("letters").await.unwrap();
    let model = sending_model(&[]);
    let mut chat = open(&session, &model).await;
    chat.send_message("Send it!").await.unwrap();
    chat.rewind();
    chat.save().await.unwrap();

    for copy in copies(&session, &store).await {
        assert!(copy.redo().await.unwrap());
        let chat = open(&copy, &model).await;
        assert!(chat.unfinished().is_some() && waiting(&chat).is_empty());
    }
    assert!(chat.redo());
    assert_eq!(waiting(&chat).len(), 1);
}

#[tokio::test]
async fn a_copy_has_the_results_of_calls_that_ran_and_the_rest_of_the_turn() {
    let database = TestDatabase::sqlite();
    let store = database.open().await;
    let session = store.new_session("letters").await.unwrap();
    let model = sending_model(&["It is sent."]);
    let mut chat = open(&session, &model).await;
    chat.send_message("Send it!").await.unwrap();
    let id = waiting(&chat).remove(0).id;
    chat.decide([(id, Decision::Run)]).await.unwrap();

    for copy in copies(&session, &store).await {
        assert_eq!(copy.contents().await.unwrap(), chat.history());
    }
    // A fork that ends while the function runs: it may have run, and does not run again.
    let started = session.fork("started", Some(4)).await.unwrap();
    let mut chat = open(
        &started,
        &sending_model(&[]).backend(Scripted::always("Sent?")),
    )
    .await;
    chat.retry().await.unwrap();
    let contents = json!(started.contents().await.unwrap()[2]).to_string();
    assert!(contents.contains("interrupted"), "{contents}");
}

/// Returns the number in the arguments of a call, which identifies it among all calls of the test.
fn number(args: &Value) -> u64 {
    args["n"].as_u64().unwrap()
}

/// Replies with two calls, then with one, then with text. No two calls have the same number.
fn calling(contents: &[Content]) -> Content {
    let answered = contents.iter().rev().take_while(|content| {
        let is_answer = |part: &Part| part.as_function_response().is_some();
        content.parts.iter().any(is_answer) || content.role == Some("model".into())
    });
    let call = || {
        let n = fastrand::u64(1..1 << 50);
        json!({"functionCall": {"name": "work", "args": {"n": n}}})
    };
    let parts = match answered.count() {
        0 => json!([call(), call()]),
        2 => json!([call()]),
        _ => json!([{"text": "Done."}]),
    };
    serde_json::from_value(json!({"role": "model", "parts": parts})).unwrap()
}

/// Continues where the last process stopped, and reports each decision and each run of a function.
async fn work(address: &str) -> ! {
    let store = Store::open(address).await.unwrap();
    let session = store.find_or_create("work").await.unwrap();
    let script = Scripted::answer_with(|request| {
        calling(&request.contents.iter().cloned().collect::<Vec<_>>())
    });
    let work = Function::new("work", "Works.", async |args: Value| {
        report(&format!("ran {}", number(&args)));
        tokio::task::yield_now().await;
        report(&format!("ended {}", number(&args)));
        number(&args)
    });
    let policy = async |request: CallRequest| {
        let number = number(&json!(request.call.args));
        if number.is_multiple_of(3) {
            return Decision::Wait;
        }
        report(&format!("approved {number}"));
        Decision::Run
    };
    let chat = session.chat(&model(script).tools(work)).await.unwrap();
    let careful = AutomaticFunctionCalling::default().approve(policy);
    let mut chat = chat.automatic_function_calling(careful);
    report("began 0");
    loop {
        let calls = waiting(&chat);
        let sent = if !calls.is_empty() {
            let decisions = calls.into_iter().map(|waiting| {
                report(&format!("approved {}", number(&json!(waiting.call.args))));
                (waiting.id, Decision::Run)
            });
            chat.decide(decisions).await
        } else if chat.unfinished().is_some() {
            chat.retry().await
        } else {
            chat.send_message("Work!").await
        };
        sent.unwrap();
        assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
    }
}

/// Returns the results in the history by the number of their call.
fn results(contents: &[Content]) -> BTreeMap<u64, Value> {
    let mut results = BTreeMap::new();
    for pair in contents.windows(2) {
        let calls = pair[0].parts.iter().filter_map(Part::as_function_call);
        let answers = pair[1].parts.iter().filter_map(Part::as_function_response);
        for (call, answer) in calls.zip(answers) {
            results.insert(number(&json!(call.args)), json!(answer.response));
        }
    }
    results
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_processes_run_no_call_without_approval_and_none_twice() {
    if let Some(address) = address() {
        work(&address).await;
    }
    let database = TestDatabase::in_ram();
    let (mut approved, mut ran) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..KILLS {
        let test = "approval::killed_processes_run_no_call_without_approval_and_none_twice";
        let mut process = command(test, &database.address).spawn().unwrap();
        let mut reports = Reports::by(&mut process);
        let mut lines: Vec<String> = reports.next().into_iter().collect();
        // The random moment of the kill. The test waits for nothing here.
        thread::sleep(Duration::from_micros(fastrand::u64(..12_000)));
        process.kill().unwrap();
        process.wait().unwrap();
        lines.extend(reports);
        for line in lines {
            let (word, number) = line.split_once(' ').unwrap();
            match word {
                "approved" => drop(approved.insert(number.to_owned())),
                "ran" => {
                    assert!(approved.contains(number), "{number} ran without approval");
                    assert!(ran.insert(number.to_owned()), "{number} ran twice");
                }
                "began" | "ended" => {}
                _ => panic!("{line}"),
            }
        }
    }
    let session = database.open().await.session("work").await.unwrap();
    let results = results(&session.contents().await.unwrap());
    assert!(results.len() > KILLS / 10, "{}", results.len());
    for (number, result) in &results {
        let has_run = ran.contains(&number.to_string());
        let is_result = *result == json!({ "result": number });
        // A call that started and was killed is answered as interrupted.
        assert!(has_run || !is_result, "{number} has a result and never ran");
        let error = result["error"].as_str().unwrap_or_default();
        assert!(is_result || error.starts_with("interrupted"), "{result}");
    }
    assert_eq!(database.text("PRAGMA quick_check").await, "ok");
}
