//! Replies that arrive in several requests.

use std::future::IntoFuture;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use generativeai::protocol::content::{Content, FunctionCall, Part};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::{FinishReason, GenerateContentResponse};
use generativeai::testing::Scripted;
use generativeai::{
    Backend, BoxFuture, ChatSession, ChunkStream, Compaction, Error, ErrorKind, Event, Function,
    GenerativeModel, Reason, RequestOptions, Result,
};
use serde_json::{Map, json};

use crate::support::memory::{Memory, assert_same};
use crate::support::mode::MODES;
use crate::support::poll::{Waiting, drop_at_every_poll, run};
use crate::support::service::Service;

mod ends;

/// Returns the pieces of a reply: thoughts, text, and a signature at its end.
pub(crate) fn reply() -> Vec<Part> {
    let thoughts = (0..8).map(|number| Part::text(format!("thought {number} ")).thought(true));
    let texts = (0..40).map(|number| Part::text(format!("word {number}ü ")));
    let signed = Part::text("").thought_signature("c2lnbmVk");
    thoughts.chain(texts).chain([signed]).collect()
}

/// Returns the history that a reply in one piece leads to.
pub(crate) fn expected() -> String {
    let script = Scripted::default().then_stream([last(Content::model(reply()))]);
    let mut chat = GenerativeModel::new("m").backend(script).start_chat();
    run(chat.send_message("Hi").stream().finish()).unwrap();
    json!(chat.history()).to_string()
}

fn last(content: Content) -> GenerateContentResponse {
    ended(content, FinishReason::Stop)
}

fn ended(content: Content, reason: FinishReason) -> GenerateContentResponse {
    let mut response = GenerateContentResponse::from(content);
    response.candidates[0].finish_reason = Some(reason);
    response
}

/// Returns the reply of a hop that another one follows.
pub(crate) fn hop(text: &str, token: &str) -> GenerateContentResponse {
    let mut response = ended(Content::model(text), FinishReason::Continuation);
    response.candidates[0].continuation_token = Some(token.into());
    response
}

fn tokens(script: &Scripted) -> Vec<Option<String>> {
    let requests = script.requests().into_iter();
    requests.map(|request| request.continuation_token).collect()
}

fn some(tokens: &[&str]) -> Vec<Option<String>> {
    let first = std::iter::once(None);
    first
        .chain(tokens.iter().map(|token| Some((*token).to_owned())))
        .collect()
}

#[test]
fn hops_of_random_lengths_equal_one_hop() {
    let expected = expected();
    for seed in 0..200 {
        let service = Service::new(reply(), 1 + seed as usize % 20, seed);
        let model = GenerativeModel::new("m").backend(service.clone());

        let mut chat = model.start_chat();
        run(chat.send_message("Hi").stream().finish()).unwrap();
        assert_eq!(
            json!(chat.history()).to_string(),
            expected,
            "streamed, seed {seed}"
        );
        assert!(service.requests() > 1);

        let mut chat = model.start_chat();
        run(chat.send_message("Hi").into_future()).unwrap();
        assert_eq!(
            json!(chat.history()).to_string(),
            expected,
            "unary, seed {seed}"
        );
    }
}

#[test]
fn a_stream_counts_its_hops() {
    let script = Scripted::default()
        .then_stream([hop("Once ", "a")])
        .then_fail(&["upon "])
        .then_text("upon a time");
    let mut chat = GenerativeModel::new("m").backend(script).start_chat();
    let mut stream = chat.send_message("Hi").stream();
    let mut hops = vec![stream.hops()];
    while let Some(chunk) = run(stream.next()) {
        chunk.unwrap();
        hops.push(stream.hops());
    }

    assert_eq!(hops, [0, 1, 2, 3]);
    assert_eq!(stream.hops(), 3);
}

