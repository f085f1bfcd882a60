//! Guarantees of a chat: turns are transactions.

use std::time::Duration;

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::{Content, FunctionResponse, Part, Role};
use generativeai::protocol::request::ModelArmorConfig;
use generativeai::protocol::response::{FinishReason, GenerateContentResponse};
use generativeai::testing::Scripted;
use generativeai::{ChatSession, Error, ErrorKind, Event, GenerativeModel, Reason, RequestOptions};
use serde_json::{Value, json};
use tokio::time::Instant;

fn chat(script: Scripted) -> ChatSession {
    GenerativeModel::new("m").backend(script).start_chat()
}

fn response(json: Value) -> GenerateContentResponse {
    serde_json::from_value(json).expect("a response")
}

fn chunk(text: &str) -> GenerateContentResponse {
    response(json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]}))
}

fn last_chunk(text: &str, reason: &str) -> GenerateContentResponse {
    response(json!({"candidates": [{
        "content": {"role": "model", "parts": [{"text": text}]},
        "finishReason": reason,
    }]}))
}

fn texts(chat: &ChatSession) -> Vec<&str> {
    let parts = chat.history().iter().flat_map(|content| &content.parts);
    parts.filter_map(Part::as_text).collect()
}

/// Reads a whole reply: the texts of its chunks, and the error if there was one.
async fn read(chat: &mut ChatSession, message: &str) -> (Vec<String>, Option<ErrorKind>) {
    let mut reply = chat.send_message(message).stream();
    let mut heard = Vec::new();
    let mut failed = None;
    while let Some(chunk) = reply.next().await {
        assert!(failed.is_none(), "something came after an error");
        match chunk {
            Ok(chunk) => heard.push(chunk.text().unwrap_or_default()),
            Err(error) => failed = Some(error.kind()),
        }
    }
    (heard, failed)
}

#[tokio::test]
async fn a_turn_enters_the_history_when_it_is_complete() {
    let mut chat = chat(Scripted::default().then_text("A").then_chunks(["B", "b"]));

    chat.send_message("a").await.unwrap();
    let (heard, failed) = read(&mut chat, "b").await;

    assert_eq!(
        (heard, failed),
        (vec!["B".to_owned(), "b".to_owned()], None)
    );
    assert_eq!(texts(&chat), ["a", "A", "b", "Bb"]);
    let roles: Vec<_> = chat
        .history()
        .iter()
        .map(|content| content.role.clone())
        .collect();
    assert_eq!(
        roles,
        [Role::User, Role::Model, Role::User, Role::Model].map(Some)
    );
    assert!(chat.unfinished().is_none());
}

#[tokio::test]
async fn a_request_sends_the_history_and_the_message() {
    let script = Scripted::default().then_text("A").then_text("B");
    let mut chat = chat(script.clone());

    chat.send_message("a").await.unwrap();
    chat.send_message("b").await.unwrap();

    let sent = serde_json::to_value(&script.requests()[1]).unwrap();
    let said = sent["contents"].as_array().expect("contents");
    assert_eq!(said.len(), 3);
    assert_eq!(said[2], json!({"role": "user", "parts": [{"text": "b"}]}));
    assert_eq!(sent["model"], "models/m");
    assert_eq!(
        sent.as_object().unwrap().len(),
        2,
        "nothing that was not set: {sent}"
    );
}

#[tokio::test]
async fn a_reply_that_breaks_off_leaves_no_trace_in_the_history() {
    let mut chat = chat(Scripted::default().then_text("A").then_fail(&["13"]));
    chat.send_message("a").await.unwrap();

    let (heard, failed) = read(&mut chat, "How tall is Ben Nevis?").await;

    assert_eq!(
        (heard, failed),
        (vec!["13".to_owned()], Some(ErrorKind::Unreachable))
    );
    assert_eq!(texts(&chat), ["a", "A"]);
    let unfinished = chat.unfinished().expect("the turn is unfinished");
    assert_eq!(
        unfinished.sent.parts[0].as_text(),
        Some("How tall is Ben Nevis?")
    );
    assert_eq!(unfinished.received.as_ref().unwrap().text().unwrap(), "13");
    assert!(matches!(&unfinished.reason, Reason::Failed(e) if e.kind() == ErrorKind::Unreachable));
    assert_eq!(chat.last().unwrap().text().unwrap(), "13");
}

