//! Embeddings: the request and the response.

use generativeai::protocol::content::Blob;
use generativeai::protocol::embeddings::{
    BatchEmbedContentsRequest, BatchEmbedContentsResponse, ContentEmbedding, EmbedContentRequest,
    EmbedContentResponse, EmbeddingUsageMetadata, TaskType,
};
use generativeai::protocol::models::id_of;
use generativeai::remote::__http::Reply;
use generativeai::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::refused;
use crate::lenient;
use crate::request::{check_content, check_members, refuse_unknown};

/// Largest absolute value that a number of an embedding may have.
///
/// Base64 does not declare its number format, and bytes of any format can be read as `f32`. The components of an
/// embedding are small, while integers of one byte that are read as `f32` become huge or NaN. So this limit detects
/// another format.
const MAX_VALUE: f64 = 1e9;

/// Response of `/embeddings`.
#[derive(Default, Deserialize)]
pub(crate) struct Embeddings {
    #[serde(default)]
    data: Option<Vec<Entry>>,
    #[serde(default, deserialize_with = "lenient::optional")]
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    index: Option<usize>,
    embedding: Numbers,
}

/// Numbers of an embedding, or the base64 of packed ones.
#[derive(Deserialize)]
#[serde(untagged)]
enum Numbers {
    Plain(Vec<f64>),
    Packed(String),
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default, deserialize_with = "lenient::count")]
    prompt_tokens: Option<i32>,
}

impl Reply for Embeddings {
    fn read(&mut self, json: &[u8]) -> serde_json::Result<()> {
        *self = lenient::from_json(json)?;
        Ok(())
    }

    fn has_error(&self) -> bool {
        self.error.is_some()
    }
}

impl Embeddings {
    /// Converts the embeddings of several texts, in the order of the texts.
    ///
    /// # Errors
    ///
    /// [`Decode`](ErrorKind::Decode): there are fewer or more embeddings than texts, or one cannot be read.
    pub(crate) fn convert(self, texts: usize) -> Result<BatchEmbedContentsResponse> {
        let mut entries = self.data.unwrap_or_default();
        if entries.len() != texts {
            let message = format!(
                "the server returned {} embeddings of {texts} texts",
                entries.len()
            );
            return Err(Error::new(ErrorKind::Decode, message));
        }
        // The order of the texts is in `index`, not in the list. The sort is stable, for servers that send no indices.
        entries.sort_by_key(|entry| entry.index);
        let mut response = BatchEmbedContentsResponse::default();
        let embeddings: Result<_> = entries.into_iter().map(Entry::convert).collect();
        response.embeddings = embeddings?;
        response.usage_metadata = self.usage.map(|usage| {
            let mut metadata = EmbeddingUsageMetadata::default();
            metadata.prompt_token_count = usage.prompt_tokens;
            metadata
        });
        Ok(response)
    }
}

impl Entry {
    fn convert(self) -> Result<ContentEmbedding> {
        let mut embedding = ContentEmbedding::default();
        embedding.values = match self.embedding {
            Numbers::Plain(values) => values,
            Numbers::Packed(base64) => unpacked(&base64).ok_or_else(|| {
                let message = "the embedding is packed in another format than `f32`, little endian, \
                               in base64: use a server or a model that returns numbers";
                Error::new(ErrorKind::Decode, message)
            })?,
        };
        Ok(embedding)
    }
}

/// Reads numbers of the type `f32`, little endian, in base64. `None` for another format.
fn unpacked(base64: &str) -> Option<Vec<f64>> {
    let blob = Blob::from_base64("application/octet-stream", base64);
    let bytes = blob.bytes().ok()?;
    let (numbers, rest) = bytes.as_chunks();
    let number = |bytes: &[u8; 4]| {
        let number = f64::from(f32::from_le_bytes(*bytes));
        // NaN fails this comparison as well.
        (number.abs() <= MAX_VALUE).then_some(number)
    };
    let values: Option<Vec<f64>> = numbers.iter().map(number).collect();
    values.filter(|values| rest.is_empty() && !values.is_empty())
}