#[test]
fn streams_that_are_cut_at_a_thousand_places_equal_one_hop() {
    let expected = expected();
    let mut requests = 0;
    for seed in 0..1_000 {
        let service = Service::new(reply(), 20, seed).cutting();
        let model = GenerativeModel::new("m").backend(service.clone());
        let mut chat = model.start_chat();

        let mut text = String::new();
        let mut stream = chat.send_message("Hi").stream();
        while let Some(chunk) = run(stream.next()) {
            let chunk = chunk.unwrap_or_else(|error| panic!("seed {seed}: {error:#}"));
            text += &chunk.text_lossy();
            assert_ne!(chunk.finish_reason(), Some(&FinishReason::Continuation));
        }
        drop(stream);

        assert_eq!(json!(chat.history()).to_string(), expected, "seed {seed}");
        assert_eq!(text, chat.last().unwrap().text().unwrap(), "seed {seed}");
        requests += service.requests();

        let once = run(model.generate_content("Hi").stream().finish()).unwrap();
        let parts = once.candidates[0].content.as_ref().unwrap();
        assert_eq!(json!(parts), json!(chat.history()[1]), "seed {seed}");
    }
    assert!(requests > 5_000, "{requests}");
}

#[test]
fn a_hop_without_a_new_token_is_resumed_three_times() {
    let script = Scripted::default().then_stream([hop("Once ", "a")]);
    let script = (0..4).fold(script, |script, _| script.then_fail(&[]));
    let script = script.then_text("upon a time");
    let mut chat = GenerativeModel::new("m")
        .backend(script.clone())
        .start_chat();

    let error = run(chat.send_message("Hi").stream().finish()).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(error.response().unwrap().text().unwrap(), "Once ");
    assert_eq!(tokens(&script), some(&["a"; 4]));
    assert_eq!(
        run(chat.retry().into_future()).unwrap().text().unwrap(),
        "Once upon a time"
    );
    assert_eq!(tokens(&script).last(), Some(&Some("a".to_owned())));
    assert_eq!(chat.history()[1].parts.len(), 1);
}

#[test]
fn a_resumed_reply_with_other_text_is_truncated() {
    let script = Scripted::default()
        .then_stream([hop("Once ", "a")])
        .then_fail(&["upon "])
        .then_text("there was");
    let mut chat = GenerativeModel::new("m")
        .backend(script.clone())
        .start_chat();

    let error = run(chat.send_message("Hi").stream().finish()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated);

    // The retry continues after the token, not after the text that has none.
    let saved = serde_json::to_string(&chat).unwrap();
    chat.set_backend(Scripted::default().then_text("there was"));
    assert_eq!(
        run(chat.retry().into_future()).unwrap().text().unwrap(),
        "Once there was"
    );
    let loaded: ChatSession = serde_json::from_str(&saved).unwrap();
    let mut loaded = loaded.backend(Scripted::default().then_text("in Rome"));
    assert_eq!(
        run(loaded.retry().into_future()).unwrap().text().unwrap(),
        "Once in Rome"
    );
}

#[test]
fn the_token_of_a_reply_that_ended_is_not_sent() {
    let mut whole = last(Content::model("Hello!"));
    whole.candidates[0].continuation_token = Some("stale".into());
    let mut unsafe_end = whole.clone();
    unsafe_end.candidates[0].finish_reason = Some(FinishReason::Safety);
    let script = Scripted::default()
        .then_stream([whole])
        .then_stream([unsafe_end])
        .then_text("Bye");
    let mut chat = GenerativeModel::new("m")
        .backend(script.clone())
        .start_chat();

    run(chat.send_message("Hi").into_future()).unwrap();
    run(chat.send_message("Hi").into_future()).unwrap_err();
    assert_eq!(chat.unfinished().unwrap().continuation_token(), None);
    run(chat.retry().into_future()).unwrap();

    assert_eq!(tokens(&script), [None, None, None]);
}

#[test]
fn a_block_in_a_later_hop_ends_the_reply() {
    let blocked = json!({"promptFeedback": {"blockReason": "SAFETY"}});
    let blocked: GenerateContentResponse = serde_json::from_value(blocked).unwrap();
    for mode in MODES {
        let script = Scripted::default()
            .then_stream([hop("Once ", "a")])
            .then_stream([blocked.clone()])
            .then_text("No.");
        let mut chat = GenerativeModel::new("m")
            .backend(script.clone())
            .start_chat();
        let error = run(mode.send(&mut chat, "Hi")).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Blocked);
        assert!(chat.history().is_empty());
        run(chat.retry().into_future()).unwrap();
        assert_eq!(tokens(&script), [None, Some("a".to_owned()), None]);
    }
}

