//! Embeddings: the request and the response.

use generativeai::Result;
use generativeai::protocol::embeddings::{
    BatchEmbedContentsResponse, ContentEmbedding, EmbedContentRequest, EmbedContentResponse,
    EmbeddingUsageMetadata, TaskType,
};
use generativeai::remote::__http::Reply;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::refused;
use crate::models::id_of;

/// Response of `/embeddings`.
#[derive(Deserialize)]
pub(crate) struct Embeddings {
    #[serde(default)]
    data: Vec<Entry>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    index: usize,
    embedding: Vec<f64>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: Option<i32>,
}

impl Reply for Embeddings {
    fn has_error(&self) -> bool {
        self.error.is_some()
    }
}

impl Embeddings {
    /// Converts the embeddings, in the order of the requests.
    pub(crate) fn convert(mut self) -> BatchEmbedContentsResponse {
        self.data.sort_by_key(|entry| entry.index);
        let mut response = BatchEmbedContentsResponse::default();
        response.embeddings = self.data.into_iter().map(Entry::convert).collect();
        response.usage_metadata = self.usage.map(|usage| {
            let mut metadata = EmbeddingUsageMetadata::default();
            metadata.prompt_token_count = usage.prompt_tokens;
            metadata
        });
        response
    }
}

impl Entry {
    fn convert(self) -> ContentEmbedding {
        let mut embedding = ContentEmbedding::default();
        embedding.values = self.embedding;
        embedding
    }
}

/// Returns the only embedding of a batch.
pub(crate) fn single(mut batch: BatchEmbedContentsResponse) -> EmbedContentResponse {
    let mut response = EmbedContentResponse::default();
    response.embedding = batch.embeddings.pop();
    response.usage_metadata = batch.usage_metadata;
    response
}

/// Creates the body of a request for the embeddings of several texts. `model` is that of the batch.
pub(crate) fn body(model: Option<&str>, requests: &[EmbedContentRequest]) -> Result<Value> {
    let first = requests.first();
    let model = model.or_else(|| first?.model.as_deref());
    let model = model.ok_or_else(|| refused("the request has no model"))?;
    let mut body = Map::new();
    body.insert("model".to_owned(), id_of(model).into());
    let texts: Result<Vec<_>> = requests.iter().map(text).collect();
    body.insert("input".to_owned(), json!(texts?));
    let dimensions = first.and_then(|first| first.output_dimensionality);
    if requests
        .iter()
        .any(|request| request.output_dimensionality != dimensions)
    {
        return Err(refused(
            "outputDimensionality differs between the requests of a batch: send them one by one",
        ));
    }
    if let Some(dimensions) = dimensions {
        body.insert("dimensions".to_owned(), dimensions.into());
    }
    Ok(body.into())
}

fn text(request: &EmbedContentRequest) -> Result<String> {
    if let Some(task) = &request.task_type
        && *task != TaskType::Unspecified
    {
        return Err(refused(format!(
            "taskType is {task}, which the API of OpenAI does not have: remove it"
        )));
    }
    if request.title.is_some() {
        return Err(refused(
            "title is set, which the API of OpenAI does not have: remove it",
        ));
    }
    let content = request.content.as_ref();
    let parts = content
        .map(|content| &content.parts[..])
        .unwrap_or_default();
    let texts: Option<Vec<_>> = parts.iter().map(|part| part.as_text()).collect();
    match texts {
        Some(texts) if !texts.is_empty() => Ok(texts.concat()),
        _ => Err(refused(
            "content has parts that are not text: an embedding is that of a text",
        )),
    }
}
