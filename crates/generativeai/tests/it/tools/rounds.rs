//! Rounds of calls within a turn, as they should go.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use generativeai::protocol::content::{FunctionCall, Part};
use generativeai::protocol::response::UsageMetadata;
use generativeai::protocol::tools::{FunctionCallingConfig, FunctionCallingMode};
use generativeai::testing::Scripted;
use generativeai::{
    AutomaticFunctionCalling, ChatSession, Function, FunctionEvent, GenerativeModel,
};
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn a_call_is_answered_and_the_rounds_are_in_the_history() {
    for mode in MODES {
        let script = Scripted::default()
            .then_call("count", json!({"of": "sheep"}))
            .then_text("One.");
        let (count, calls) = counting("count");
        let mut chat = chat(&script, count);

        let reply = mode.send(&mut chat, "Count!").await.unwrap();

        assert_eq!(reply.text().unwrap(), "One.");
        assert_eq!(*calls.lock().unwrap(), [json!({"of": "sheep"})]);
        assert_eq!(
            json!(chat.history()),
            json!([
                {"role": "user", "parts": [{"text": "Count!"}]},
                {"role": "model", "parts": [
                    {"functionCall": {"name": "count", "args": {"of": "sheep"}}},
                ]},
                {"role": "user", "parts": [
                    {"functionResponse": {"name": "count", "response": {"result": 1}}},
                ]},
                {"role": "model", "parts": [{"text": "One."}]},
            ])
        );
        assert_eq!(contents_of(&script.requests()[1]), chat.history()[..3]);
    }
}

#[tokio::test]
async fn text_next_to_a_call_is_in_the_text_of_its_chunk() {
    let call = FunctionCall::new("count", Default::default());
    let script = Scripted::default()
        .then_parts([Part::text("Let me see. "), call.into()])
        .then_text("One.");
    let mut chat = chat(&script, counting("count").0);
    let mut shown = String::new();

    let mut reply = chat.send_message("Count!").stream();
    while let Some(chunk) = reply.next().await {
        shown += &chunk.unwrap().text_lossy();
    }

    assert_eq!(shown, "Let me see. One.");
}

#[cfg(feature = "blocking")]
#[test]
fn the_blocking_api_runs_the_same_rounds() {
    for streamed in [false, true] {
        let script = Scripted::default()
            .then_call("count", json!({}))
            .then_chunks(["One", "."]);
        let (count, calls) = counting("count");
        let chat = chat(&script, count);
        let mut chat = generativeai::blocking::ChatSession::from(chat);

        let message = chat.send_message("Count!");
        let reply = if streamed {
            message.stream().finish()
        } else {
            message.send()
        };

        assert_eq!(reply.unwrap().text().unwrap(), "One.");
        assert_eq!(calls.lock().unwrap().len(), 1);
        assert_sendable(chat.history());
    }
}

#[tokio::test]
async fn a_stream_gives_the_chunks_of_all_rounds() {
    let script = Scripted::default()
        .then_stream([
            chunk(json!([{"text": "Let me "}]), ""),
            chunk(
                json!([{"text": "count."}, {"functionCall": {"name": "count"}}]),
                "STOP",
            ),
        ])
        .then_chunks(["One", "."]);
    let mut chat = chat(&script, counting("count").0);

    let mut stream = chat.send_message("Count!").stream();
    let mut chunks = Vec::new();
    while let Some(chunk) = stream.next().await {
        chunks.push(json!(&chunk.unwrap().candidates[0].content)["parts"].clone());
    }

    assert_eq!(
        json!(chunks),
        json!([
            [{"text": "Let me "}],
            [{"text": "count."}, {"functionCall": {"name": "count"}}],
            [{"text": "One"}],
            [{"text": "."}],
        ])
    );
    assert_eq!(chat.last().unwrap().text().unwrap(), "One.");
}

#[tokio::test]
async fn text_and_call_in_one_reply_stay_together() {
    for mode in MODES {
        let parts = json!([
            {"text": "Hm", "thought": true},
            {"text": "Let me count."},
            {"functionCall": {"name": "count"}},
        ]);
        let script = Scripted::default()
            .then_stream([reply(parts.clone())])
            .then_text("One.");
        let mut chat = chat(&script, counting("count").0);

        mode.send(&mut chat, "Count!").await.unwrap();

        assert_eq!(json!(&chat.history()[1].parts), parts);
        assert_sendable(chat.history());
    }
}