#[test]
fn token_counts_and_grounding_cover_all_hops() {
    let part = |text: &str, prompt: i32, reply: i32| {
        json!({
            "candidates": [{
                "content": {"parts": [{"text": text}]},
                "groundingMetadata": {
                    "groundingChunks": [{"web": {"uri": text}}],
                    "groundingSupports": [{"segment": {"endIndex": 2}, "groundingChunkIndices": [0]}],
                },
            }],
            "usageMetadata": {"promptTokenCount": prompt, "candidatesTokenCount": reply},
        })
    };
    let parse = |mut json: serde_json::Value, end: serde_json::Value| {
        let candidate = json["candidates"][0].as_object_mut().unwrap();
        candidate.extend(end.as_object().unwrap().clone());
        serde_json::from_value::<GenerateContentResponse>(json).unwrap()
    };
    let first = parse(part("ab", 10, 1), json!({}));
    let second = parse(
        part("cd", 10, 2),
        json!({"finishReason": "CONTINUATION", "continuationToken": "t"}),
    );
    let third = parse(part("ef", 12, 3), json!({"finishReason": "STOP"}));
    // Vertex AI ends a stream with metadata that has no counts.
    let traffic = json!({"usageMetadata": {"trafficType": "ON_DEMAND"}});
    let traffic: GenerateContentResponse = serde_json::from_value(traffic).unwrap();
    let script = Scripted::default()
        .then_stream([first, second, traffic.clone()])
        .then_stream([third, traffic]);
    let mut chat = GenerativeModel::new("m").backend(script).start_chat();

    let response = run(chat.send_message("Hi").stream().finish()).unwrap();

    let usage = response.usage_metadata.as_deref().unwrap();
    assert_eq!(
        (usage.prompt_token_count, usage.candidates_token_count),
        (Some(22), Some(5))
    );
    let candidate = &response.candidates[0];
    assert_eq!(candidate.continuation_token, None);
    assert_eq!(candidate.finish_reason, Some(FinishReason::Stop));
    let grounding = json!(candidate.grounding_metadata);
    assert_eq!(grounding["groundingChunks"].as_array().unwrap().len(), 2);
    assert_eq!(
        grounding["groundingSupports"][1],
        json!({"segment": {"startIndex": 4, "endIndex": 6}, "groundingChunkIndices": [1]})
    );
}

#[test]
fn a_turn_that_is_dropped_at_any_poll_continues_in_memory_and_from_its_journal() {
    let expected = expected();
    for mode in MODES {
        let model = || GenerativeModel::new("m").backend(Waiting(Service::new(reply(), 9, 5)));
        let start = || {
            let journal = Memory::default();
            (model().start_chat().journal(journal.clone()), journal)
        };
        let polls = drop_at_every_poll(
            start,
            |(chat, _)| Box::pin(async move { drop(mode.send(chat, "Hi").await) }),
            |polls, (chat, journal)| {
                for (name, mut chat) in
                    [("resumed", journal.resume(&model()).fork()), ("live", chat)]
                {
                    if polls == 0 {
                        continue;
                    }
                    if chat.unfinished().is_some() {
                        run(chat.retry().stream().finish()).unwrap();
                    }
                    let context = format!("{name} after {polls} polls");
                    assert_eq!(json!(chat.history()).to_string(), expected, "{context}");
                }
            },
        );
        assert!(polls > 12, "{polls}");
    }
}

