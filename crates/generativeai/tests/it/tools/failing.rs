//! Functions and rounds that fail.

use std::time::Duration;

use generativeai::protocol::tools::FunctionDeclaration;
use generativeai::testing::Scripted;
use generativeai::{AutomaticFunctionCalling, Error, ErrorKind, Function, OnFailure, Reason};
use serde_json::{Value, json};

use super::*;
use crate::support::memory::Memory;
use crate::support::poll::poll_times;

/// Returns the answer that the model reads for a call, and the error of the turn with `OnFailure::Fail`.
async fn outcome(mode: Mode, tools: impl Into<Toolbox>, call: Value) -> (Value, String) {
    let tools = tools.into();
    let limited = AutomaticFunctionCalling::default().time_limit(Duration::from_secs(5));
    let script = Scripted::default()
        .then_stream([reply(json!([{"functionCall": call}]))])
        .then_text("Too bad.");
    let mut chat = automatic(&script, &tools, limited.clone());
    let response = mode.send(&mut chat, "Go!").await.expect("a reply");
    assert_eq!(response.text().expect("a reply"), "Too bad.");
    assert_sendable(chat.history());
    let answer = answers(&chat.history()[2]).remove(0);

    let script = Scripted::default().then_stream([reply(json!([{"functionCall": call}]))]);
    let mut chat = automatic(&script, &tools, limited.on_failure(OnFailure::Fail));
    let error = mode.send(&mut chat, "Go!").await.expect_err("a failure");
    assert_eq!(error.kind(), ErrorKind::Function);
    assert!(matches!(
        chat.unfinished().expect("a turn").reason,
        Reason::Failed(_)
    ));
    assert!(chat.history().is_empty());
    (answer, error.to_string())
}

#[tokio::test]
async fn a_handler_that_fails_is_answered_with_its_error_and_the_causes() {
    let climb = Function::new("climb", "Climbs.", || -> Result<(), Error> {
        Err(Error::new(ErrorKind::Request, "too steep").with_source("no rope"))
    });
    for mode in MODES {
        let (answer, error) = outcome(mode, climb.clone(), json!({"name": "climb"})).await;

        assert_eq!(answer, json!({"error": "too steep: no rope"}));
        assert_eq!(error, "function `climb` failed");
    }
}