#[tokio::test]
async fn an_error_has_the_partial_reply() {
    let mut chat = chat(Scripted::default().then_fail(&["1,", "3"]));

    let error = chat
        .send_message("How tall?")
        .stream()
        .finish()
        .await
        .unwrap_err();

    assert_eq!(
        error.response().expect("the partial reply").text().unwrap(),
        "1,3"
    );
}

#[tokio::test]
async fn a_dropped_stream_leaves_an_interrupted_turn_wherever_it_is_dropped() {
    for read in 0..=3 {
        let mut chat = chat(
            Scripted::default()
                .then_chunks(["1", "2", "3"])
                .then_text("next"),
        );
        let mut reply = chat.send_message("count").stream();
        for _ in 0..read {
            reply.next().await.unwrap().unwrap();
        }
        drop(reply);

        assert!(chat.history().is_empty(), "after {read} chunks");
        let unfinished = chat.unfinished().expect("the turn is unfinished");
        assert!(matches!(unfinished.reason, Reason::Interrupted));
        let heard = unfinished
            .received
            .as_ref()
            .map(|reply| reply.text().unwrap());
        assert_eq!(
            heard.as_deref(),
            [None, Some("1"), Some("12"), Some("123")][read]
        );

        chat.send_message("go on").await.unwrap();
        let reply = if read == 0 { "123" } else { "next" };
        assert_eq!(
            texts(&chat),
            ["go on", reply],
            "nothing is sent before the first chunk is read"
        );
    }
}

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

        let (heard, failed) = read(&mut chat, "go").await;

        assert_eq!(
            (heard.len(), failed),
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

    let (heard, failed) = read(&mut chat, "go").await;

    assert_eq!(heard, ["1", "2"], "the whole stream is read");
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

#[tokio::test]
async fn rewind_undoes_the_unfinished_turn_first() {
    let mut chat = chat(Scripted::default().then_text("A").then_fail(&["B"]));
    chat.send_message("a").await.unwrap();
    read(&mut chat, "b").await;

    let (sent, received) = chat.rewind().unwrap();
    assert_eq!(sent.parts[0].as_text(), Some("b"));
    assert_eq!(received.parts[0].as_text(), Some("B"));
    assert!(chat.unfinished().is_none() && chat.last().is_none());
    assert_eq!(texts(&chat), ["a", "A"]);

    let (sent, received) = chat.rewind().unwrap();
    assert_eq!(sent.parts[0].as_text(), Some("a"));
    assert_eq!(received.parts[0].as_text(), Some("A"));
    assert!(chat.rewind().is_none());
}

#[tokio::test]
async fn rewinding_a_turn_without_a_reply_returns_an_empty_reply() {
    let mut chat = chat(Scripted::default().then_fail(&[]));
    chat.send_message("a").await.unwrap_err();

    let (sent, received) = chat.rewind().unwrap();

    assert_eq!(sent.parts[0].as_text(), Some("a"));
    assert!(received.parts.is_empty());
}

#[tokio::test]
async fn rewind_undoes_a_turn_with_its_rounds_of_function_calls() {
    let answer =
        FunctionResponse::new("now", json!({"time": "12:30"}).as_object().unwrap().clone());
    let script = Scripted::default()
        .then_text("A")
        .then_call("now", json!({}))
        .then_text("12:30");
    let mut chat = chat(script);
    chat.send_message("a").await.unwrap();
    chat.send_message("what time is it?").await.unwrap();
    chat.send_message(answer).await.unwrap();

    let (sent, received) = chat.rewind().unwrap();

    assert_eq!(sent.parts[0].as_text(), Some("what time is it?"));
    assert_eq!(received.parts[0].as_text(), Some("12:30"));
    assert_eq!(texts(&chat), ["a", "A"]);
}

#[tokio::test]
async fn a_partial_reply_can_be_kept() {
    let mut chat = chat(
        Scripted::default()
            .then_hang(&["Once ", "upon"])
            .then_text("on"),
    );
    let mut reply = chat.send_message("a story").stream();
    reply.next().await;
    reply.next().await;
    drop(reply);

    assert!(chat.keep_partial());

    assert_eq!(texts(&chat), ["a story", "Once upon"]);
    assert!(chat.unfinished().is_none() && !chat.keep_partial());
    chat.send_message("go").await.unwrap();
    assert_eq!(chat.history().len(), 4);
}

#[tokio::test]
async fn calls_in_a_kept_partial_reply_are_answered() {
    let mut chat = chat(Scripted::default().then_call("now", json!({})));
    let mut reply = chat.send_message("time?").stream();
    reply.next().await;
    drop(reply);

    chat.keep_partial();

    assert!(chat.pending_calls().is_empty());
    assert_eq!(chat.history().len(), 3);
    let kept = serde_json::to_value(&chat.history()[2]).unwrap();
    let answer = &kept["parts"][0]["functionResponse"];
    assert_eq!(answer["name"], "now");
    assert!(
        answer["response"]["error"]
            .as_str()
            .unwrap()
            .contains("interrupted"),
        "{answer}"
    );
}

#[tokio::test]
async fn retry_sends_the_same_message_with_the_same_settings() {
    let script = Scripted::default()
        .then_text("A")
        .then_fail(&[])
        .then_text("B");
    let mut chat = chat(script.clone());
    chat.send_message("a").await.unwrap();
    let cold = GenerationConfig::default().temperature(0.0);
    chat.send_message("b")
        .generation_config(cold.clone())
        .await
        .unwrap_err();

    chat.retry().await.unwrap();

    assert_eq!(texts(&chat), ["a", "A", "b", "B"]);
    let requests = script.requests();
    assert_eq!(requests[1], requests[2]);
    assert_eq!(requests[2].generation_config.as_deref(), Some(&cold));
}

#[tokio::test]
async fn without_an_unfinished_turn_there_is_nothing_to_retry() {
    let mut chat = chat(Scripted::default());

    assert_eq!(chat.retry().await.unwrap_err().kind(), ErrorKind::Request);
}

#[tokio::test]
async fn an_empty_message_is_refused_and_changes_nothing() {
    let script = Scripted::default().then_text("A");
    let mut chat = chat(script.clone());
    chat.send_message("a").await.unwrap();

    for empty in [
        Content::from(""),
        Content::default(),
        Content::from(Part::default()),
    ] {
        let error = chat.send_message(empty).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request);
    }

    assert_eq!(chat.last().unwrap().text().unwrap(), "A");
    assert_eq!(chat.history().len(), 2);
    assert_eq!(script.requests().len(), 1);
}

