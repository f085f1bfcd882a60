//! Tests of the settings of a request and of the builder.

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::Content;
use generativeai::protocol::response::FinishReason;
use generativeai::protocol::tokens::CountTokensRequest;
use generativeai::{Backend, RequestOptions};

use crate::support::{self, ask, local, next, question, short, tiny, usage};

const QUESTION: &str = "Tell me about the sea.";

#[tokio::test]
async fn a_reply_ends_at_max_output_tokens_with_that_finish_reason() {
    let reply = ask(&local(), question(QUESTION, short().max_output_tokens(5)))
        .await
        .unwrap();

    assert_eq!(reply.finish_reason(), Some(&FinishReason::MaxTokens));
    assert_eq!(usage(&reply).candidates_token_count, Some(5));
}

#[tokio::test]
async fn a_stop_sequence_ends_the_reply_and_is_not_part_of_it() {
    let whole = ask(&local(), question(QUESTION, short()))
        .await
        .unwrap()
        .text()
        .unwrap();
    let middle = whole
        .char_indices()
        .nth(whole.chars().count() / 2)
        .unwrap()
        .0;
    let stop: String = whole[middle..].chars().take(4).collect();
    let request = question(QUESTION, short().stop_sequences([stop.clone()]));

    let reply = ask(&local(), request.clone()).await.unwrap();

    assert_eq!(reply.text().unwrap(), whole[..whole.find(&stop).unwrap()]);
    assert_eq!(reply.finish_reason(), Some(&FinishReason::Stop));
    let mut chunks = local().stream_generate_content(request, RequestOptions::default());
    let mut streamed = String::new();
    while let Some(chunk) = next(&mut chunks).await {
        streamed.push_str(&chunk.unwrap().text().unwrap());
    }
    assert_eq!(streamed, reply.text().unwrap());
}

#[tokio::test]
async fn count_tokens_returns_the_prompt_tokens_of_a_reply() {
    let request = question(QUESTION, short().max_output_tokens(1))
        .system_instruction(Content::from("You are a sailor."));
    let plain = question(QUESTION, short().max_output_tokens(1));

    for request in [request, plain] {
        let count = CountTokensRequest::default().generate_content_request(request.clone());
        let counted = local()
            .count_tokens(count, RequestOptions::default())
            .await
            .unwrap();
        let reply = ask(&local(), request).await.unwrap();

        assert_eq!(counted.total_tokens, usage(&reply).prompt_token_count);
        assert!(counted.total_tokens > Some(5));
    }
    let contents = CountTokensRequest::default().contents([Content::user(QUESTION)]);
    let counted = local()
        .count_tokens(contents, RequestOptions::default())
        .await
        .unwrap();
    assert!(counted.total_tokens > Some(5));
}

#[tokio::test]
async fn every_token_has_a_log_probability_if_requested() {
    let config = short().response_logprobs(true).logprobs(3);

    let reply = ask(&local(), question(QUESTION, config)).await.unwrap();

    let candidate = &reply.candidates[0];
    let result = candidate
        .logprobs_result
        .as_ref()
        .expect("log-probabilities");
    let chosen: Vec<f64> = result
        .chosen_candidates
        .iter()
        .filter_map(|token| token.log_probability)
        .collect();
    assert_eq!(
        i32::try_from(chosen.len()).ok(),
        usage(&reply).candidates_token_count
    );
    assert!(
        chosen
            .iter()
            .all(|&logprob| (-20.0..=0.0).contains(&logprob)),
        "{chosen:?}"
    );
    for (top, chosen) in result.top_candidates.iter().zip(&result.chosen_candidates) {
        // At temperature 0 the most probable token is sampled.
        assert_eq!(top.candidates.len(), 3);
        assert_eq!(top.candidates[0].token_id, chosen.token_id);
    }
    let text: String = result
        .chosen_candidates
        .iter()
        .filter_map(|token| token.token.as_deref())
        .collect();
    assert_eq!(text, reply.text().unwrap());
    let mean = chosen.iter().sum::<f64>() / chosen.len() as f64;
    assert!((candidate.avg_logprobs.expect("their mean") - mean).abs() < 1e-9);
}