#[tokio::test]
async fn a_call_in_the_last_chunk_only_is_answered() {
    for mode in MODES {
        let script = Scripted::default()
            .then_stream([
                chunk(json!([{"text": "Let me count."}]), ""),
                chunk(json!([{"functionCall": {"name": "count"}}]), "STOP"),
            ])
            .then_text("One.");
        let (count, calls) = counting("count");
        let mut chat = chat(&script, count);

        mode.send(&mut chat, "Count!").await.unwrap();

        assert_eq!(calls.lock().unwrap().len(), 1);
        assert_sendable(chat.history());
    }
}

#[tokio::test]
async fn empty_chunks_after_a_call_change_nothing() {
    for mode in MODES {
        let script = Scripted::default()
            .then_stream([
                chunk(json!([{"functionCall": {"name": "count"}}]), "STOP"),
                response(json!({"candidates": [{"content": {"role": "model"}}]})),
                response(json!({"candidates": [{"finishReason": "STOP"}]})),
                response(json!({"usageMetadata": {"totalTokenCount": 7}})),
            ])
            .then_text("One.");
        let (count, calls) = counting("count");
        let mut chat = chat(&script, count);

        let reply = mode.send(&mut chat, "Count!").await.unwrap();

        assert_eq!(calls.lock().unwrap().len(), 1);
        assert_eq!(reply.usage_metadata.unwrap().total_token_count, Some(7));
        assert_eq!(
            json!(&chat.history()[1].parts),
            json!([{"functionCall": {"name": "count"}}])
        );
        assert_sendable(chat.history());
    }
}

#[tokio::test]
async fn a_signature_on_the_first_of_parallel_calls_goes_back_on_it_alone() {
    for mode in MODES {
        let parts = json!([
            {"functionCall": {"name": "count", "args": {"of": "a"}}, "thoughtSignature": "c2ln"},
            {"functionCall": {"name": "count", "args": {"of": "b"}}},
        ]);
        let script = Scripted::default()
            .then_stream([reply(parts.clone())])
            .then_text("Two.");
        let mut chat = chat(&script, counting("count").0);

        mode.send(&mut chat, "Count!").await.unwrap();

        let sent = contents_of(&script.requests()[1]);
        assert_eq!(json!(&sent[1].parts), parts);
        assert_eq!(
            answers(&sent[2]),
            [json!({"result": 1}), json!({"result": 2})]
        );
        assert_sendable(&sent);
    }
}

