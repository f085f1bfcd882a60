//! Tests that prompts share cached prefixes, and that replies do not depend on it.

use futures_util::future::join_all;
use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::Content;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::{ChatSession, GenerativeModel};
use generativeai_local::Local;

use crate::support::{ask, question, short, tiny, usage};

fn chat(local: &Local) -> ChatSession {
    GenerativeModel::new("tiny")
        .backend(local.clone())
        .generation_config(short())
        .start_chat()
}

/// Sends a message; returns the text of the reply, the prompt tokens, and how many of them were cached.
async fn send(chat: &mut ChatSession, text: &str) -> (String, i32, i32) {
    let reply = chat.send_message(text).await.expect("a reply");
    let usage = usage(&reply);
    (
        reply.text_lossy(),
        usage.prompt_token_count.unwrap_or_default(),
        usage.cached_content_token_count.unwrap_or_default(),
    )
}

#[tokio::test]
async fn a_turn_evaluates_only_its_new_tokens() {
    let local = tiny("turns", |builder| builder);
    let mut chat = chat(&local);
    let mut before = 0;

    for turn in 0..8 {
        let (_, prompt, cached) = send(&mut chat, "And then?").await;
        // All of the last prompt is cached, except the generation prompt, "[assistant]".
        assert!(
            turn == 0 || cached + 11 >= before,
            "{turn}: {cached} of {before}"
        );
        assert!(cached < prompt);
        before = prompt;
    }
}

#[tokio::test]
async fn stateless_requests_share_a_common_prefix() {
    let local = tiny("shared", |builder| builder);
    let request = || question("A long introduction, the same for all of us", short());
    ask(&local, request()).await.unwrap();

    let again = ask(&local, request()).await.unwrap();

    let usage = usage(&again);
    let prompt = usage.prompt_token_count.unwrap();
    // The last token is always evaluated, since this returns the logits.
    assert_eq!(usage.cached_content_token_count, Some(prompt - 1));
}

#[tokio::test]
async fn both_branches_of_a_fork_stay_cached() {
    let local = tiny("forks", |builder| builder);
    let mut one = chat(&local);
    send(&mut one, "Once upon a time").await;
    let mut other = one.clone();
    send(&mut one, "there was a sailor").await;
    send(&mut other, "there was a shepherd").await;

    let (_, prompt, cached) = send(&mut one, "and so on").await;
    let (_, _, cached_too) = send(&mut other, "and so on").await;

    assert!(
        cached > prompt / 2 && cached_too > prompt / 2,
        "{cached} {cached_too} of {prompt}"
    );
}

#[tokio::test]
async fn requests_succeed_while_cached_prefixes_are_evicted() {
    let local = tiny("evicted", |builder| builder.context(512));
    for number in 0..30 {
        let request = question(&format!("{number} is a number with a story"), short());
        ask(&local, request).await.unwrap();
    }
}

/// Returns the most probable first token of a reply, its log-probability, and the cached tokens.
async fn first(local: &Local, history: &[Content]) -> (Option<String>, f64, i32) {
    let config = GenerationConfig::default().temperature(0.0);
    let config = config.max_output_tokens(1).response_logprobs(true);
    let request = GenerateContentRequest::default()
        .contents(history.to_vec())
        .generation_config(config);
    let reply = ask(local, request).await.expect("a reply");
    let cached = usage(&reply).cached_content_token_count;
    let logprobs = reply.candidates[0].logprobs_result.as_deref();
    let chosen = &logprobs.expect("asked for").chosen_candidates[0];
    let probability = chosen.log_probability.expect("a number");
    (chosen.token.clone(), probability, cached.unwrap_or(0))
}