#[tokio::test]
async fn a_handler_that_panics_is_answered_with_the_message() {
    let plain = Function::new("fall", "Falls.", || -> u8 { panic!("slipped") });
    let late = Function::new("fall", "Falls.", async || -> u8 {
        tokio::task::yield_now().await;
        panic!("slipped at {}", 3)
    });
    for mode in MODES {
        let (answer, error) = outcome(mode, plain.clone(), json!({"name": "fall"})).await;
        assert_eq!(
            answer,
            json!({"error": "function `fall` panicked: slipped"})
        );
        assert_eq!(error, "function `fall` panicked: slipped");

        let (answer, _) = outcome(mode, late.clone(), json!({"name": "fall"})).await;
        assert_eq!(
            answer,
            json!({"error": "function `fall` panicked: slipped at 3"})
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_is_answered_after_the_time_limit() {
    let wait = Function::new("wait", "Waits.", std::future::pending::<()>);
    for mode in MODES {
        let (answer, error) = outcome(mode, wait.clone(), json!({"name": "wait"})).await;

        let message = "function `wait` did not return within 5s";
        assert_eq!(answer, json!({ "error": message }));
        assert_eq!(error, message);
    }
}

/// Row 16 of tests/field.md.
#[tokio::test]
async fn a_call_of_an_unknown_function_is_answered_with_the_existing_ones() {
    let tools = (
        counting("count").0,
        Function::new("add_note", "Adds a note.", || ()),
        FunctionDeclaration::new("ask", "Asks the user."),
    );
    let existing = "call one of `count`, `add_note`, `ask`";
    for mode in MODES {
        for (call, problem) in [
            (json!({"name": "dance"}), "unknown function `dance`"),
            (json!({"name": "Count"}), "unknown function `Count`"),
            (
                json!({"name": "default_api.count"}),
                "unknown function `default_api.count`",
            ),
        ] {
            let (answer, error) = outcome(mode, tools.clone(), call).await;

            let message = format!("{problem}: {existing}");
            assert_eq!(answer, json!({ "error": message }));
            assert_eq!(error, message);
        }
    }
}

#[tokio::test]
async fn invalid_arguments_are_named() {
    #[derive(serde::Deserialize, generativeai::schemars::JsonSchema)]
    struct Args {
        metres: u32,
    }
    let climb = Function::new("climb", "Climbs.", |args: Args| args.metres);
    for mode in MODES {
        let call = json!({"name": "climb", "args": {"metres": "many"}});
        let (answer, _) = outcome(mode, climb.clone(), call).await;
        assert_eq!(
            answer["error"],
            "invalid argument `metres`: invalid type: string \"many\", expected u32"
        );

        let (answer, _) = outcome(mode, climb.clone(), json!({"name": "climb"})).await;
        assert_eq!(answer["error"], "invalid arguments: missing field `metres`");
    }
}

#[tokio::test]
async fn absent_arguments_are_an_empty_object() {
    for mode in MODES {
        let script = Scripted::default()
            .then_stream([reply(json!([{"functionCall": {"name": "count"}}]))])
            .then_text("One.");
        let (count, calls) = counting("count");
        let mut chat = chat(&script, count);

        mode.send(&mut chat, "Count!").await.unwrap();

        assert_eq!(*calls.lock().unwrap(), [json!({})]);
        let call = &json!(&chat.history()[1].parts)[0]["functionCall"];
        assert_eq!(
            *call,
            json!({"name": "count"}),
            "the id is returned unchanged"
        );
    }
}

#[tokio::test]
async fn other_calls_of_the_round_keep_their_answers_when_one_fails_the_turn() {
    for mode in MODES {
        let script = Scripted::default()
            .then_stream([reply(json!([
                {"functionCall": {"name": "count"}},
                {"functionCall": {"name": "dance"}},
            ]))])
            .then_text("Half done.");
        let (count, calls) = counting("count");
        let strict = AutomaticFunctionCalling::default().on_failure(OnFailure::Fail);
        let mut chat = automatic(&script, count, strict);
        mode.send(&mut chat, "Go!").await.unwrap_err();

        let reply = chat.retry().await.unwrap();

        assert_eq!(reply.text().unwrap(), "Half done.");
        assert_eq!(
            calls.lock().unwrap().len(),
            1,
            "what ran does not run again"
        );
        assert_eq!(
            answers(&chat.history()[2]),
            [
                json!({"result": 1}),
                json!({"error": "unknown function `dance`: call one of `count`"})
            ]
        );
        assert_sendable(chat.history());
    }
}

#[tokio::test]
async fn a_failed_second_request_leaves_the_history_alone_and_can_be_retried() {
    for mode in MODES {
        let script = Scripted::default()
            .then_call("count", json!({}))
            .then_fail(&[])
            .then_text("One.");
        let (count, calls) = counting("count");
        let mut chat = chat(&script, count);

        let error = mode.send(&mut chat, "Count!").await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert!(chat.history().is_empty());
        assert_eq!(chat.unfinished().unwrap().rounds.len(), 2);
        assert!(chat.pending_calls().is_empty());
        let mut kept = chat.clone();
        assert!(kept.keep_partial());
        assert_sendable(kept.history());

        chat.retry().await.unwrap();
        assert_eq!(
            calls.lock().unwrap().len(),
            1,
            "what ran does not run again"
        );
        assert_eq!(chat.history().len(), 4);
        assert_sendable(chat.history());
    }
}

#[tokio::test]
async fn a_retry_sums_the_usage_and_counts_the_rounds_of_the_whole_turn() {
    for mode in MODES {
        let used = |tokens: i32| {
            let mut calling = reply(json!([{"functionCall": {"name": "count"}}]));
            calling
                .usage_metadata
                .get_or_insert_default()
                .total_token_count = Some(tokens);
            calling
        };
        let script = Scripted::default()
            .then_stream([used(1)])
            .then_fail(&[])
            .then_stream([used(10)]);
        let two = AutomaticFunctionCalling::default().max_rounds(1);
        let mut chat = automatic(&script, counting("count").0, two);
        mode.send(&mut chat, "Count!").await.unwrap_err();

        let reply = chat.retry().await.unwrap();

        assert_eq!(reply.usage_metadata.unwrap().total_token_count, Some(11));
        assert_eq!(
            chat.pending_calls().len(),
            1,
            "the limit of one round was reached"
        );
    }
}

#[tokio::test]
async fn an_empty_final_reply_does_not_complete_the_turn() {
    for mode in MODES {
        let script = Scripted::default()
            .then_call("count", json!({}))
            .then_stream([response(json!({"candidates": [{"finishReason": "STOP"}]}))]);
        let mut chat = chat(&script, counting("count").0);

        let error = mode.send(&mut chat, "Count!").await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Empty);
        assert!(chat.history().is_empty());
        assert!(chat.keep_partial());
        assert_sendable(chat.history());
    }
}

#[tokio::test]
async fn a_second_reply_that_is_blocked_or_stopped_ends_the_turn() {
    for mode in MODES {
        for (second, kind) in [
            (
                json!({"promptFeedback": {"blockReason": "SAFETY"}}),
                ErrorKind::Blocked,
            ),
            (
                json!({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}),
                ErrorKind::Stopped,
            ),
        ] {
            let script = Scripted::default()
                .then_call("count", json!({}))
                .then_stream([response(second)]);
            let mut chat = chat(&script, counting("count").0);

            let error = mode.send(&mut chat, "Count!").await.unwrap_err();

            assert_eq!(error.kind(), kind);
            assert!(chat.history().is_empty());
            assert_eq!(chat.unfinished().unwrap().rounds.len(), 2);
        }
    }
}

#[test]
fn a_time_limit_without_a_runtime_is_an_error_before_the_first_request() {
    let limit = Duration::from_secs(1);
    let approving = AutomaticFunctionCalling::default().approve(generativeai::Approval::Always);
    for limited in [
        AutomaticFunctionCalling::default().time_limit(limit),
        approving.approval_time_limit(limit),
    ] {
        let script = Scripted::default()
            .then_call("now", json!({}))
            .then_text("It is 12:30.");
        let now = Function::from_declaration(
            FunctionDeclaration::new("now", "Tells the time."),
            |_| async { Ok("12:30") },
        );
        let mut chat = automatic(&script, now, limited);

        let sent = crate::support::poll::run(std::future::IntoFuture::into_future(
            chat.send_message("What time is it?"),
        ));

        let error = sent.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert_eq!(
            error.to_string(),
            "a time limit for functions needs a tokio runtime"
        );
        assert!(script.requests().is_empty());

        // A stream may be created outside of the runtime that polls it.
        let again = chat.retry().stream();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let reply = runtime.unwrap().block_on(again.finish()).unwrap();
        assert_eq!(reply.text().unwrap(), "It is 12:30.");
    }
}

fn with_tokens(parts: Value, finish_reason: &str, tokens: i32) -> GenerateContentResponse {
    let mut response = chunk(parts, finish_reason);
    let usage = response.usage_metadata.get_or_insert_default();
    usage.total_token_count = Some(tokens);
    response
}

fn tokens_of(chat: &ChatSession) -> Option<i32> {
    let turn = chat.unfinished().expect("an unfinished turn");
    turn.usage()?.total_token_count
}

#[tokio::test]
async fn the_usage_of_an_unfinished_turn_is_that_of_all_its_requests() {
    let call = || json!([{"functionCall": {"name": "count"}}]);
    for mode in MODES {
        let refusal = |tokens| [with_tokens(json!([{"text": "No."}]), "SAFETY", tokens)];
        let script = Scripted::default()
            .then_stream([with_tokens(call(), "STOP", 10)])
            .then_stream(refusal(5))
            .then_stream(refusal(3));
        let mut chat = chat(&script, counting("count").0);

        mode.send(&mut chat, "Count!").await.unwrap_err();
        assert_eq!(tokens_of(&chat), Some(15));
        chat.retry().await.unwrap_err();
        assert_eq!(tokens_of(&chat), Some(18));
    }

    // Calls that are returned.
    let script = Scripted::default()
        .then_stream([with_tokens(call(), "STOP", 10)])
        .then_stream([with_tokens(call(), "STOP", 5)]);
    let one = AutomaticFunctionCalling::default().max_rounds(1);
    let mut returned = automatic(&script, counting("count").0, one);
    returned.send_message("Count!").await.unwrap();
    assert_eq!(tokens_of(&returned), Some(15));
}

#[tokio::test]
async fn a_turn_whose_function_runs_has_its_usage_and_is_undone_with_its_reply() {
    for journal in [None, Some(Memory::default())] {
        let parts = json!([{"functionCall": {"name": "hang", "args": {}}}]);
        let script = Scripted::default().then_stream([with_tokens(parts.clone(), "STOP", 10)]);
        let hang = Function::new("hang", "Never answers.", std::future::pending::<u32>);
        let mut chat = chat(&script, hang);
        if let Some(journal) = journal {
            chat.set_journal(journal);
        }

        let sending = std::future::IntoFuture::into_future(chat.send_message("Go!"));
        assert!(poll_times(sending, 20).is_none());

        assert_eq!(tokens_of(&chat), Some(10));
        assert!(chat.unfinished().unwrap().functions_started());
        let (sent, received) = chat.rewind().unwrap();
        assert_eq!(sent.text(), "Go!");
        assert_eq!(json!(received.parts), parts);
    }
}

#[tokio::test]
async fn without_a_policy_functions_run_although_the_journal_fails() {
    let script = Scripted::default()
        .then_call("count", json!({}))
        .then_text("One.");
    let journal = Memory::default();
    let (count, calls) = counting("count");
    let mut chat = chat(&script, count).journal(journal.clone());
    journal.set_broken(true);

    let reply = chat.send_message("Count!").await.unwrap();

    assert_eq!(reply.text().unwrap(), "One.");
    assert_eq!(calls.lock().unwrap().len(), 1);
    assert_eq!(chat.unsaved().unwrap().kind(), ErrorKind::Storage);
    journal.set_broken(false);
    chat.save().await.unwrap();
    assert_eq!(journal.resume(chat.model()).history(), chat.history());
}
