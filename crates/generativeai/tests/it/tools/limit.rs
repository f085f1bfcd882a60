//! The limit of rounds, in each of its behaviours.

use generativeai::protocol::content::FunctionResponse;
use generativeai::protocol::tools::FunctionCallingConfig;
use generativeai::testing::Scripted;
use generativeai::{AutomaticFunctionCalling, ErrorKind, OnRoundLimit, Reason};
use serde_json::{Value, json};

use super::*;

fn after(rounds: u32, at_limit: OnRoundLimit) -> AutomaticFunctionCalling {
    AutomaticFunctionCalling::default()
        .max_rounds(rounds)
        .on_round_limit(at_limit)
}

fn calling(times: usize) -> Scripted {
    (0..times).fold(Scripted::default(), |script, at| {
        script.then_call("count", json!({"at": at}))
    })
}

#[tokio::test]
async fn by_default_a_turn_has_ten_rounds() {
    let script = calling(11);
    let (count, calls) = counting("count");
    let mut chat = chat(&script, count);

    chat.send_message("Count!").await.unwrap();

    assert_eq!(calls.lock().unwrap().len(), 10);
    assert_eq!(chat.pending_calls().len(), 1);
}

#[tokio::test]
async fn calls_past_the_limit_are_returned_and_their_answers_continue_the_turn() {
    for mode in MODES {
        let script = calling(2).then_text("Enough.");
        let (count, calls) = counting("count");
        let mut chat = automatic(&script, count, after(1, OnRoundLimit::ReturnCalls));

        let returned = mode.send(&mut chat, "Count!").await.unwrap();

        assert_eq!(returned.function_calls().count(), 1);
        assert!(
            chat.history().is_empty(),
            "no call without its answer is in the history"
        );
        assert!(matches!(
            chat.unfinished().unwrap().reason,
            Reason::CallsReturned
        ));
        let [call] = chat.pending_calls()[..] else {
            panic!("one call is pending")
        };
        assert_eq!(call.arg("at"), Some(&json!(1)));

        let answer = FunctionResponse::to(call, json!("by hand"));
        let reply = mode.send(&mut chat, answer).await.unwrap();

        assert_eq!(reply.text().unwrap(), "Enough.");
        assert_eq!(calls.lock().unwrap().len(), 1);
        assert!(
            script
                .requests()
                .iter()
                .all(|request| request.tool_config.is_none())
        );
        assert_eq!(chat.history().len(), 6);
        assert_eq!(answers(&chat.history()[4]), [json!({"result": "by hand"})]);
        assert!(chat.pending_calls().is_empty());
        assert_sendable(chat.history());
    }
}

#[tokio::test]
async fn another_message_is_sent_without_returned_calls() {
    for mode in MODES {
        let script = calling(1).then_text("Hello.");
        let mut chat = automatic(
            &script,
            counting("count").0,
            after(0, OnRoundLimit::ReturnCalls),
        );
        mode.send(&mut chat, "Count!").await.unwrap();

        mode.send(&mut chat, "Never mind, hello!").await.unwrap();

        assert_eq!(chat.history().len(), 2);
        assert_eq!(contents_of(&script.requests()[1]), chat.history()[..1]);
        assert_sendable(chat.history());
    }
}

#[tokio::test]
async fn a_message_that_answers_some_of_the_returned_calls_is_refused() {
    for mode in MODES {
        let script = Scripted::default().then_stream([reply(json!([
            {"functionCall": {"name": "count"}},
            {"functionCall": {"name": "weigh"}},
        ]))]);
        let mut chat = automatic(
            &script,
            counting("count").0,
            after(0, OnRoundLimit::ReturnCalls),
        );
        mode.send(&mut chat, "Go!").await.unwrap();

        let some = FunctionResponse::new("count", json!(1));
        let error = mode.send(&mut chat, some).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Request);
        assert_eq!(
            error.to_string(),
            "the message leaves the calls of `weigh` unanswered: \
             answer all pending calls in one message"
        );
        assert_eq!(script.requests().len(), 1, "nothing was sent");
        assert_eq!(
            chat.pending_calls().len(),
            2,
            "the calls are still there to answer"
        );
    }
}

#[tokio::test]
async fn text_is_forced_with_a_last_request_that_forbids_calls() {
    for mode in MODES {
        let script = calling(1).then_text("Enough.");
        let mut chat = automatic(
            &script,
            counting("count").0,
            after(1, OnRoundLimit::ForceText),
        );

        let reply = mode.send(&mut chat, "Count!").await.unwrap();

        assert_eq!(reply.text().unwrap(), "Enough.");
        let configs = script
            .requests()
            .into_iter()
            .map(|request| request.tool_config);
        let none = FunctionCallingConfig::none().into();
        assert_eq!(configs.collect::<Vec<_>>(), [None, Some(none)]);
        assert_sendable(chat.history());
    }
}

#[tokio::test]
async fn a_model_that_still_calls_when_it_may_not_fails_the_turn() {
    for mode in MODES {
        for (script, at_limit) in [
            (calling(2), OnRoundLimit::ForceText),
            (calling(2), OnRoundLimit::Fail),
        ] {
            let (count, calls) = counting("count");
            let mut chat = automatic(&script, count, after(1, at_limit));

            let error = mode.send(&mut chat, "Count!").await.unwrap_err();

            assert_eq!(error.kind(), ErrorKind::Function);
            assert_eq!(
                error.to_string(),
                "the model still calls functions after 1 rounds"
            );
            assert_eq!(error.response().unwrap().function_calls().count(), 1);
            assert_eq!(calls.lock().unwrap().len(), 1);
            assert!(chat.history().is_empty());
            assert!(chat.keep_partial());
            assert_sendable(chat.history());
        }
    }
}

#[tokio::test]
async fn calls_that_were_returned_are_kept_as_not_answered() {
    for mode in MODES {
        let (count, calls) = counting("count");
        let mut chat = automatic(&calling(2), count, after(1, OnRoundLimit::ReturnCalls));
        mode.send(&mut chat, "Count!").await.unwrap();

        assert!(chat.keep_partial());

        assert_eq!(calls.lock().unwrap().len(), 1);
        assert_eq!(answers(&chat.history()[2]), [json!({"result": 1})]);
        let not_answered = "not answered: the turn ended before the call had a response";
        assert_eq!(
            answers(&chat.history()[4]),
            [json!({ "error": not_answered })]
        );
    }
}

#[tokio::test]
async fn without_any_rounds_the_first_calls_reach_the_limit() {
    let script = calling(1);
    let mut chat = automatic(&script, counting("count").0, after(0, OnRoundLimit::Fail));

    let error = chat.send_message("Count!").await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "the model still calls functions after 0 rounds"
    );
    assert_eq!(json!(chat.history()), Value::Array(Vec::new()));
}