#[test]
fn a_chat_whose_process_died_after_a_hop_continues_with_the_next() {
    let script = Scripted::default()
        .then_stream([hop("Once ", "a")])
        .then_stream([hop("upon ", "b")])
        .then_hang(&[]);
    let journal = Memory::default();
    let mut chat = GenerativeModel::new("m")
        .backend(script)
        .start_chat()
        .journal(journal.clone());
    let mut stream = chat.send_message("Hi").stream();
    for _ in 0..2 {
        run(stream.next()).unwrap().unwrap();
    }
    assert!(crate::support::poll::poll_times(stream.next(), 10).is_none());
    assert_eq!(journal.names(), ["Opened", "Unfinished", "Unfinished"]);

    let script = Scripted::default().then_text("a time");
    let mut again = journal.resume(&GenerativeModel::new("m").backend(script.clone()));
    let unfinished = again.unfinished().unwrap();
    assert!(matches!(unfinished.reason, Reason::Interrupted));
    assert_eq!(unfinished.continuation_token(), Some("b"));
    let reply = run(again.retry().into_future()).unwrap();

    assert_eq!(reply.text().unwrap(), "Once upon a time");
    assert_eq!(tokens(&script), [Some("b".to_owned())]);
    assert!(matches!(
        journal.events().last(),
        Some(Event::Completed { .. })
    ));
}

#[test]
fn without_automatic_continuation_a_turn_stops_and_a_retry_continues_it() {
    let script = Scripted::default()
        .then_stream([hop("Once ", "a")])
        .then_text("upon a time");
    let model = GenerativeModel::new("m")
        .backend(script.clone())
        .automatic_continuation(false);
    let mut chat = model.start_chat();

    let error = run(chat.send_message("Hi").into_future()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    let unfinished = chat.unfinished().unwrap();
    assert!(matches!(
        unfinished.reason,
        Reason::Stopped(FinishReason::Continuation)
    ));
    assert_eq!(unfinished.continuation_token(), Some("a"));

    let reply = run(chat.retry().into_future()).unwrap();
    assert_eq!(reply.text().unwrap(), "Once upon a time");
    assert_eq!(tokens(&script), some(&["a"]));
}

#[test]
fn a_rejected_token_begins_the_reply_again() {
    let rejected = Error::new(ErrorKind::Request, "bad token").with_http_code(400);
    // A backend without tokens refuses the request before it is sent.
    let refused = Error::new(ErrorKind::Request, "continuationToken is not supported");
    for refusal in [rejected, refused] {
        let script = Scripted::default()
            .then_stream([hop("Once ", "a")])
            .then_error(&[], refusal)
            .then_text("Hello!");
        let journal = Memory::default();
        let model = GenerativeModel::new("m").backend(script.clone());
        let mut chat = model.start_chat().journal(journal.clone());

        let error = run(chat.send_message("Hi").stream().finish()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request);
        let unfinished = chat.unfinished().unwrap();
        assert_eq!(unfinished.continuation_token(), None);
        assert_eq!(unfinished.received.as_ref().unwrap().to_string(), "Once ");
        assert_same(chat.clone(), journal.resume(&model), "after a restart");
        let resumed = journal.resume(&model);
        assert_eq!(resumed.unfinished().unwrap().continuation_token(), None);
        assert_eq!(
            run(chat.retry().into_future()).unwrap().text().unwrap(),
            "Hello!"
        );
        assert_eq!(tokens(&script), [None, Some("a".to_owned()), None]);
    }
}

#[test]
fn a_token_is_kept_if_the_request_of_a_retry_is_not_sent() {
    let overloaded = Error::new(ErrorKind::Unavailable, "a reason").with_http_code(503);
    let script = Scripted::default()
        .then_stream([hop("Once ", "a")])
        .then_error(&[], overloaded)
        .then_text("upon a time");
    let model = GenerativeModel::new("m").backend(script.clone());
    let mut chat = model.start_chat();
    let message = "Tell a story that is long";
    assert!(run(chat.send_message(message).stream().finish()).is_err());

    chat = chat.context_budget(1, Compaction::Drop);
    let error = run(chat.retry().into_future()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request);
    chat = chat.context_budget(1_000, Compaction::Drop);
    run(chat.retry().into_future()).unwrap();

    let token = Some("a".to_owned());
    assert_eq!(tokens(&script), [None, token.clone(), token]);
}

#[test]
fn functions_run_after_the_last_hop_and_end_the_token() {
    let mut first = hop("Let me see.", "a");
    let call = FunctionCall::new("now", Map::new());
    first.candidates[0]
        .content
        .get_or_insert_default()
        .parts
        .push(call.into());
    let script = Scripted::default()
        .then_stream([first])
        .then_call("now", json!({}))
        .then_text("12:30");
    let now = Function::new("now", "Returns the time.", || "12:30");
    let mut chat = GenerativeModel::new("m")
        .backend(script.clone())
        .tools(now)
        .start_chat()
        .automatic_function_calling(true);

    run(chat.send_message("Time?").stream().finish()).unwrap();

    assert_eq!(tokens(&script), [None, Some("a".to_owned()), None]);
    assert_eq!(chat.history()[1].parts.len(), 3);
    assert_eq!(chat.history()[2].parts.len(), 2);
}

#[test]
fn a_partial_reply_is_kept_with_all_hops() {
    let script = Scripted::default()
        .then_stream([hop("Once ", "a")])
        .then_stream([hop("upon ", "b")])
        .then_hang(&["a "]);
    let mut chat = GenerativeModel::new("m").backend(script).start_chat();
    let mut stream = chat.send_message("Hi").stream();
    for _ in 0..3 {
        run(stream.next()).unwrap().unwrap();
    }
    drop(stream);

    assert!(chat.keep_partial());
    assert_eq!(chat.history()[1].parts[0].as_text(), Some("Once upon a "));
    assert!(chat.rewind().is_some());
    assert!(chat.history().is_empty());
}

#[test]
fn a_typed_reply_is_parsed_over_all_hops() {
    let script = Scripted::default()
        .then_stream([hop("[1, 2", "a")])
        .then_text("3, 4]");
    let model = GenerativeModel::new("m").backend(script);

    let numbers: Vec<u32> = run(model.generate_content("Count").json().into_future()).unwrap();

    assert_eq!(numbers, [1, 23, 4]);
}

/// Service that records the time limits of its requests.
#[derive(Clone, Debug)]
struct Limited(Service, Arc<Mutex<Vec<Duration>>>);

impl Backend for Limited {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let reply = self.0.generate_content(request, RequestOptions::default());
        self.1.lock().unwrap().extend(options.timeout);
        reply
    }

    fn stream_generate_content(&self, _: GenerateContentRequest, _: RequestOptions) -> ChunkStream {
        unreachable!("the reply is awaited")
    }
}

