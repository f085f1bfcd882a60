//! Conversations that outgrow their budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::{Blob, Content, FunctionCall, FunctionResponse, Part};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::{FinishReason, GenerateContentResponse};
use generativeai::protocol::tokens::{CountTokensRequest, CountTokensResponse};
use generativeai::protocol::tools::{FunctionCallingMode, FunctionDeclaration};
use generativeai::testing::Scripted;
use generativeai::{
    Backend, BoxFuture, ChatSession, ChunkStream, Compaction, Error, ErrorKind, Function,
    GenerativeModel, Reason, RequestOptions, Result,
};
use serde_json::{Map, Value, json};

use crate::support::poll::{Waiting, drop_at_every_poll};

/// A script that counts how often its tokens were counted. A token is a word.
#[derive(Clone, Debug)]
struct Counting {
    script: Scripted,
    counts: Arc<AtomicUsize>,
}

impl Counting {
    fn new(script: Scripted) -> Self {
        let counts = Arc::default();
        Self { script, counts }
    }

    fn counts(&self) -> usize {
        self.counts.load(Ordering::Relaxed)
    }
}

impl Backend for Counting {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        self.script.generate_content(request, options)
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        self.script.stream_generate_content(request, options)
    }

    fn count_tokens(
        &self,
        request: CountTokensRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<CountTokensResponse>> {
        self.counts.fetch_add(1, Ordering::Relaxed);
        self.script.count_tokens(request, options)
    }
}

/// Turns of ten words each: six of the user, four of the model.
fn turns(count: usize) -> Vec<Content> {
    let turn = |at| {
        let asked = Content::user(format!("what is the name of number{at}"));
        [asked, Content::model(format!("it is called number{at}"))]
    };
    (0..count).flat_map(turn).collect()
}

/// A message of six words.
const MESSAGE: &str = "and what is the next one";

fn chat(backend: impl Backend + 'static, turns_before: usize) -> ChatSession {
    let model = GenerativeModel::new("m").backend(backend);
    model.start_chat().with_history(turns(turns_before))
}

fn sent(script: &Scripted, number: usize) -> Vec<Content> {
    script.requests()[number].contents.iter().cloned().collect()
}

#[tokio::test]
async fn up_to_its_budget_a_conversation_is_sent_whole() {
    for (budget, left) in [(47, 8), (46, 8), (45, 4)] {
        let script = Scripted::default().then_text("one");
        let mut chat = chat(script.clone(), 4).context_budget(budget, Compaction::Drop);

        chat.send_message(MESSAGE).await.unwrap();

        // Four turns and the message are 46 words. Three quarters of 45 are 33: two turns of ten.
        assert_eq!(sent(&script, 0).len(), left + 1, "{budget}");
        assert_eq!(chat.history().len(), left + 2, "{budget}");
        assert_eq!(chat.dropped(), &turns(4)[..8 - left], "{budget}");
    }
}

#[tokio::test]
async fn the_history_is_sent_and_all_other_turns_are_dropped() {
    let replies = (0..30).map(|at| format!("it is called number{at}"));
    let script = replies.fold(Scripted::default(), Scripted::then_text);
    let mut chat = chat(script.clone(), 0).context_budget(60, Compaction::Drop);
    let mut all = Vec::new();

    for turn in turns(30).chunks(2) {
        chat.send_message(turn[0].clone()).await.unwrap();
        all.extend_from_slice(turn);
        let sent = script.requests().pop().expect("a request").contents;
        let words: usize = sent
            .iter()
            .map(|content| content.parts[0].as_text().unwrap().split(' ').count())
            .sum();
        assert!(words <= 60, "{words}");
        assert_eq!(sent.len() + 1, chat.history().len());
        let known: Vec<_> = chat
            .dropped()
            .iter()
            .chain(chat.history())
            .cloned()
            .collect();
        assert_eq!(known, all);
    }
    assert!(chat.dropped().len() > 40, "{}", chat.dropped().len());
}

#[tokio::test]
async fn the_system_instruction_stays_and_counts() {
    let script = Scripted::default().then_text("one");
    let instruction = "answer as a sailor would";
    let model = GenerativeModel::new("m").system_instruction(instruction);
    let mut chat = model
        .backend(script.clone())
        .start_chat()
        .with_history(turns(4));
    chat = chat.context_budget(50, Compaction::Drop);

    chat.send_message(MESSAGE).await.unwrap();

    let request = &script.requests()[0];
    assert_eq!(request.system_instruction, Some(Content::from(instruction)));
    assert_eq!(request.contents.len(), 5);
}

