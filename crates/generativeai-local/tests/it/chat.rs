//! Conversations.

use generativeai::protocol::content::Content;
use generativeai::{Backend, ChatSession, GenerativeModel, RequestOptions, check_backend};

use crate::support::{ask, builder, local, next, question, short, usage};

fn model() -> GenerativeModel {
    GenerativeModel::new("local")
        .backend(local())
        .generation_config(short())
}

fn chat() -> ChatSession {
    model().start_chat()
}

#[tokio::test]
async fn the_model_answers_a_real_question() {
    let request = question("Is the sky blue? Answer yes or no.", short());

    let reply = ask(&local(), request).await.unwrap();

    let text = reply.text().unwrap().to_lowercase();
    assert!(
        ["yes", "no"].iter().any(|answer| text.starts_with(answer)),
        "{text}"
    );
}

#[tokio::test]
async fn the_model_passes_the_check_of_backends() {
    check_backend(&model()).await.unwrap();
}

#[tokio::test]
async fn every_chunk_contains_text_including_the_last_one() {
    for max_tokens in [2, 60] {
        let config = short().max_output_tokens(max_tokens);
        let request = question("Is the sky blue? Answer yes or no.", config);
        let mut chunks = local().stream_generate_content(request, RequestOptions::default());
        let mut end = None;

        while let Some(chunk) = next(&mut chunks).await {
            let chunk = chunk.unwrap();
            assert!(!chunk.text().unwrap().is_empty(), "{chunk:?}");
            end = chunk.finish_reason().cloned();
        }

        assert!(end.is_some());
    }
}

/// Row 32 of tests/field.md: the official SDKs store each chunk of a streamed reply as a separate content.
#[tokio::test]
async fn a_reply_that_is_stored_in_chunks_gives_the_prompt_of_a_whole_one() {
    let request = question(
        "What is the capital of France?",
        short().max_output_tokens(30),
    );
    // Deterministic: otherwise the second request has a longer cached prefix, and sums that are rounded differently.
    let model = builder().deterministic(true).build().unwrap();
    let mut chunks = model.stream_generate_content(request.clone(), RequestOptions::default());
    let (mut texts, mut streamed) = (Vec::new(), request.clone());
    while let Some(chunk) = next(&mut chunks).await {
        let mut chunk = chunk.unwrap();
        texts.push(chunk.text().unwrap());
        streamed
            .contents
            .push(chunk.candidates.remove(0).content.unwrap());
    }
    let mut whole = request;
    whole.contents.push(Content::model(texts.concat()));
    for request in [&mut streamed, &mut whole] {
        request.contents.push(Content::user("And of Italy?"));
    }

    let after_chunks = ask(&model, streamed).await.unwrap();
    let after_whole = ask(&model, whole).await.unwrap();

    assert!(texts.len() > 2, "{texts:?}");
    let tokens = |reply| usage(reply).prompt_token_count;
    assert_eq!(tokens(&after_chunks), tokens(&after_whole));
    assert_eq!(after_chunks.text().unwrap(), after_whole.text().unwrap());
}

#[tokio::test]
async fn three_turns_make_a_history_of_six_and_rewind_removes_the_last() {
    let mut chat = chat();

    chat.send_message("Hello").await.unwrap();
    let mut streamed = chat.send_message("What is the capital of France?").stream();
    let mut chunks = 0;
    while let Some(chunk) = streamed.next().await {
        chunk.unwrap();
        chunks += 1;
    }
    drop(streamed);
    chat.send_message("And of Italy?").await.unwrap();

    assert!(chunks > 1, "{chunks}");
    assert_eq!(chat.history().len(), 6);
    chat.rewind().expect("the last turn");
    let reply = chat.send_message("And of Spain?").await.unwrap();
    assert!(!reply.text().unwrap().is_empty());
    assert_eq!(chat.history().len(), 6);
}
