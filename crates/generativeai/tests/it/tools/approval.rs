//! Calls that need approval: decisions of a policy within one turn.

use std::future::{IntoFuture as _, pending};
use std::time::Duration;

use generativeai::protocol::tools::FunctionDeclaration;
use generativeai::{
    Approval, ApprovalPolicy, BoxFuture, CallRequest, Decision, ErrorKind, Event, FunctionEvent,
    OnFailure, Reason,
};

use super::*;
use crate::support::memory::Memory;
use crate::support::poll::poll_times;

fn policy(policy: impl ApprovalPolicy) -> AutomaticFunctionCalling {
    AutomaticFunctionCalling::default().approve(policy)
}

/// Returns a policy that makes one decision on every call.
fn always(decision: Decision) -> impl ApprovalPolicy {
    move |_: CallRequest| std::future::ready(decision.clone())
}

fn arguments(json: Value) -> serde_json::Map<String, Value> {
    json.as_object().cloned().expect("an object")
}

#[tokio::test]
async fn a_denied_call_does_not_run_and_the_model_reads_why() {
    for mode in MODES {
        let script = Scripted::default()
            .then_call("count", json!({"of": "sheep"}))
            .then_text("I may not.");
        let (count, calls) = counting("count");
        let denied = policy(always(Decision::deny("no sheep today")));
        let mut chat = automatic(&script, count, denied);

        let reply = mode.send(&mut chat, "Count!").await.unwrap();

        assert_eq!(reply.text().unwrap(), "I may not.");
        assert_eq!(*calls.lock().unwrap(), [Value::Null; 0]);
        assert_eq!(
            json!(&chat.history()[1..3]),
            json!([
                {"role": "model", "parts": [
                    {"functionCall": {"name": "count", "args": {"of": "sheep"}}},
                ]},
                {"role": "user", "parts": [
                    {"functionResponse": {"name": "count", "response": {"error": "denied: no sheep today"}}},
                ]},
            ])
        );
    }
}

#[tokio::test]
async fn changed_arguments_are_reported_in_the_response_and_the_call_stays_unchanged() {
    for mode in MODES {
        let parts = json!([
            {"functionCall": {"id": "1", "name": "count", "args": {"of": "sheep"}}, "thoughtSignature": "c2ln"},
        ]);
        let script = Scripted::default()
            .then_stream([reply(parts.clone())])
            .then_text("One.");
        let (count, calls) = counting("count");
        let goats = arguments(json!({"of": "goats"}));
        let mut chat = automatic(&script, count, policy(always(Decision::RunWith(goats))));

        mode.send(&mut chat, "Count!").await.unwrap();

        assert_eq!(*calls.lock().unwrap(), [json!({"of": "goats"})]);
        assert_eq!(json!(&chat.history()[1].parts), parts);
        let response = json!({"result": 1, "changedArguments": {"of": "goats"}});
        assert_eq!(answers(&chat.history()[2]), [response]);
        assert_sendable(chat.history());
    }
}

#[tokio::test]
async fn a_result_that_has_the_member_of_changed_arguments_is_not_lost() {
    let script = Scripted::default()
        .then_call("look", json!({}))
        .then_text("Done.");
    let look = FunctionDeclaration::new("look", "Looks.");
    let own = json!({"changedArguments": 5, "found": true});
    let result = own.clone();
    let look = Function::from_declaration(look, move |_| {
        let own = own.clone();
        async { Ok(own) }
    });
    let changed = policy(always(Decision::RunWith(arguments(json!({"a": 1})))));
    let mut chat = automatic(&script, look, changed);

    chat.send_message("Look!").await.unwrap();

    let response = json!({"result": result, "changedArguments": {"a": 1}});
    assert_eq!(answers(&chat.history()[2]), [response]);
}