#[tokio::test]
async fn more_than_one_candidate_is_refused_in_a_chat() {
    let mut chat = chat(Scripted::default().then_text("A"));
    let two = GenerationConfig::default().candidate_count(2);

    let error = chat
        .send_message("a")
        .generation_config(two.clone())
        .await
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Request);
    assert!(error.to_string().contains("candidate_count"), "{error}");
    chat.send_message("a").await.unwrap();
    let chat = GenerativeModel::new("m")
        .generation_config(two)
        .backend(Scripted::default());
    assert_eq!(
        chat.start_chat().check().unwrap_err().kind(),
        ErrorKind::Request
    );
}

#[tokio::test]
async fn the_settings_of_a_message_merge_over_the_models() {
    let script = Scripted::default().then_text("A").then_text("B");
    let model = GenerativeModel::new("m")
        .generation_config(GenerationConfig::default().temperature(0.5).seed(7))
        .backend(script.clone());
    let mut chat = model.start_chat();

    let hot = GenerationConfig::default().temperature(2.0);
    chat.send_message("a").generation_config(hot).await.unwrap();
    chat.send_message("b").await.unwrap();

    let sent = script.requests();
    let config = |at: usize| *sent[at].generation_config.clone().unwrap();
    assert_eq!(
        config(0),
        GenerationConfig::default().temperature(2.0).seed(7)
    );
    assert_eq!(
        config(1),
        GenerationConfig::default().temperature(0.5).seed(7)
    );
}

