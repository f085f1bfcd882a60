//! What chats have in common is read once; answers stay right.

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

async fn say(chat: &mut ChatSession, text: &str) -> (String, i32, i32) {
    let reply = chat.send_message(text).await.expect("a reply");
    let usage = usage(&reply);
    (
        reply.text().unwrap_or_default(),
        usage.prompt_token_count.unwrap_or_default(),
        usage.cached_content_token_count.unwrap_or_default(),
    )
}

#[tokio::test]
async fn a_turn_costs_its_new_tokens_whatever_the_history() {
    let local = tiny("turns", |builder| builder);
    let mut chat = chat(&local);
    let mut before = 0;

    for turn in 0..8 {
        let (_, prompt, cached) = say(&mut chat, "And then?").await;
        // All of the last prompt is remembered, but for the words that ask for the reply.
        assert!(
            turn == 0 || cached + 11 >= before,
            "{turn}: {cached} of {before}"
        );
        assert!(cached < prompt);
        before = prompt;
    }
}

#[tokio::test]
async fn other_sessions_and_stateless_requests_share_what_they_begin_with() {
    let local = tiny("shared", |builder| builder);
    let request = || question("A long introduction, the same for all of us", short());
    ask(&local, request()).await.unwrap();

    let again = ask(&local, request()).await.unwrap();

    let usage = usage(&again);
    let prompt = usage.prompt_token_count.unwrap();
    assert_eq!(usage.cached_content_token_count, Some(prompt - 1));
}

#[tokio::test]
async fn both_branches_of_a_fork_stay_remembered() {
    let local = tiny("forks", |builder| builder);
    let mut one = chat(&local);
    say(&mut one, "Once upon a time").await;
    let mut other = one.clone();
    say(&mut one, "there was a sailor").await;
    say(&mut other, "there was a shepherd").await;

    let (_, prompt, cached) = say(&mut one, "and so on").await;
    let (_, _, cached_too) = say(&mut other, "and so on").await;

    assert!(
        cached > prompt / 2 && cached_too > prompt / 2,
        "{cached} {cached_too} of {prompt}"
    );
}

#[tokio::test]
async fn with_more_chats_than_can_be_remembered_answers_go_on() {
    let local = tiny("evicted", |builder| builder.context(512));
    for number in 0..30 {
        let request = question(&format!("{number} is a number with a story"), short());
        ask(&local, request).await.unwrap();
    }
}

/// The likeliest first token of a reply, and how likely it is.
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
async fn what_is_remembered_is_what_would_be_read() {
    // Small enough that some of it must be forgotten on the way.
    let warm = tiny("warm", |builder| builder.context(512));
    let cold = tiny("cold", |builder| builder.context(512).deterministic(true));
    let said = |text: &str| [Content::user(text), Content::model("Then the sea rose.")];
    let mut reused = 0;
    let mut history: Vec<Content> = Vec::new();
    for step in 0..24 {
        match step % 6 {
            // A fork, an edit, a rewind; else one turn more.
            2 => history.truncate(2),
            3 if history.len() > 1 => history[1] = Content::model("Then the wind fell."),
            5 => history.truncate(history.len().saturating_sub(2)),
            _ => history.extend(said(&format!("And then, {step}?"))),
        }
        let asked = [&history[..], &[Content::user("Go on")]].concat();

        let (token, likely, cached) = first(&warm, &asked).await;
        let (expected, probability, none) = first(&cold, &asked).await;

        assert!(
            (likely - probability).abs() < 0.01,
            "{step}: {likely} {probability}"
        );
        assert_eq!((token, none), (expected, 0), "{step}");
        reused += usize::from(cached > 10);
    }
    assert!(reused > 12, "only {reused} of 24 were remembered");
}

/// Everything a chat can do to its history, and what was answered on the way.
async fn wander(local: &Local) -> Vec<String> {
    let mut said = Vec::new();
    let mut chat = chat(local);
    said.push(say(&mut chat, "Hello").await.0);
    said.push(say(&mut chat, "Go on").await.0);
    chat.rewind().expect("a turn");
    said.push(say(&mut chat, "Go on differently").await.0);
    let mut fork = chat.clone();
    said.push(say(&mut fork, "Left").await.0);
    said.push(say(&mut chat, "Right").await.0);
    let mut history = chat.history().to_vec();
    history[0].parts[0] = "Good morning".into();
    chat.set_history(history);
    said.push(say(&mut chat, "And now?").await.0);
    said
}

/// The same turns, each asked of a model that was just loaded.
async fn wander_cold() -> Vec<String> {
    let cold = |step| {
        tiny(&format!("cold{step}"), |builder| {
            builder.deterministic(true)
        })
    };
    let mut said = Vec::new();
    let mut chat = chat(&cold(0));
    said.push(say(&mut chat, "Hello").await.0);
    let before = chat.history().to_vec();
    let resumed = |step: u32, history: Vec<Content>| {
        let mut resumed = self::chat(&cold(step));
        resumed.set_history(history);
        resumed
    };
    said.push(say(&mut resumed(1, before.clone()), "Go on").await.0);
    let mut chat = resumed(2, before);
    said.push(say(&mut chat, "Go on differently").await.0);
    let before = chat.history().to_vec();
    said.push(say(&mut resumed(3, before.clone()), "Left").await.0);
    let mut chat = resumed(4, before);
    said.push(say(&mut chat, "Right").await.0);
    let mut history = chat.history().to_vec();
    history[0].parts[0] = "Good morning".into();
    said.push(say(&mut resumed(5, history), "And now?").await.0);
    said
}

#[tokio::test]
async fn deterministic_replies_are_those_of_a_model_just_loaded() {
    let local = tiny("wander", |builder| builder.deterministic(true));

    assert_eq!(wander(&local).await, wander_cold().await);
}

#[tokio::test]
async fn a_deterministic_model_gives_equal_replies_to_all_who_ask_at_once() {
    let local = tiny("equal", |builder| builder.deterministic(true));
    let config = GenerationConfig::default()
        .temperature(1.5)
        .seed(3)
        .max_output_tokens(30);
    let replies: Vec<_> = (0..5)
        .map(|_| {
            let (local, request) = (local.clone(), question("Say something", config.clone()));
            tokio::spawn(async move { ask(&local, request).await.unwrap().text().unwrap() })
        })
        .collect();

    let mut texts = Vec::new();
    for reply in replies {
        texts.push(reply.await.unwrap());
    }
    texts.dedup();
    assert_eq!(texts.len(), 1);
}
