//! Embeddings of texts.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use generativeai::protocol::embeddings::{
    BatchEmbedContentsRequest, EmbedContentRequest, TaskType,
};
use generativeai::{Backend, ErrorKind, RequestOptions, Result};
use generativeai_local::Local;
use serde_json::{Value, json};

use crate::concurrency::{endless, stream};
use crate::support::{builder, local, next, tiny};
use crate::tiny::{self, Tiny};

/// A text of several batches.
const LONG: &str =
    "Ben Nevis is the highest mountain of Scotland, and of the whole of the United Kingdom. ";

async fn embed(local: &Local, request: EmbedContentRequest) -> Result<Vec<f64>> {
    let options = RequestOptions::default();
    let response = local.embed_content(request, options).await?;
    Ok(response.embedding.expect("an embedding").values)
}

async fn embed_all(local: &Local, requests: Vec<EmbedContentRequest>) -> Result<Vec<Vec<f64>>> {
    let request = BatchEmbedContentsRequest::default().requests(requests);
    let options = RequestOptions::default();
    let response = local.batch_embed_contents(request, options).await?;
    let embeddings = response.embeddings.into_iter();
    Ok(embeddings.map(|embedding| embedding.values).collect())
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn texts_with_similar_meanings_have_near_embeddings() {
    let texts = [
        ["The cat sleeps on the sofa.", "A kitten naps on the couch."],
        [
            "Stocks fell sharply on Monday.",
            "Share prices dropped this week.",
        ],
        [
            "Add two cups of flour to the bowl.",
            "Mix the dough and bake the bread.",
        ],
    ];
    let requests = texts
        .as_flattened()
        .iter()
        .copied()
        .map(EmbedContentRequest::new);

    let vectors = embed_all(&local(), requests.collect()).await.unwrap();

    for (index, vector) in vectors.iter().enumerate() {
        let others = (0..vectors.len()).filter(|&other| other != index);
        let nearest =
            others.max_by(|&a, &b| dot(vector, &vectors[a]).total_cmp(&dot(vector, &vectors[b])));
        // The other text of the same pair.
        assert_eq!(
            nearest,
            Some(index ^ 1),
            "{:?}",
            texts.as_flattened()[index]
        );
    }
}

#[tokio::test]
async fn an_embedding_has_the_length_one_and_the_requested_size() {
    let local = tiny("size", |builder| builder);

    let whole = embed(&local, EmbedContentRequest::new("Hello"))
        .await
        .unwrap();
    let request = EmbedContentRequest::new("Hello").output_dimensionality(16);
    let short = embed(&local, request).await.unwrap();

    assert_eq!((whole.len(), short.len()), (64, 16));
    for vector in [&whole, &short] {
        assert!((dot(vector, vector) - 1.0).abs() < 1e-9);
    }
    // The first components of the whole vector, in the same direction.
    let rest = dot(&whole[..16], &whole[..16]).sqrt();
    assert!((dot(&whole, &short) - rest).abs() < 1e-9);
}

#[tokio::test]
async fn a_text_has_the_same_embedding_whatever_else_runs() {
    let local = tiny("same", |builder| builder.chats(1));
    let request = |text: &str| EmbedContentRequest::new(text);
    let alone = embed(&local, request(LONG)).await.unwrap();

    let mut chat = stream(&local, endless());
    next(&mut chat).await.expect("a chunk").unwrap();
    let texts = vec![request("Hello"), request(LONG), request(&LONG.repeat(3))];
    let (batch, again) = tokio::join!(embed_all(&local, texts), embed(&local, request(LONG)));

    let batch = batch.unwrap();
    assert_eq!(batch.len(), 3);
    assert_eq!(batch[1], alone);
    assert_eq!(again.unwrap(), alone);
    assert_ne!(batch[0], alone);
    next(&mut chat).await.expect("the chat continues").unwrap();
}

#[tokio::test]
async fn a_response_has_its_token_count() {
    let local = tiny("tokens", |builder| builder);
    let request = ["abc", "de"].map(EmbedContentRequest::new);
    let request = BatchEmbedContentsRequest::default().requests(request);

    let response = local
        .batch_embed_contents(request, RequestOptions::default())
        .await
        .unwrap();

    // A token for each byte, and one at the beginning of each text.
    let usage = response.usage_metadata.expect("usage");
    assert_eq!(usage.prompt_token_count, Some(4 + 3));
    assert_eq!(usage.prompt_token_details[0].token_count, Some(4 + 3));
}

#[tokio::test]
async fn architectures_and_poolings_have_their_own_embeddings() {
    let mut vectors: Vec<Vec<f64>> = Vec::new();
    for (architecture, pooling) in [
        ("qwen2", None),
        ("qwen2", Some(&LAST)),
        ("llama", None),
        ("mamba", None),
    ] {
        let name = format!("embeds-{architecture}-{}", pooling.is_some());
        let local = load(&name, architecture, pooling.map_or(&[], |it| it));
        let vector = embed(&local, EmbedContentRequest::new(LONG)).await.unwrap();
        assert_eq!(vector.len(), 64);
        assert!(!vectors.contains(&vector), "{name}");
        vectors.push(vector);
    }
    let mean = load("embeds-mean", "qwen2", &MEAN);
    let mean = embed(&mean, EmbedContentRequest::new(LONG)).await.unwrap();
    assert_eq!(mean, vectors[0]);
}

const MEAN: [(&str, u32, &[u8]); 1] = [("pooling_type", 4, &1u32.to_le_bytes())];
const LAST: [(&str, u32, &[u8]); 1] = [("pooling_type", 4, &3u32.to_le_bytes())];

fn load(
    name: &str,
    architecture: &'static str,
    more: &'static [(&'static str, u32, &'static [u8])],
) -> Local {
    let path = Tiny {
        architecture,
        more,
        ..Tiny::default()
    }
    .write(name);
    let local = builder()
        .context(512)
        .model(&path)
        .build()
        .expect("a model");
    tiny::remove(&path);
    local
}

#[tokio::test]
async fn the_model_lists_embed_content_as_a_method() {
    let listed = local().list_models(None, RequestOptions::default()).await;

    assert_eq!(
        listed.unwrap().models[0].supported_generation_methods,
        ["generateContent", "countTokens", "embedContent"]
    );
}

#[test]
fn an_encoder_is_refused_with_an_alternative() {
    let named = Tiny {
        more: &[("attention.causal", 7, &[0])],
        ..Tiny::default()
    };
    let by_architecture = Tiny {
        architecture: "dream",
        template: None,
        ..Tiny::default()
    };
    for (name, file) in [("encoder", named), ("diffusion", by_architecture)] {
        let path = file.write(name);

        let error = builder().context(512).model(&path).build().unwrap_err();

        let end = "use a model for chats, which computes embeddings as well";
        assert!(error.to_string().ends_with(end), "{error}");
        tiny::remove(&path);
    }
}

#[tokio::test]
async fn a_request_that_the_model_cannot_follow_is_refused_with_the_member() {
    let local = tiny("refused", |builder| builder);
    let content = |parts: Value| json!({ "content": { "parts": parts } });
    let text = content(json!([{ "text": "Hello" }]));
    let image =
        json!([{ "text": "a" }, { "inlineData": { "mimeType": "image/png", "data": "AAAA" } }]);
    let mut large = text.clone();
    large["outputDimensionality"] = 65.into();
    let mut small = text.clone();
    small["outputDimensionality"] = 0.into();
    for (request, expected) in [
        (json!({}), "content.parts is empty"),
        (content(json!([])), "content.parts is empty"),
        (content(json!([{ "text": "" }])), "content is empty"),
        (
            content(image),
            "content.parts[1]: the embedded model reads text, but not image/png",
        ),
        (
            large,
            "outputDimensionality is 65, but must be from 1 to 64",
        ),
        (small, "outputDimensionality is 0"),
        (
            content(json!([{ "text": "a".repeat(1_024) }])),
            "content has 1025 tokens, but the context has 1024",
        ),
        // The tokenizer is not run.
        (
            content(json!([{ "text": "a".repeat(1_048_576) }])),
            "content has at least ",
        ),
    ] {
        let request: EmbedContentRequest = serde_json::from_value(request).unwrap();

        let single = embed(&local, request.clone()).await.unwrap_err();
        let batch = embed_all(&local, vec![EmbedContentRequest::new("a"), request])
            .await
            .unwrap_err();

        assert_eq!(single.kind(), ErrorKind::Request);
        assert!(single.to_string().starts_with(expected), "{single}");
        let expected = format!("requests[1].{expected}");
        assert!(batch.to_string().starts_with(&expected), "{batch}");
    }
    for count in [0, 101] {
        let requests = vec![EmbedContentRequest::new("a"); count];
        let error = embed_all(&local, requests).await.unwrap_err();
        let expected = format!("requests has {count} entries");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    // The longest text that fits.
    let longest = EmbedContentRequest::new("a".repeat(1_023));
    assert_eq!(embed(&local, longest).await.unwrap().len(), 64);
}

#[tokio::test]
async fn a_task_and_a_title_are_ignored_and_reported_or_refused() {
    let (sender, reported) = std::sync::mpsc::channel();
    let report = move |reason: &str| sender.send(reason.to_owned()).unwrap();
    let lenient = tiny("lenient", |builder| builder.on_ignored(report));
    let strict = tiny("strict-embedding", |builder| builder.strict(true));
    let plain = EmbedContentRequest::new("Hello");
    let document = plain
        .clone()
        .task_type(TaskType::RetrievalDocument)
        .title("Greetings");

    let same = embed(&lenient, document.clone()).await.unwrap();
    let error = embed(&strict, document).await.unwrap_err();

    assert_eq!(same, embed(&lenient, plain.clone()).await.unwrap());
    let reported: Vec<String> = reported.try_iter().collect();
    assert_eq!(reported.len(), 2, "{reported:?}");
    assert!(reported[0].starts_with("taskType:") && reported[1].starts_with("title:"));
    assert!(error.to_string().starts_with("taskType:"), "{error}");
    for task in [TaskType::Unspecified, TaskType::from("")] {
        let unset = plain.clone().task_type(task).title("");
        assert!(embed(&strict, unset).await.is_ok());
    }
}

#[tokio::test]
async fn a_batch_in_strict_mode_is_refused_with_the_request_and_its_member() {
    let local = tiny("strict-batch", |builder| builder.strict(true));
    for (member, expected) in [
        ("title", "requests[1].title:"),
        ("titel", "requests[1].titel is unknown"),
    ] {
        let requests = json!([
            { "content": { "parts": [{ "text": "a" }] } },
            { "content": { "parts": [{ "text": "a" }] }, member: "Greetings" },
        ]);
        let requests: Vec<EmbedContentRequest> = serde_json::from_value(requests).unwrap();

        let error = embed_all(&local, requests).await.unwrap_err();

        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[tokio::test]
async fn a_batch_takes_one_place_in_the_queue() {
    let local = tiny("queue-of-texts", |builder| builder.queue(1));
    let requests = |count| vec![EmbedContentRequest::new(LONG.repeat(8)); count];
    let mut running = Box::pin(embed_all(&local, requests(100)));
    assert!(poll(&mut running).await.is_none());
    // Until the engine has taken it from the queue, the queue is full.
    let mut waiting = loop {
        let mut waiting = Box::pin(embed_all(&local, requests(10)));
        if poll(&mut waiting).await.is_none() {
            break waiting;
        }
        tokio::task::yield_now().await;
    };

    let error = embed(&local, EmbedContentRequest::new("Hello")).await;

    assert_eq!(error.unwrap_err().kind(), ErrorKind::RateLimited);
    // Dropping the first batch ends it, and the other one starts.
    drop(running);
    assert_eq!(waiting.as_mut().await.unwrap().len(), 10);
}

/// Returns the result of a future that is ready.
async fn poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await;
    match polled {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn an_embedding_ends_at_its_deadline() {
    let local = tiny("embedding-deadline", |builder| builder);
    let options = RequestOptions::default().timeout(Duration::from_nanos(1));

    let error = local
        .embed_content(EmbedContentRequest::new(LONG), options)
        .await
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Timeout);
}