#[tokio::test]
async fn equal_seeds_give_equal_replies() {
    let local = tiny("seeds", |builder| builder.deterministic(true));
    let reply = async |seed| {
        let config = GenerationConfig::default()
            .temperature(2.0)
            .top_k(1_000)
            .top_p(1.0);
        let request = question(QUESTION, config.seed(seed).max_output_tokens(40));
        ask(&local, request).await.unwrap().text().unwrap()
    };

    let first = reply(7).await;

    assert_eq!(reply(7).await, first);
    assert_ne!(reply(8).await, first);
}

/// Row 36 of tests/field.md: the number of threads may change during a reply, so it must not affect it.
#[tokio::test]
async fn the_number_of_threads_does_not_change_a_reply() {
    let with_threads = |threads: usize| {
        let model = support::builder().threads(threads).deterministic(true);
        model.build().expect("the default model")
    };
    let config = short().response_logprobs(true).max_output_tokens(24);
    let request = question(&QUESTION.repeat(12), config);

    let one = ask(&with_threads(1), request.clone()).await.unwrap();
    let two = ask(&with_threads(2), request).await.unwrap();

    assert_eq!(
        one.candidates[0].logprobs_result,
        two.candidates[0].logprobs_result
    );
}

#[tokio::test]
async fn a_deterministic_model_seeds_requests_without_a_seed() {
    let local = tiny("unseeded", |builder| builder.deterministic(true));
    let config = GenerationConfig::default()
        .temperature(2.0)
        .top_k(1_000)
        .top_p(1.0);
    let request = question(QUESTION, config.max_output_tokens(40));

    let first = ask(&local, request.clone()).await.unwrap();

    let again = ask(&local, request).await.unwrap();
    assert_eq!(first.text().unwrap(), again.text().unwrap());
}

#[tokio::test]
async fn penalties_make_a_reply_less_repetitive() {
    let local = tiny("penalties", |builder| builder.deterministic(true));
    let config = || short().max_output_tokens(60).response_logprobs(true);
    let distinct_tokens = async |config| {
        let reply = ask(&local, question(QUESTION, config)).await.unwrap();
        let result = reply.candidates[0]
            .logprobs_result
            .clone()
            .expect("log-probabilities");
        let mut tokens: Vec<_> = result
            .chosen_candidates
            .iter()
            .map(|token| token.token_id)
            .collect();
        tokens.sort_unstable();
        tokens.dedup();
        tokens.len()
    };

    let without = distinct_tokens(config()).await;
    let presence = distinct_tokens(config().presence_penalty(2.0)).await;
    let frequency = distinct_tokens(config().frequency_penalty(2.0)).await;

    assert!(
        presence > without && frequency > without,
        "{without} {presence} {frequency}"
    );
}

/// Row 40 of tests/field.md.
#[tokio::test]
async fn a_reply_without_max_output_tokens_ends_at_the_limit_of_the_builder() {
    let local = tiny("limit", |builder| builder.max_output_tokens(7));
    let config = GenerationConfig::default().temperature(0.0);

    let reply = ask(&local, question(QUESTION, config)).await.unwrap();

    assert_eq!(local.max_output_tokens(), 7);
    let tokens = usage(&reply).candidates_token_count;
    assert!(tokens.is_some_and(|tokens| tokens <= 7), "{reply:?}");
}

#[tokio::test]
async fn a_text_file_is_read_as_text() {
    use generativeai::protocol::content::Blob;
    let text = ask(&local(), question(QUESTION, short())).await.unwrap();

    let blob = Content::user(Blob::new("text/plain", QUESTION));
    let request = question(QUESTION, short()).contents(blob);

    let read = ask(&local(), request).await.unwrap();
    assert_eq!(
        usage(&read).prompt_token_count,
        usage(&text).prompt_token_count
    );
}
