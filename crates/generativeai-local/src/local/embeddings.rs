//! Embeddings: checks the requests, and converts the vectors of the engine.

use generativeai::protocol::embeddings::{
    BatchEmbedContentsResponse, ContentEmbedding, EmbedContentRequest, TaskType,
};
use generativeai::{RequestOptions, Result};
use llama_cpp_2::token::LlamaToken;

use crate::error::{internal, invalid_argument};
use crate::reply::text_tokens;
use crate::request::text_of;

use super::{Inner, Local, deadline};

/// Maximum number of texts in a request, as in the API.
const MAX_TEXTS: usize = 100;

impl Local {
    /// Computes the embeddings of several texts. With each request comes the path in front of the names of its members.
    ///
    /// # Errors
    ///
    /// 400 for a request that the model cannot follow, 429 if the queue is full.
    pub(super) async fn embed(
        &self,
        requests: Vec<(String, EmbedContentRequest)>,
        options: RequestOptions,
    ) -> Result<BatchEmbedContentsResponse> {
        let count = requests.len();
        if !(1..=MAX_TEXTS).contains(&count) {
            return Err(invalid_argument(format!(
                "requests has {count} entries, but must have from 1 to {MAX_TEXTS}"
            )));
        }
        // All requests are checked before the first text is embedded.
        let texts = requests
            .iter()
            .map(|(path, request)| self.tokens(path, request));
        let texts = texts.collect::<Result<Vec<_>>>()?;
        let tokens = texts.iter().map(Vec::len).sum();
        let Inner { model, engine, .. } = &*self.0;
        let deadline = deadline(&options);
        let vectors = engine.embed(texts, model.pooling(), deadline).await?;
        let mut response = BatchEmbedContentsResponse::default();
        for (vector, (_, request)) in vectors.into_iter().zip(&requests) {
            let mut embedding = ContentEmbedding::default();
            embedding.values = normalized(vector, request.output_dimensionality)?;
            response.embeddings.push(embedding);
        }
        let usage = response.usage_metadata.get_or_insert_default();
        usage.prompt_token_count = i32::try_from(tokens).ok();
        usage.prompt_token_details = vec![text_tokens(tokens)];
        Ok(response)
    }

    /// Checks a request, and returns the tokens of its text.
    ///
    /// # Errors
    ///
    /// 400 for a content that is empty, not text or longer than the context, and for a member that the model cannot
    /// follow.
    fn tokens(&self, path: &str, request: &EmbedContentRequest) -> Result<Vec<LlamaToken>> {
        let Inner { model, ignored, .. } = &*self.0;
        let content = request.content.clone().unwrap_or_default();
        let text = text_of(&format!("{path}content"), &content)?;
        let empty = || invalid_argument(format!("{path}content is empty: add text"));
        if text.is_empty() {
            return Err(empty());
        }
        let (size, max) = (request.output_dimensionality, model.embedding_size());
        if let Some(size) = size.filter(|size| !(1..=max).contains(size)) {
            return Err(invalid_argument(format!(
                "{path}outputDimensionality is {size}, but must be from 1 to {max} with this model"
            )));
        }
        let task = request.task_type.as_ref();
        // Serializers of Protocol Buffers may write an empty string for a member that is not set.
        let has_task =
            task.is_some_and(|task| *task != TaskType::Unspecified && !task.as_str().is_empty());
        let has_title = request
            .title
            .as_ref()
            .is_some_and(|title| !title.is_empty());
        let prefix = ignored.path(path);
        for (name, is_set) in [("taskType", has_task), ("title", has_title)] {
            if is_set {
                let reason =
                    format!("{prefix}{name}: the embedded model does not have this setting");
                ignored.ignore(reason)?;
            }
        }
        ignored.ignore_unknown(prefix, &request.unknown)?;
        let context = self.context();
        let too_long = |tokens: &str| {
            invalid_argument(format!(
                "{path}content has {tokens} tokens, but the context has {context}: divide the text, or load the model \
                 with a larger context"
            ))
        };
        let at_least = model.min_tokens(text.len());
        if at_least > context {
            return Err(too_long(&format!("at least {at_least}")));
        }
        let tokens = model.tokenize_text(&text);
        match tokens.len() {
            0 => Err(empty()),
            length if length > context => Err(too_long(&length.to_string())),
            _ => Ok(tokens),
        }
    }
}

/// Returns the first `size` components of a vector, or all, divided by their length.
///
/// # Errors
///
/// The vector has no direction: its components are zero, or not finite.
fn normalized(mut vector: Vec<f64>, size: Option<i32>) -> Result<Vec<f64>> {
    let size = size.and_then(|size| usize::try_from(size).ok());
    vector.truncate(size.unwrap_or(usize::MAX));
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    if length == 0.0 || !length.is_finite() {
        return Err(internal("the model returned no usable embedding"));
    }
    vector.iter_mut().for_each(|value| *value /= length);
    Ok(vector)
}