#[tokio::test]
async fn fixed_policies_run_all_read_only_or_no_functions() {
    for (approval, ran) in [
        (Approval::Always, ["read", "write"].as_slice()),
        (Approval::ReadOnly, &["read"]),
        (Approval::Never, &[]),
    ] {
        for mode in MODES {
            let call = |name: &str| json!({"functionCall": {"name": name, "args": {}}});
            let script = Scripted::default()
                .then_stream([reply(json!([call("read"), call("write")]))])
                .then_text("Done.");
            let ((read, reads), (write, writes)) = (counting("read"), counting("write"));
            let mut chat = automatic(&script, [read.read_only(), write], policy(approval));

            mode.send(&mut chat, "Go!").await.unwrap();

            let count = |calls: &Arc<Mutex<Vec<Value>>>| calls.lock().unwrap().len();
            let expected = |name| usize::from(ran.contains(&name));
            assert_eq!(count(&reads), expected("read"), "{approval:?}");
            assert_eq!(count(&writes), expected("write"), "{approval:?}");
            assert_sendable(chat.history());
        }
    }
}

#[tokio::test]
async fn no_call_of_a_round_runs_before_all_are_decided() {
    let call = |of: &str| json!({"functionCall": {"name": "count", "args": {"of": of}}});
    let script = Scripted::default()
        .then_stream([reply(json!([call("a"), call("b"), call("c")]))])
        .then_text("Done.");
    let (count, calls) = counting("count");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (seen, log) = (Arc::clone(&calls), Arc::clone(&asked));
    let careful = policy(move |request: CallRequest| {
        assert!(seen.lock().unwrap().is_empty(), "a call ran too early");
        let of = request.call.arg("of").cloned().unwrap_or_default();
        log.lock().unwrap().push(of.clone());
        async move {
            tokio::task::yield_now().await;
            match of == "b" {
                true => Decision::deny("not b"),
                false => Decision::Run,
            }
        }
    });
    let mut chat = automatic(&script, count, careful);

    chat.send_message("Count!").await.unwrap();

    assert_eq!(*asked.lock().unwrap(), ["a", "b", "c"]);
    assert_eq!(
        *calls.lock().unwrap(),
        [json!({"of": "a"}), json!({"of": "c"})]
    );
    assert_eq!(
        answers(&chat.history()[2]),
        [
            json!({"result": 1}),
            json!({"error": "denied: not b"}),
            json!({"result": 2})
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_panics_or_hangs_denies() {
    struct PanicsAtOnce;
    impl ApprovalPolicy for PanicsAtOnce {
        fn decide(&self, _: CallRequest) -> BoxFuture<Decision> {
            panic!("a bug")
        }
    }
    let panics_later = async |_: CallRequest| -> Decision { panic!("a bug") };
    let hangs = async |_: CallRequest| pending::<Decision>().await;
    let nobody = "denied: nobody decided within 5s";
    for (careful, reason) in [
        (policy(PanicsAtOnce), "denied: the decision failed"),
        (policy(panics_later), "denied: the decision failed"),
        (policy(hangs), nobody),
    ] {
        for mode in MODES {
            let script = Scripted::default()
                .then_call("count", json!({}))
                .then_text("I may not.");
            let (count, calls) = counting("count");
            let careful = careful.clone().approval_time_limit(Duration::from_secs(5));
            let mut chat = automatic(&script, count, careful);

            mode.send(&mut chat, "Count!").await.unwrap();

            assert_eq!(answers(&chat.history()[2]), [json!({ "error": reason })]);
            assert!(calls.lock().unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn changed_arguments_of_a_policy_that_do_not_fit_deny_the_call() {
    let typed = Function::new("double", "Doubles.", |number: Number| number.value * 2);
    let mut declaration = FunctionDeclaration::new("double", "Doubles.");
    declaration.parameters_json_schema =
        Some(json!({"properties": {"value": {"type": "integer"}}, "required": ["value"]}));
    let declared = Function::from_declaration(declaration, |_| async { Ok(json!("ran")) });
    let converted = declared.clone().with_openapi_schema().unwrap();
    let openapi = Function::from_declaration(converted.declaration().clone(), |_| async {
        Ok(json!("ran"))
    });
    for function in [typed, declared, converted, openapi] {
        let script = Scripted::default()
            .then_call("double", json!({"value": 2}))
            .then_text("I may not.");
        let wrong = arguments(json!({"value": "two"}));
        let mut chat = automatic(&script, function, policy(always(Decision::RunWith(wrong))));

        chat.send_message("Double!").await.unwrap();

        let answer = answers(&chat.history()[2])[0]["error"].to_string();
        assert!(
            answer.contains("denied: the changed arguments do not fit: invalid argument"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn the_policy_is_not_asked_about_functions_that_do_not_exist() {
    let script = Scripted::default()
        .then_call("fly", json!({}))
        .then_text("I cannot.");
    let asked = policy(|request: CallRequest| -> std::future::Ready<Decision> {
        panic!("asked about {request:?}")
    });
    let mut chat = automatic(&script, counting("count").0, asked);

    chat.send_message("Fly!").await.unwrap();

    let error = "denied: unknown function `fly`: call one of `count`";
    assert_eq!(answers(&chat.history()[2]), [json!({ "error": error })]);
}

#[tokio::test]
async fn the_observer_sees_each_decision_before_the_call_runs() {
    let call = |name: &str| json!({"functionCall": {"name": name, "args": {}}});
    let script = Scripted::default()
        .then_stream([reply(json!([call("read"), call("write")]))])
        .then_text("Done.");
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let careful = policy(Approval::ReadOnly).observer(move |event| {
        let line = match event {
            FunctionEvent::Decided(call, decision) => format!("{}: {decision:?}", call.name()),
            FunctionEvent::Called(call) => format!("{} runs", call.name()),
            FunctionEvent::Answered(call, _) => format!("{} answered", call.name()),
            _ => unreachable!("there is no other event"),
        };
        seen.lock().unwrap().push(line);
    });
    let tools = [counting("read").0.read_only(), counting("write").0];
    let mut chat = automatic(&script, tools, careful);

    chat.send_message("Go!").await.unwrap();

    assert_eq!(
        *log.lock().unwrap(),
        [
            "read: Run",
            "write: Deny(\"only functions that change nothing are allowed\")",
            "read runs",
            "read answered",
        ]
    );
}

#[tokio::test]
async fn each_step_of_a_round_is_in_the_journal() {
    for (careful, names) in [
        (
            policy(Approval::Always),
            [
                "Opened",
                "Called",
                "Decided",
                "Decided",
                "Started",
                "Answered",
                "Answered",
                "Completed",
            ]
            .as_slice(),
        ),
        (
            policy(Approval::Never),
            &[
                "Opened",
                "Called",
                "Decided",
                "Decided",
                "Started",
                "Completed",
            ],
        ),
        (
            AutomaticFunctionCalling::default(),
            &[
                "Opened",
                "Called",
                "Decided",
                "Started",
                "Answered",
                "Answered",
                "Completed",
            ],
        ),
    ] {
        for mode in MODES {
            let call = json!({"functionCall": {"name": "count", "args": {}}});
            let script = Scripted::default()
                .then_stream([reply(json!([call, call]))])
                .then_text("Two.");
            let journal = Memory::default();
            let chat = automatic(&script, counting("count").0, careful.clone());
            let mut chat = chat.journal(journal.clone());

            mode.send(&mut chat, "Count!").await.unwrap();

            assert_eq!(journal.names(), names);
            let resumed = journal.resume(chat.model());
            assert_eq!(resumed.history(), chat.history());
        }
    }
}

#[tokio::test]
async fn without_a_policy_a_function_does_not_run_twice_after_a_crash() {
    let script = Scripted::default()
        .then_call("count", json!({}))
        .then_text("It may have run.");
    let journal = Memory::default();
    let runs = Arc::new(Mutex::new(0));
    let started = Arc::clone(&runs);
    let hanging = Function::new("count", "Counts.", move || {
        *started.lock().unwrap() += 1;
        pending::<u32>()
    });
    let chat = automatic(&script, hanging, AutomaticFunctionCalling::default());
    let model = chat.model().clone();
    let mut chat = chat.journal(journal.clone());

    // The process ends while the function runs: nothing is written afterwards.
    assert!(poll_times(chat.send_message("Count!").into_future(), 20).is_none());
    assert_eq!(journal.names(), ["Opened", "Called", "Decided", "Started"]);
    let mut resumed = journal.resume(&model);
    let retried = resumed.retry().await.unwrap();

    assert_eq!(retried.text().unwrap(), "It may have run.");
    assert_eq!(*runs.lock().unwrap(), 1);
    let answer = json!(answers(&resumed.history()[2])).to_string();
    assert!(
        answer.contains("may or may not have taken effect"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_start_that_cannot_be_stored_runs_nothing() {
    for mode in MODES {
        let script = Scripted::default()
            .then_call("count", json!({}))
            .then_text("It did not run.");
        let journal = Memory::default();
        let (count, calls) = counting("count");
        let breaking = journal.clone();
        let careful = policy(move |_: CallRequest| {
            breaking.set_broken(true);
            async { Decision::Run }
        });
        let mut chat = automatic(&script, count, careful).journal(journal.clone());

        let reply = mode.send(&mut chat, "Count!").await.unwrap();

        assert_eq!(reply.text().unwrap(), "It did not run.");
        assert!(calls.lock().unwrap().is_empty());
        assert_eq!(chat.unsaved().unwrap().kind(), ErrorKind::Storage);
        journal.set_broken(false);
        chat.save().await.unwrap();
        assert_eq!(journal.resume(chat.model()).history(), chat.history());
    }
}

#[tokio::test]
async fn a_function_that_fails_after_approval_is_answered_or_ends_the_turn() {
    for on_failure in [OnFailure::Answer, OnFailure::Fail] {
        let script = Scripted::default()
            .then_call("fail", json!({}))
            .then_text("It failed.");
        let fail = Function::new("fail", "Fails.", || Err::<(), _>("out of paint"));
        let careful = policy(Approval::Always).on_failure(on_failure);
        let journal = Memory::default();
        let mut chat = automatic(&script, fail, careful).journal(journal.clone());

        let sent = chat.send_message("Go!").await;

        assert_eq!(sent.is_ok(), on_failure == OnFailure::Answer);
        let contents = match chat.unfinished() {
            Some(turn) => turn.rounds.clone(),
            None => chat.history()[1..3].to_vec(),
        };
        assert_eq!(answers(&contents[1]), [json!({"error": "out of paint"})]);
        let resumed = journal.resume(chat.model());
        assert_eq!(json!(&resumed)["unfinished"], json!(&chat)["unfinished"]);
    }
}

#[tokio::test]
async fn a_correction_is_sent_until_its_attempt_ends() {
    for is_retried in [false, true] {
        let script = Scripted::default()
            .then_text("About twelve.")
            .then_call("count", json!({}))
            .then_text("12");
        let (count, _) = counting("count");
        let mut chat = automatic(&script, count, policy(always(Decision::Wait)));
        let message = chat.send_message("How many?").json::<u32>().retries(1);
        message.await.unwrap_err();
        let Some(Reason::AwaitingApproval(calls)) =
            chat.unfinished().map(|turn| turn.reason.clone())
        else {
            panic!("nothing waits")
        };

        chat.set_automatic_function_calling(policy(Approval::Always));
        let continued = match is_retried {
            true => chat.retry(),
            false => chat.decide([(calls[0].id.as_str(), Decision::Run)]),
        };
        assert_eq!(continued.await.unwrap().text().unwrap(), "12");

        let requests = script.requests();
        let correction = &contents_of(&requests[1])[1..];
        assert_eq!(correction[0].text(), "About twelve.");
        assert_eq!(&contents_of(&requests[2])[3..], correction);
        assert_eq!(chat.history().len(), 4);
    }
}

#[test]
fn events_of_approval_have_a_stable_form_in_json() {
    for json in [
        json!({"called": {"id": "00ff", "received": {"responseId": "r"}}}),
        json!({"decided": {"decisions": {
            "0": "run", "1": {"deny": "no"}, "2": {"runWith": {"a": 1}},
        }}}),
        json!("started"),
        json!({"answered": {"call": 0, "answer": {
            "role": "user",
            "parts": [{"functionResponse": {"name": "f", "response": {"result": 1}}}],
        }}}),
    ] {
        let event: Event = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(json!(event), json);
    }
}