#[tokio::test]
async fn a_compaction_never_separates_calls_from_their_responses() {
    let function = || {
        Function::new("name", "The name of a number", |_: Value| async {
            Ok::<_, Error>("number9")
        })
    };
    let mut script = Scripted::default();
    for _ in 0..12 {
        script = script
            .then_call("name", json!({}))
            .then_text("it is called number9");
    }
    let model = GenerativeModel::new("m")
        .tools(function())
        .backend(script.clone());
    let mut chat = model.start_chat().automatic_function_calling(true);
    chat = chat.context_budget(40, Compaction::Drop);

    for _ in 0..12 {
        chat.send_message(MESSAGE).await.unwrap();
        let first = &chat.history()[0];
        assert_eq!(first.parts[0].as_text(), Some(MESSAGE));
        assert_eq!(chat.history().len() % 4, 0);
    }
    assert_eq!(chat.history().len() + chat.dropped().len(), 48);
    assert!(!chat.dropped().is_empty());
}

#[tokio::test]
async fn the_turn_that_a_message_answers_stays() {
    let script = Scripted::default()
        .then_call("name", json!({}))
        .then_text("one");
    let declared = FunctionDeclaration::new("name", "The name of a number");
    let model = GenerativeModel::new("m")
        .tools(declared)
        .backend(script.clone());
    let mut chat = model.start_chat().with_history(turns(4));
    chat.send_message(MESSAGE).await.unwrap();
    chat = chat.context_budget(44, Compaction::Drop);
    let call = chat.pending_calls()[0].clone();
    let answer = FunctionResponse::to(&call, json!({"name": "number9"}));

    chat.send_message(answer).await.unwrap();

    // The calling turn has six words.
    assert_eq!(sent(&script, 1).len(), 7);
    assert_eq!(chat.dropped(), &turns(4)[..4]);
    assert!(chat.pending_calls().is_empty());
}

#[tokio::test]
async fn a_message_that_is_too_long_by_itself_is_an_error_and_changes_nothing() {
    let script = Scripted::default();
    for compaction in [Compaction::Drop, Compaction::Summarize] {
        let mut chat = chat(script.clone(), 4).context_budget(5, compaction);

        let error = chat.send_message(MESSAGE).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Request);
        let message = "the message without any history that can be dropped has 6 tokens, \
                       but the budget is 5";
        assert!(error.to_string().starts_with(message), "{error}");
        assert_eq!((chat.history().len(), chat.dropped().len()), (8, 0));
        assert!(matches!(
            chat.unfinished().expect("a turn").reason,
            Reason::Failed(_)
        ));
    }
    let mut empty = chat(script.clone(), 0).context_budget(5, Compaction::Drop);
    assert!(empty.send_message(MESSAGE).await.is_err());
    assert!(script.requests().is_empty());
}

#[tokio::test]
async fn a_summary_replaces_the_turns_that_it_summarizes() {
    let script = Scripted::default()
        .then_text("numbers have names")
        .then_text("it is called number4");
    let model = GenerativeModel::new("m")
        .system_instruction("answer")
        .generation_config(GenerationConfig::default().response_mime_type("application/json"))
        .tools(FunctionDeclaration::new("name", "The name of a number"))
        .backend(script.clone());
    let mut chat = model.start_chat().with_history(turns(9));
    chat = chat.context_budget(90, Compaction::Summarize);

    chat.send_message(MESSAGE).await.unwrap();

    // Half the budget has the message, the instruction and three turns.
    let asked = &script.requests()[0];
    let (question, summarised) = sent(&script, 0)
        .split_last()
        .map(|(last, rest)| (last.clone(), rest.to_vec()))
        .unwrap();
    assert_eq!(summarised, &turns(9)[..12]);
    assert_eq!(asked.system_instruction, Some(Content::from("answer")));
    assert_eq!(asked.generation_config, None);
    let calling = asked
        .tool_config
        .clone()
        .and_then(|config| config.function_calling_config);
    assert_eq!(
        calling.expect("no calls").mode,
        Some(FunctionCallingMode::None)
    );
    let summary = [question, Content::model("numbers have names")];
    let kept = &turns(9)[12..];
    assert_eq!(chat.history()[..8], [&summary, kept].concat());
    assert_eq!(sent(&script, 1)[..8], [&summary, kept].concat());
    assert_eq!(chat.dropped(), &turns(9)[..12]);
}

