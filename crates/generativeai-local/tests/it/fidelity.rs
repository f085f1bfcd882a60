//! Tests that the tokens and probabilities of the engine equal those of an independent implementation in numpy:
//! `fixtures/fidelity/generate.py`.

use std::path::Path;

use futures_util::future::join_all;
use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::Content;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai_local::Local;
use serde::Deserialize;

use crate::support::{ask, builder, usage};

/// Maximum difference of log-probabilities. The engine computes in 32 bits, and the expected values in 64.
const TOLERANCE: f64 = 1e-3;

/// A conversation, and the reply to it.
#[derive(Deserialize)]
struct Expected {
    /// Role and text of each message.
    chat: Vec<(String, String)>,
    /// Number of tokens in the prompt.
    prompt_tokens: i32,
    /// The most probable tokens of each step, with their log-probabilities. The first one is chosen.
    steps: Vec<Vec<(i32, f64)>>,
}

fn expected() -> Vec<Expected> {
    let json = include_str!("../fixtures/fidelity/expected.json");
    serde_json::from_str(json).expect("the fixture")
}

fn model() -> Local {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fidelity/model.gguf");
    let local = builder().context(1_024).model(path).build();
    local.expect("the fixture")
}

impl Expected {
    fn request(&self) -> GenerateContentRequest {
        let steps = i32::try_from(self.steps.len()).expect("a few steps");
        let config = GenerationConfig::default()
            .temperature(0.0)
            .max_output_tokens(steps)
            .response_logprobs(true)
            .logprobs(20);
        let mut request = GenerateContentRequest::default().generation_config(config);
        let mut contents = Vec::new();
        for (role, text) in &self.chat {
            match role.as_str() {
                "system" => {
                    request = request.system_instruction(Content::from(text.as_str()));
                }
                "user" => contents.push(Content::user(text.as_str())),
                _ => contents.push(Content::model(text.as_str())),
            }
        }
        request.contents(contents)
    }

    /// Asserts that a reply has the expected tokens and probabilities.
    fn assert_is(&self, reply: &GenerateContentResponse) {
        let chat = &self.chat;
        assert_eq!(
            usage(reply).prompt_token_count,
            Some(self.prompt_tokens),
            "{chat:?}"
        );
        let logprobs = reply.candidates[0].logprobs_result.as_ref();
        let logprobs = logprobs.expect("log-probabilities");
        assert_eq!(logprobs.chosen_candidates.len(), self.steps.len());
        let steps = logprobs
            .chosen_candidates
            .iter()
            .zip(&logprobs.top_candidates);
        for (at, ((chosen, top), expected)) in steps.zip(&self.steps).enumerate() {
            assert_eq!(
                chosen.token_id,
                Some(expected[0].0),
                "step {at} of {chat:?}"
            );
            for (token, probability) in expected {
                let found = top
                    .candidates
                    .iter()
                    .find(|top| top.token_id == Some(*token));
                let found = found.and_then(|top| top.log_probability);
                let found =
                    found.unwrap_or_else(|| panic!("no token {token} at step {at} of {chat:?}"));
                let difference = (found - probability).abs();
                assert!(
                    difference < TOLERANCE,
                    "{difference} at step {at} of {chat:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn tokens_and_probabilities_equal_those_of_an_independent_implementation() {
    let local = model();

    for expected in expected() {
        expected.assert_is(&ask(&local, expected.request()).await.unwrap());
    }
}

#[tokio::test]
async fn probabilities_do_not_depend_on_a_reused_prefix() {
    let local = model();
    let mut reused = 0;

    for _ in 0..2 {
        for expected in expected() {
            let reply = ask(&local, expected.request()).await.unwrap();
            expected.assert_is(&reply);
            reused += usage(&reply).cached_content_token_count.unwrap_or(0);
        }
    }

    assert!(reused > 500, "{reused} tokens were reused");
}

#[tokio::test]
async fn probabilities_do_not_depend_on_the_chats_in_the_same_batch() {
    let local = model();
    let all = expected();

    let replies = join_all(all.iter().map(|expected| ask(&local, expected.request()))).await;

    for (expected, reply) in all.iter().zip(replies) {
        expected.assert_is(&reply.unwrap());
    }
}