/// Returns the only embedding of a batch.
pub(crate) fn single(mut batch: BatchEmbedContentsResponse) -> EmbedContentResponse {
    let mut response = EmbedContentResponse::default();
    response.embedding = batch.embeddings.pop();
    response.usage_metadata = batch.usage_metadata;
    response
}

/// Creates the body of a request for the embeddings of several texts. Without a model of the batch, that of the first
/// text is used.
pub(crate) fn body(batch: &BatchEmbedContentsRequest) -> Result<Value> {
    refuse_unknown("", &batch.unknown)?;
    let requests = &batch.requests;
    let first = requests.first();
    let model = batch.model.as_deref().or_else(|| first?.model.as_deref());
    let model = id_of(model.ok_or_else(|| refused("the request has no model"))?);
    let mut own = requests.iter().filter_map(|it| it.model.as_deref());
    if let Some(other) = own.find(|own| id_of(own) != model) {
        return Err(refused(format!(
            "a request of the batch is for the model {other:?}, and the batch is for {model:?}: send them one by one"
        )));
    }
    let texts = requests.iter().enumerate().map(|(at, request)| {
        // A single request may be that of `embed_content`, which has no index.
        text(request).map_err(|error| match requests.len() {
            1 => error,
            _ => error.with_context(format!("requests[{at}]")),
        })
    });
    let texts: Result<Vec<_>> = texts.collect();
    let mut body = json!({"model": model, "input": texts?});
    // The API of OpenAI has one `dimensions` for all texts of a request.
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
        body["dimensions"] = dimensions.into();
    }
    Ok(body)
}

/// Returns the text to embed.
///
/// # Errors
///
/// [`Request`](ErrorKind::Request): the content is not text, or a setting is absent from the API of OpenAI.
fn text(request: &EmbedContentRequest) -> Result<String> {
    refuse_unknown("", &request.unknown)?;
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
    let content = content.ok_or_else(|| refused("content is missing: add a text"))?;
    check_content("content", content)?;
    let mut text = String::new();
    for (at, part) in content.parts.iter().enumerate() {
        let path = format!("content.parts[{at}]");
        check_members(&path, part)?;
        let part = part
            .as_text()
            .ok_or_else(|| refused(format!("{path} is not text: only text can be embedded")));
        text.push_str(part?);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(embedding: Value, texts: usize) -> Result<Value> {
        let body = json!({"data": [{"index": 0, "embedding": embedding}]});
        let embeddings: Embeddings = serde_json::from_value(body).expect("embeddings");
        embeddings.convert(texts).map(|batch| json!(batch))
    }

    #[test]
    fn packed_numbers_are_read_as_the_numbers_themselves() {
        // The bytes of 0.5, -2 and 1.25: 00 00 00 3f, 00 00 00 c0, 00 00 a0 3f.
        for embedding in [json!([0.5, -2, 1.25]), json!("AAAAPwAAAMAAAKA/")] {
            let batch = convert(embedding, 1).expect("an embedding");
            assert_eq!(
                batch,
                json!({"embeddings": [{"values": [0.5, -2.0, 1.25]}]})
            );
        }
    }

    #[test]
    fn numbers_in_another_format_are_an_error() {
        // Not base64; three bytes; NaN; eight integers of one byte, of which negative ones become huge; empty.
        for embedding in ["?", "AAAA", "AADAfw==", "Cvbx5Q8B/eM=", ""] {
            let error = convert(embedding.into(), 1).expect_err("no embedding");
            assert_eq!(error.kind(), ErrorKind::Decode, "{embedding}");
            assert!(error.to_string().contains("base64"), "{error}");
        }
    }

    #[test]
    fn fewer_or_more_embeddings_than_texts_are_an_error() {
        for texts in [0, 2] {
            let error = convert(json!([1]), texts).expect_err("another number");
            assert_eq!(
                error.to_string(),
                format!("the server returned 1 embeddings of {texts} texts")
            );
        }
    }
}