#[tokio::test]
async fn last_is_kept_until_the_next_send_the_rewind_or_a_new_history() {
    let script = Scripted::default()
        .then_text("A")
        .then_fail(&[])
        .then_text("B")
        .then_text("C");
    let mut chat = chat(script);
    assert!(chat.last().is_none());

    chat.send_message("a").await.unwrap();
    assert!(!chat.history().is_empty());
    assert_eq!(
        chat.last().unwrap().text().unwrap(),
        "A",
        "reading changes nothing"
    );

    chat.send_message("b").await.unwrap_err();
    assert!(chat.last().is_none());

    chat.send_message("b").await.unwrap();
    chat.rewind();
    assert!(chat.last().is_none());

    chat.send_message("c").await.unwrap();
    chat.set_history([Content::user("x")]);
    assert!(chat.last().is_none());
}

#[tokio::test]
async fn a_clone_and_its_original_continue_independently() {
    let script = Scripted::default()
        .then_text("A")
        .then_text("B")
        .then_text("C");
    let mut one = chat(script).automatic_function_calling(true);
    one.send_message("a").await.unwrap();

    let mut other = one.clone();
    other.send_message("b").await.unwrap();
    one.send_message("c").await.unwrap();

    assert_eq!(texts(&one), ["a", "A", "c", "C"]);
    assert_eq!(texts(&other), ["a", "A", "b", "B"]);
    assert!(other.automatic_calls_enabled());
}

#[tokio::test]
async fn unknown_members_are_sent_again_unchanged() {
    let reply = json!({"candidates": [{"content": {"role": "model", "parts": [
        {"text": "hm", "thought": true, "thoughtSignature": "c2ln/+=="},
        {"hologram": {"angle": 1.5}, "shimmer": [1]},
        {"text": "A", "mood": "blue"},
    ], "tone": "dry"}, "finishReason": "STOP"}]});
    let script = Scripted::default()
        .then_stream([response(reply.clone())])
        .then_text("B");
    let mut chat = chat(script.clone());
    chat.send_message("a").await.unwrap();

    let saved = serde_json::to_string(&chat).unwrap();
    let loaded: ChatSession = serde_json::from_str(&saved).unwrap();
    loaded
        .backend(script.clone())
        .send_message("b")
        .await
        .unwrap();

    let sent = serde_json::to_value(&script.requests()[1]).unwrap();
    assert_eq!(sent["contents"][1], reply["candidates"][0]["content"]);
}

#[tokio::test]
async fn a_loaded_chat_continues_where_it_stopped() {
    let script = Scripted::default()
        .then_text("A")
        .then_fail(&["B"])
        .then_text("Bb");
    let model = GenerativeModel::new("m")
        .system_instruction("Be brief.")
        .backend(script.clone());
    let mut chat = model.start_chat();
    chat.send_message("a").await.unwrap();
    read(&mut chat, "b").await;

    let saved = serde_json::to_value(&chat).unwrap();
    let loaded: ChatSession = serde_json::from_value(saved.clone()).unwrap();
    assert_eq!(serde_json::to_value(&loaded).unwrap(), saved);
    let mut loaded = loaded.backend(script.clone());

    assert_eq!(
        loaded
            .unfinished()
            .unwrap()
            .received
            .as_ref()
            .unwrap()
            .text()
            .unwrap(),
        "B"
    );
    loaded.retry().await.unwrap();
    assert_eq!(texts(&loaded), ["a", "A", "b", "Bb"]);
    let requests = script.requests();
    assert_eq!(requests[1].contents, requests[2].contents);
    assert_eq!(
        requests[1].system_instruction,
        requests[2].system_instruction
    );
}