#[tokio::test]
async fn a_summary_of_a_summary_leaves_the_originals_in_order() {
    let mut script = Scripted::default();
    for at in 9..30 {
        script = script.then_text(format!("it is called number{at}"));
    }
    // Whatever is asked for is answered in four words, a summary as well.
    let mut chat = chat(script, 9).context_budget(100, Compaction::Summarize);
    for _ in 0..12 {
        chat.send_message(MESSAGE).await.unwrap();
    }

    let left_out = chat.dropped();

    assert!(left_out.len() > 18, "{}", left_out.len());
    assert_eq!(left_out[..18], turns(9));
    let asked = |content: &Content| content.parts[0].as_text() == Some(MESSAGE);
    assert!(left_out[18..].iter().step_by(2).all(asked));
}

#[tokio::test]
async fn a_summary_that_fails_leaves_the_history_as_it_was() {
    let unfinished = GenerateContentResponse::from(Content::model("numb"));
    let mut cut = unfinished.clone();
    cut.candidates[0].finish_reason = Some("MAX_TOKENS".into());
    let long = "numbers have names ".repeat(100);
    for (script, kind) in [
        (Scripted::default().then_fail(&[]), ErrorKind::Unreachable),
        (
            Scripted::default().then_stream([GenerateContentResponse::default()]),
            ErrorKind::Empty,
        ),
        (Scripted::default().then_stream([cut]), ErrorKind::Truncated),
        (Scripted::default().then_text(long), ErrorKind::Request),
    ] {
        let script = script
            .then_text("numbers have names")
            .then_text("it is called number9");
        let mut chat = chat(script, 9).context_budget(90, Compaction::Summarize);

        let error = chat.send_message(MESSAGE).await.unwrap_err();

        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains("summar"), "{error}");
        assert_eq!((chat.history(), chat.dropped().len()), (&turns(9)[..], 0));
        chat.retry().await.unwrap();
        assert_eq!(chat.history()[1], Content::model("numbers have names"));
        assert!(!chat.dropped().is_empty());
    }
}

#[test]
fn a_compaction_that_is_dropped_leaves_the_history_as_it_was() {
    for compaction in [Compaction::Drop, Compaction::Summarize] {
        let start = || {
            let script = Scripted::default()
                .then_text("numbers have names")
                .then_text("it is called number9");
            chat(Waiting(script), 40).context_budget(200, compaction)
        };
        let polls = drop_at_every_poll(
            start,
            |chat| {
                Box::pin(async move {
                    chat.send_message(MESSAGE).await.unwrap();
                })
            },
            |polls, chat| {
                let all = chat.dropped().len() + chat.history().len();
                if chat.dropped().is_empty() {
                    assert_eq!(chat.history(), turns(40), "after {polls} polls");
                } else {
                    assert!(all >= 80, "after {polls} polls");
                    assert_eq!(chat.dropped(), &turns(40)[..chat.dropped().len()]);
                }
            },
        );
        assert!(polls >= 1);
    }
}

#[tokio::test]
async fn each_attempt_is_counted_once_and_not_at_all_if_it_is_short() {
    let script = Scripted::default()
        .then_fail(&[])
        .then_text("one")
        .then_text("two")
        .then_text("three");
    let backend = Counting::new(script);
    let mut chat = chat(backend.clone(), 4).context_budget(60, Compaction::Drop);

    chat.send_message(MESSAGE).await.unwrap_err();
    assert_eq!(backend.counts(), 1);
    chat.retry().await.unwrap();
    assert_eq!(backend.counts(), 2);

    chat = chat.context_budget(10_000, Compaction::Drop);
    chat.send_message(MESSAGE).await.unwrap();
    assert_eq!(backend.counts(), 2);
}

#[tokio::test]
async fn each_form_of_the_schema_of_a_reply_counts() {
    let schema = json!({"description": "x".repeat(10_000)});
    for member in [
        json!({"responseSchema": schema}),
        json!({"responseJsonSchema": schema}),
        json!({"responseJsonSchemaOrdered": schema}),
        json!({"responseFormat": [{"type": "text", "schema": schema}]}),
    ] {
        let backend = Counting::new(Scripted::always("one"));
        let mut chat = chat(backend.clone(), 0).context_budget(10_000, Compaction::Drop);
        let config: GenerationConfig = serde_json::from_value(member.clone()).unwrap();

        let message = chat.send_message(MESSAGE).generation_config(config);
        message.await.unwrap();

        assert_eq!(backend.counts(), 1, "{member}");
    }
}