#[test]
fn the_time_limit_of_a_request_covers_all_hops() {
    let limits = Arc::default();
    let backend = Limited(Service::new(reply(), 9, 5), Arc::clone(&limits));
    let model = GenerativeModel::new("m").backend(backend);
    let limit = Duration::from_secs(3600);
    let options = RequestOptions::default().timeout(limit);

    let reply = model.generate_content("Hi").request_options(options);
    run(reply.into_future()).unwrap();

    let limits = limits.lock().unwrap().clone();
    assert!(limits.len() > 3);
    assert_eq!(limits[0], limit);
    for pair in limits.windows(2) {
        assert!(pair[1] < pair[0], "{limits:?}");
    }
    let options = RequestOptions::default().timeout(Duration::from_nanos(1));
    let reply = model.generate_content("Hi").request_options(options);
    let error = run(reply.into_future()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[cfg(feature = "blocking")]
#[test]
fn the_blocking_api_continues_replies_as_the_async_one_does() {
    use generativeai::blocking::GenerativeModel;

    let expected = expected();
    for seed in 0..20 {
        let service = Service::new(reply(), 9, seed).cutting();
        let model = GenerativeModel::new("m").backend(service.clone());
        let mut chat = model.start_chat();
        let mut stream = chat.send_message("Hi").stream();
        for chunk in &mut stream {
            chunk.unwrap();
        }
        assert!(stream.hops() > 1);
        drop(stream);
        assert_eq!(json!(chat.history()).to_string(), expected, "{seed}");

        let model = model.backend(Service::new(reply(), 9, seed));
        let mut chat = model.start_chat();
        chat.send_message("Hi").send().unwrap();
        assert_eq!(json!(chat.history()).to_string(), expected, "{seed}");
        let once = model.generate_content("Hi").send().unwrap();
        assert_eq!(json!(once.candidates[0].content), json!(chat.history()[1]));
    }
}