#[tokio::test]
async fn a_cached_prefix_gives_the_logits_of_an_evaluated_one() {
    // Small enough that sequences are evicted during the test.
    let warm = tiny("warm", |builder| builder.context(512));
    let cold = tiny("cold", |builder| builder.context(512).deterministic(true));
    let turn = |text: &str| [Content::user(text), Content::model("Then the sea rose.")];
    let mut reused = 0;
    let mut history: Vec<Content> = Vec::new();
    for step in 0..24 {
        match step % 6 {
            // A fork, an edit, a rewind; else one more turn.
            2 => history.truncate(2),
            3 if history.len() > 1 => history[1] = Content::model("Then the wind fell."),
            5 => history.truncate(history.len().saturating_sub(2)),
            _ => history.extend(turn(&format!("And then, {step}?"))),
        }
        let contents = [&history[..], &[Content::user("Go on")]].concat();

        let (token, logprob, cached) = first(&warm, &contents).await;
        let (expected, expected_logprob, none) = first(&cold, &contents).await;

        // Not equal: the last bits of the sums depend on the batches.
        assert!(
            (logprob - expected_logprob).abs() < 0.01,
            "{step}: {logprob} {expected_logprob}"
        );
        assert_eq!((token, none), (expected, 0), "{step}");
        reused += usize::from(cached > 10);
    }
    assert!(reused > 12, "only {reused} of 24 were cached");
}

/// Changes the history of a chat in every way; returns the replies.
async fn replies_of_one_model(local: &Local) -> Vec<String> {
    let mut replies = Vec::new();
    let mut chat = chat(local);
    replies.push(send(&mut chat, "Hello").await.0);
    replies.push(send(&mut chat, "Go on").await.0);
    chat.rewind().expect("a turn");
    replies.push(send(&mut chat, "Go on differently").await.0);
    let mut fork = chat.clone();
    replies.push(send(&mut fork, "Left").await.0);
    replies.push(send(&mut chat, "Right").await.0);
    let mut history = chat.history().to_vec();
    history[0].parts[0] = "Good morning".into();
    chat.set_history(history);
    replies.push(send(&mut chat, "And now?").await.0);
    replies
}

/// Sends the same turns, each to a model that was just loaded.
async fn replies_of_fresh_models() -> Vec<String> {
    let cold = |step| {
        tiny(&format!("cold{step}"), |builder| {
            builder.deterministic(true)
        })
    };
    let mut replies = Vec::new();
    let mut chat = chat(&cold(0));
    replies.push(send(&mut chat, "Hello").await.0);
    let before = chat.history().to_vec();
    let resumed = |step: u32, history: Vec<Content>| {
        let mut resumed = self::chat(&cold(step));
        resumed.set_history(history);
        resumed
    };
    replies.push(send(&mut resumed(1, before.clone()), "Go on").await.0);
    let mut chat = resumed(2, before);
    replies.push(send(&mut chat, "Go on differently").await.0);
    let before = chat.history().to_vec();
    replies.push(send(&mut resumed(3, before.clone()), "Left").await.0);
    let mut chat = resumed(4, before);
    replies.push(send(&mut chat, "Right").await.0);
    let mut history = chat.history().to_vec();
    history[0].parts[0] = "Good morning".into();
    replies.push(send(&mut resumed(5, history), "And now?").await.0);
    replies
}

#[tokio::test]
async fn deterministic_replies_equal_those_of_a_fresh_model() {
    let local = tiny("replies", |builder| builder.deterministic(true));

    assert_eq!(
        replies_of_one_model(&local).await,
        replies_of_fresh_models().await
    );
}

#[tokio::test]
async fn a_deterministic_model_gives_equal_replies_to_concurrent_requests() {
    let local = tiny("equal", |builder| builder.deterministic(true));
    let config = GenerationConfig::default()
        .temperature(1.5)
        .seed(3)
        .max_output_tokens(30);
    let request = question("Say something", config);

    let replies = join_all((0..5).map(|_| ask(&local, request.clone()))).await;

    let texts = replies.into_iter().map(|reply| reply.unwrap().text());
    let mut texts: Vec<_> = texts.map(Result::unwrap).collect();
    texts.dedup();
    assert_eq!(texts.len(), 1);
}