#[tokio::test]
async fn every_answer_has_the_id_of_its_call_even_if_ids_repeat() {
    for mode in MODES {
        let call = |id: Value| json!({"functionCall": {"id": id, "name": "count", "args": {}}});
        let script = Scripted::default()
            .then_stream([reply(json!([
                call("x".into()),
                call("x".into()),
                call(Value::Null)
            ]))])
            .then_text("Three.");
        let (count, calls) = counting("count");
        let mut chat = chat(&script, count);

        mode.send(&mut chat, "Count!").await.unwrap();

        let answer = &json!(&chat.history()[2].parts);
        let ids = [0, 1, 2].map(|at| &answer[at]["functionResponse"]["id"]);
        assert_eq!(ids, [&json!("x"), &json!("x"), &Value::Null]);
        assert_eq!(calls.lock().unwrap().len(), 3);
        assert_sendable(chat.history());
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_reply_run_at_once_and_are_answered_in_their_order() {
    for mode in MODES {
        let call =
            |seconds: u64| json!({"functionCall": {"name": "nap", "args": seconds_of(seconds)}});
        let script = Scripted::default()
            .then_stream([reply(json!([call(3), call(1), call(2)]))])
            .then_text("Slept.");
        let nap = Function::new("nap", "Sleeps.", async |nap: Value| {
            let seconds = nap["seconds"].as_u64().unwrap_or_default();
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            seconds
        });
        let mut chat = chat(&script, nap);
        let start = tokio::time::Instant::now();

        mode.send(&mut chat, "Sleep!").await.unwrap();

        assert_eq!(start.elapsed(), Duration::from_secs(3));
        let slept = [3, 1, 2].map(|seconds| json!({ "result": seconds }));
        assert_eq!(answers(&chat.history()[2]), slept);
    }
}

fn seconds_of(seconds: u64) -> Value {
    json!({ "seconds": seconds })
}

#[tokio::test]
async fn usage_is_summed_over_the_rounds() {
    for mode in MODES {
        let used = |tokens: i32| json!({"promptTokenCount": tokens, "totalTokenCount": tokens + 1});
        let mut calling = reply(json!([{"functionCall": {"name": "count"}}]));
        calling.usage_metadata = usage(used(10));
        let mut last = reply(json!([{"text": "One."}]));
        last.usage_metadata = usage(used(100));
        let script = Scripted::default()
            .then_stream([calling])
            .then_stream([last]);
        let mut chat = chat(&script, counting("count").0);

        let reply = mode.send(&mut chat, "Count!").await.unwrap();

        assert_eq!(
            reply.usage_metadata,
            usage(json!({"promptTokenCount": 110, "totalTokenCount": 112}))
        );
    }
}

fn usage(json: Value) -> Option<Box<UsageMetadata>> {
    Some(Box::new(serde_json::from_value(json).expect("usage")))
}

#[tokio::test]
async fn mode_any_holds_for_the_first_round_only() {
    for mode in MODES {
        let script = Scripted::default()
            .then_call("count", json!({}))
            .then_call("count", json!({}))
            .then_text("Two.")
            .then_text("Bye.");
        let model = GenerativeModel::new("m")
            .tools(counting("count").0)
            .tool_config(FunctionCallingConfig::any_of(["count"]))
            .backend(script.clone());
        let mut chat = model.start_chat().automatic_function_calling(true);

        mode.send(&mut chat, "Count!").await.unwrap();
        mode.send(&mut chat, "Bye!").await.unwrap();

        let modes: Vec<FunctionCallingConfig> = script
            .requests()
            .into_iter()
            .filter_map(|request| request.tool_config?.function_calling_config)
            .collect();
        let any = FunctionCallingConfig::any_of(["count"]);
        let auto = FunctionCallingConfig::from(FunctionCallingMode::Auto);
        assert_eq!(modes, [any.clone(), auto.clone(), auto, any]);
    }
}

#[tokio::test]
async fn the_tools_and_settings_of_a_message_hold_for_all_its_rounds() {
    for mode in MODES {
        let script = Scripted::default()
            .then_call("count", json!({}))
            .then_text("One.");
        let (count, calls) = counting("count");
        let mut chat = chat(&script, Toolbox::default());
        let message = chat
            .send_message("Count!")
            .tools(count)
            .tool_config(FunctionCallingConfig::validated());

        match mode {
            Mode::Awaited => message.await.unwrap(),
            Mode::Streamed => message.stream().finish().await.unwrap(),
        };

        assert_eq!(calls.lock().unwrap().len(), 1);
        for request in script.requests() {
            assert_eq!(
                request.tools[0].function_declarations[0].name.as_deref(),
                Some("count")
            );
            assert_eq!(
                request.tool_config,
                Some(FunctionCallingConfig::validated().into())
            );
        }
    }
}

#[tokio::test]
async fn an_observer_sees_each_call_and_each_answer_as_it_happens() {
    for mode in MODES {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let observing = AutomaticFunctionCalling::default().observer(move |event| {
            log.lock().unwrap().push(match event {
                FunctionEvent::Called(call) => format!("{} called", call.name()),
                FunctionEvent::Answered(call, answer) => {
                    format!("{} said {}", call.name(), json!(&answer.response))
                }
                _ => unreachable!("there are no other events"),
            });
        });
        let run = Arc::clone(&seen);
        let greet = Function::new("greet", "Greets.", move || {
            run.lock().unwrap().push("greet runs".to_owned());
            "hello"
        });
        let call = json!([{"functionCall": {"name": "greet"}}]);
        let script = Scripted::default()
            .then_stream([chunk(call, "MALFORMED_FUNCTION_CALL")])
            .then_call("greet", json!({}))
            .then_text("Greeted.");
        let mut chat = automatic(&script, greet, observing);

        mode.send(&mut chat, "Greet!").await.unwrap();

        let expected = [
            // The call that the service rejected does not run.
            r#"greet said {"error":"function `greet` was not run, since the call was rejected as MALFORMED_FUNCTION_CALL: call one of `greet` with the arguments that it declares"}"#,
            "greet called",
            "greet runs",
            r#"greet said {"result":"hello"}"#,
        ];
        assert_eq!(*seen.lock().unwrap(), expected);
    }
}

#[tokio::test]
async fn functions_are_not_run_while_automatic_calling_is_off() {
    for mode in MODES {
        let script = Scripted::default().then_call("count", json!({}));
        let (count, calls) = counting("count");
        let mut chat: ChatSession = chat(&script, count).automatic_function_calling(false);

        mode.send(&mut chat, "Count!").await.unwrap();

        assert!(calls.lock().unwrap().is_empty());
        assert_eq!(chat.pending_calls().len(), 1);
    }
}