#[tokio::test]
async fn a_short_request_is_counted_if_its_length_does_not_limit_its_tokens() {
    let screenshot = Blob::new("image/png", [0x89, b'P', b'N', b'G']);
    let look = FunctionResponse::new("look", json!({})).parts([screenshot]);
    let look = [
        Content::user("Look!"),
        Content::model(FunctionCall::new("look", Map::new())),
        Content::user(look),
        Content::model("A mountain."),
    ];
    let model = GenerativeModel::new("m");
    for (what, model, history) in [
        ("a screenshot", model.clone(), look.to_vec()),
        ("a cache", model.cached_content("a"), Vec::new()),
    ] {
        let backend = Counting::new(Scripted::default().then_text("one"));
        let chat = model.backend(backend.clone()).start_chat();
        let mut chat = chat.with_history(history);
        chat.set_context_budget(10_000, Compaction::Drop);

        chat.send_message(MESSAGE).await.unwrap();

        assert_eq!(backend.counts(), 1, "{what}");
    }
}

#[tokio::test]
async fn a_request_that_became_longer_since_the_last_attempt_keeps_within_the_budget() {
    // The message and four turns are 46 words.
    let start = |script: Scripted| chat(script, 4).context_budget(50, Compaction::Drop);

    let script = Scripted::default().then_fail(&[]).then_text("one");
    let mut chat = start(script.clone());
    chat.send_message(MESSAGE).await.unwrap_err();
    let model = GenerativeModel::new("m").system_instruction("answer as a sailor would");
    chat.set_model(model.backend(script));
    chat.retry().await.unwrap();
    assert!(!chat.dropped().is_empty(), "another model");

    let mut chat = start(Scripted::default().then_fail(&[]).then_text("one"));
    chat.rewind().unwrap();
    chat.send_message(format!("{MESSAGE} {MESSAGE}"))
        .await
        .unwrap_err();
    assert!(chat.redo());
    chat.retry().await.unwrap();
    assert!(!chat.dropped().is_empty(), "a turn that was redone");

    let mut chat = start(Scripted::default().then_text("not a number").then_text("1"));
    let reply: u32 = chat.send_message(MESSAGE).json().retries(1).await.unwrap();
    assert_eq!(reply, 1);
    assert!(!chat.dropped().is_empty(), "a correction");
}

#[tokio::test]
async fn few_lengths_of_a_long_history_are_counted() {
    let backend = Counting::new(Scripted::default().then_text("one"));
    let mut chat = chat(backend.clone(), 1_000).context_budget(5_000, Compaction::Drop);

    chat.send_message(MESSAGE).await.unwrap();

    assert_eq!(chat.history().len(), 2 * 374 + 2);
    assert!(backend.counts() <= 11, "{}", backend.counts());
}

#[tokio::test]
async fn a_backend_that_cannot_count_has_its_tokens_estimated() {
    // It answers and streams, and no more.
    let script = Scripted::always("one");
    let mut texts = chat(Waiting(script.clone()), 20).context_budget(200, Compaction::Drop);
    texts.send_message(MESSAGE).await.unwrap();
    // A turn has 52 bytes or so, thirteen tokens.
    let kept = texts.history().len() - 2;
    assert!((18..=24).contains(&kept), "{kept}");

    // A tool of 400 bytes takes the place of about eight turns.
    let tool = FunctionDeclaration::new("height", "x".repeat(400));
    let mut with_tool = chat(Waiting(script.clone()), 20)
        .context_budget(200, Compaction::Drop)
        .tools(tool);
    with_tool.send_message(MESSAGE).await.unwrap();
    let kept = with_tool.history().len() - 2;
    assert!((4..=10).contains(&kept), "{kept}");

    let picture = Content::user(Blob::from_base64("image/png", "QUJD".repeat(10_000)));
    let history = [[picture, Content::model("nice")].to_vec(), turns(2)].concat();
    let mut pictures = chat(Waiting(script), 0).with_history(history);
    pictures = pictures.context_budget(250, Compaction::Drop);
    pictures.send_message(MESSAGE).await.unwrap();
    assert_eq!(pictures.dropped().len(), 2);
}