#[tokio::test]
async fn debug_prints_no_prompt_and_no_reply() {
    let mut chat = chat(
        Scripted::default()
            .then_text("classified")
            .then_fail(&["restricted"]),
    );
    chat.send_message("confidential").await.unwrap();
    read(&mut chat, "secret").await;

    let shown = format!("{chat:?} {:?}", chat.unfinished());

    for word in ["classified", "restricted", "confidential", "secret"] {
        assert!(!shown.contains(word), "{shown}");
    }
}

/// Finding 15 of tests/newcomer.md.
#[tokio::test]
async fn a_history_is_accepted_wherever_contents_are() {
    let mut chat = chat(Scripted::always("A"));
    chat.send_message("a").await.unwrap();

    let mut other = chat.model().start_chat().with_history(chat.history());
    other.set_history(chat.history());
    let counted = chat.model().count_tokens(chat.history()).await.unwrap();
    chat.model().generate_content(chat.history()).await.unwrap();
    let first = &chat.history()[0];
    chat.model().count_tokens(first).await.unwrap();

    assert_eq!(other.history(), chat.history());
    assert_eq!(counted.total_tokens, Some(2));
    other.set_history([]);
    chat.clear();
    assert!(other.history().is_empty() && chat.history().is_empty());
    assert!(chat.last().is_none());
}

/// Finding 4 of tests/newcomer.md.
#[test]
fn a_check_reports_contents_in_the_format_of_another_api() {
    for (content, problem) in [
        (
            json!({"role": "assistant", "content": "Hello"}),
            "content 2 of the history has no `parts`, but the unknown member `content`: write \
             `{\"role\": \"user\", \"parts\": [{\"text\": \"…\"}]}`",
        ),
        (
            json!({"role": "assistant", "parts": [{"text": "Hello"}]}),
            "content 2 of the history has the unknown role `assistant`: the roles are `user` and `model`",
        ),
        (
            json!({"role": "system", "parts": [{"text": "Hello"}]}),
            "content 2 of the history has the role `system`: set it as `system_instruction` of the model instead",
        ),
    ] {
        let content: Content = serde_json::from_value(content).unwrap();
        let history = [Content::user("Hi"), content];
        let error = chat(Scripted::default()).with_history(history).check();
        assert_eq!(error.unwrap_err().to_string(), problem);
    }
    let known = [Content::user("Hi"), Content::model("Hello")];
    assert!(
        chat(Scripted::default())
            .with_history(known)
            .check()
            .is_ok()
    );
}

/// Finding 11 of tests/newcomer.md.
#[tokio::test]
async fn the_error_for_a_call_instead_of_text_names_the_function_and_the_remedy() {
    let call = || Scripted::default().then_call("height", json!({}));
    let model = GenerativeModel::new("m").backend(call());

    let in_chat = chat(call()).send_message("a").await.unwrap();
    let alone = model.generate_content("a").await.unwrap();

    for reply in [in_chat, alone] {
        let message = reply.text().unwrap_err().to_string();
        for named in [
            "`height`",
            "`automatic_function_calling(true)`",
            "`guide::tools`",
        ] {
            assert!(message.contains(named), "{message}");
        }
    }
}