#[tokio::test]
async fn a_failed_token_count_fails_only_the_message() {
    #[derive(Debug)]
    struct Broken;
    impl Backend for Broken {
        fn generate_content(
            &self,
            _: GenerateContentRequest,
            _: RequestOptions,
        ) -> BoxFuture<Result<GenerateContentResponse>> {
            unreachable!("a message that was not counted is not sent")
        }

        fn count_tokens(
            &self,
            _: CountTokensRequest,
            _: RequestOptions,
        ) -> BoxFuture<Result<CountTokensResponse>> {
            let error = Error::new(ErrorKind::Unavailable, "down");
            Box::pin(std::future::ready(Err(error)))
        }
    }
    let mut chat = chat(Broken, 4).context_budget(40, Compaction::Drop);

    let error = chat.send_message(MESSAGE).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.to_string().ends_with("could not be counted: down"),
        "{error}"
    );
    assert_eq!(chat.history(), turns(4));
}

#[tokio::test]
async fn a_conversation_is_saved_with_its_budget_and_what_was_dropped() {
    let script = || {
        Scripted::default()
            .then_text("one")
            .then_text("two")
            .then_text("three")
    };
    let mut chat = chat(script(), 9).context_budget(90, Compaction::Summarize);
    chat.send_message(MESSAGE).await.unwrap();

    let saved = serde_json::to_string(&chat).unwrap();
    let mut loaded: ChatSession = serde_json::from_str(&saved).unwrap();
    loaded = loaded.backend(script());

    assert_eq!(loaded.history(), chat.history());
    assert_eq!(loaded.dropped(), chat.dropped());
    for _ in 0..8 {
        loaded.send_message(MESSAGE).await.ok();
    }
    assert!(loaded.dropped().len() > chat.dropped().len());
    loaded.set_history(turns(1));
    assert!(loaded.dropped().is_empty());
}

#[tokio::test]
async fn after_rewinding_a_summary_new_turns_are_not_treated_as_a_summary() {
    let mut script = Scripted::default();
    for at in 0..40 {
        script = script.then_text(format!("it is called number{at}"));
    }
    let mut chat = chat(script, 9).context_budget(90, Compaction::Summarize);
    chat.send_message(MESSAGE).await.unwrap();
    let gone = chat.dropped().len();
    while chat.rewind().is_some() {}
    assert_eq!(chat.dropped().len(), gone);

    let mut messages = Vec::new();
    while chat.dropped().len() == gone {
        chat.send_message(MESSAGE).await.unwrap();
        messages.push(Content::user(MESSAGE));
    }

    assert_eq!(chat.dropped()[gone], Content::user(MESSAGE));
    assert!(messages.len() > 4);
}

#[tokio::test]
async fn a_call_without_an_answer_in_a_given_history_does_not_stop_the_next_message() {
    let call = Part::from(generativeai::protocol::content::FunctionCall::new(
        "name",
        Map::new(),
    ));
    let mut history = turns(4);
    history[3] = Content::model(call);
    let script = Scripted::default().then_text("one");
    let mut chat = chat(script, 0)
        .with_history(history)
        .context_budget(40, Compaction::Drop);

    chat.send_message(MESSAGE).await.unwrap();

    assert!(!chat.dropped().is_empty());
}

#[tokio::test]
async fn a_reply_in_several_requests_counts_as_one_in_a_single_request() {
    let mut first = GenerateContentResponse::from(Content::model("it is called "));
    first.candidates[0].finish_reason = Some(FinishReason::Continuation);
    first.candidates[0].continuation_token = Some("token".into());
    let in_hops = Scripted::default()
        .then_stream([first])
        .then_text("number nine and no other");
    let whole = Scripted::default().then_text("it is called number nine and no other");
    let mut requests = Vec::new();
    for script in [in_hops, whole] {
        let script = script.then_text("one");
        let mut chat = chat(script.clone(), 4).context_budget(59, Compaction::Drop);
        chat.send_message(MESSAGE).await.unwrap();

        chat.send_message(MESSAGE).await.unwrap();

        assert!(!chat.dropped().is_empty());
        let request = script.requests().pop().expect("a request");
        requests.push(json!([request, chat.history(), chat.dropped()]));
    }
    assert_eq!(requests[0], requests[1]);
}