/// Row 29 of tests/field.md.
#[tokio::test]
async fn members_of_a_request_can_be_set_for_the_model_and_for_a_message() {
    let script = Scripted::always("Hello!");
    let model = GenerativeModel::new("m")
        .backend(script.clone())
        .labels([("team", "a"), ("env", "test")])
        .service_tier("FLEX")
        .store(false)
        .model_armor_config(ModelArmorConfig::default().prompt_template_name("p"))
        .request_member("outputConfig", json!({"x": 1}))
        .request_member("brandNew", 1);
    let saved = serde_json::to_string(&model.start_chat()).unwrap();
    let loaded: ChatSession = serde_json::from_str(&saved).unwrap();
    for mut chat in [model.start_chat(), loaded.backend(script.clone())] {
        chat.send_message("Hi").await.unwrap();
        let message = chat
            .send_message("Hi")
            .labels([("env", "prod")])
            .service_tier("priority");
        let message = message
            .store(true)
            .request_member("brandNew", 2)
            .request_member("other", true);
        message.stream().finish().await.unwrap();

        let requests = script.requests();
        let [sent, overridden] = &requests[requests.len() - 2..] else {
            unreachable!("two requests")
        };
        let mut sent = serde_json::to_value(sent).unwrap();
        sent.as_object_mut().unwrap().remove("contents");
        assert_eq!(
            sent,
            json!({
                "model": "models/m", "labels": {"team": "a", "env": "test"}, "serviceTier": "flex", "store": false,
                "modelArmorConfig": {"promptTemplateName": "p"}, "outputConfig": {"x": 1}, "brandNew": 1,
            })
        );
        let overridden = serde_json::to_value(overridden).unwrap();
        assert_eq!(overridden["labels"], json!({"team": "a", "env": "prod"}));
        assert_eq!(overridden["serviceTier"], "priority");
        assert_eq!(overridden["store"], true);
        assert_eq!(
            overridden["modelArmorConfig"],
            json!({"promptTemplateName": "p"})
        );
        assert_eq!(
            [&overridden["brandNew"], &overridden["other"]],
            [&json!(2), &json!(true)]
        );
    }
    for name in ["generationConfig", "safety_settings", "labels"] {
        let error = model
            .generate_content("Hi")
            .request_member(name, json!({}))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request, "{name}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[tokio::test]
async fn a_loaded_turn_keeps_the_kind_of_its_error() {
    for kind in [
        ErrorKind::Authentication,
        ErrorKind::Quota,
        ErrorKind::RateLimited,
    ] {
        let refused = Error::new(kind, "refused");
        let mut chat = chat(Scripted::default().then_error(&["Half"], refused));
        chat.send_message("Hi").stream().finish().await.unwrap_err();

        let saved = json!(chat);
        // Older versions read the reason alone.
        assert_eq!(saved["unfinished"]["reason"], json!({"failed": "refused"}));
        assert_eq!(saved["unfinished"]["errorKind"], json!(kind));
        let loaded: ChatSession = serde_json::from_value(saved).unwrap();

        let turn = loaded.unfinished().unwrap();
        assert!(matches!(&turn.reason, Reason::Failed(error)
            if error.kind() == kind && error.to_string() == "refused"));
        assert_eq!(turn.received.as_ref().unwrap().to_string(), "Half");
    }
}

#[tokio::test]
async fn the_error_of_a_loaded_turn_without_a_known_kind_is_unreachable() {
    for kind in [json!({}), json!({"errorKind": "newKind"})] {
        let mut reason = json!({"unfinished": {"reason": {"failed": "refused"}}});
        let members = reason["unfinished"].as_object_mut().unwrap();
        members.extend(kind.as_object().unwrap().clone());

        let event: Event = serde_json::from_value(reason).unwrap();

        assert!(
            matches!(&event, Event::Unfinished { reason: Reason::Failed(error), .. }
            if error.kind() == ErrorKind::Unreachable && error.to_string() == "refused")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_scripted_reply_that_never_ends_observes_the_time_limits() {
    let second = Duration::from_secs(1);
    let script = Scripted::default().then_hang(&[]).then_hang(&["Once "]);
    let mut chat = chat(script);
    let start = Instant::now();

    let limits = RequestOptions::default().timeout(2 * second);
    let message = chat.send_message("Hi").request_options(limits);
    assert_eq!(message.await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(start.elapsed(), 2 * second);

    let limits = RequestOptions::default().idle_timeout(3 * second);
    let message = chat.send_message("Hi").request_options(limits);
    let error = message.stream().finish().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(start.elapsed(), 5 * second);
    assert_eq!(error.response().unwrap().to_string(), "Once ");
}
