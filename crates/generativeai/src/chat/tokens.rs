//! Token counts of requests: counted by the backend, or estimated.
//!
//! Counting is a separate request, so it is avoided where the answer is clear. No token is shorter than a byte. So a
//! request with fewer bytes than the budget has tokens always fits, with any tokenizer. For backends that cannot count,
//! the estimate is the rule of thumb in Google's documentation.

use std::sync::Arc;

use serde::Serialize;

use crate::error::{ErrorKind, Result};
use crate::model::RequestTemplate;
use crate::protocol::content::{Content, Contents, Data, Transcript};
use crate::protocol::tokens::CountTokensRequest;
use crate::trace;

/// Bytes of text that are estimated to be one token. Google documents four characters for Gemini models.
const BYTES_PER_TOKEN: u64 = 4;

/// Tokens that an image or a file is estimated to have: the count of Gemini for an image of up to 384 pixels.
const TOKENS_PER_FILE: u64 = 258;

/// Tokens that a content has at most in addition to its parts.
const TOKENS_PER_CONTENT: u64 = 16;

/// Counter of the tokens of a message's request, for different histories before the message.
pub(super) struct TokenCounter {
    /// The request without its contents: the system instruction, the tools and the schema of the reply count as well.
    pub(super) template: RequestTemplate,
    /// Contents after the history.
    pub(super) contents: Vec<Content>,
}

impl TokenCounter {
    /// Returns whether the request certainly has at most this many tokens, without counting them.
    pub(super) fn is_below(&self, history: &Transcript, tokens: u32) -> bool {
        let size = self.size(history);
        // The size of cached contents is unknown, and an image of a few bytes may have hundreds of tokens.
        let is_text = self.template.request.cached_content.is_none() && size.files == 0;
        is_text && size.bytes + TOKENS_PER_CONTENT * size.contents <= u64::from(tokens)
    }

    /// Counts the tokens of the request, or estimates them if the backend cannot count.
    pub(super) async fn count(&self, history: &Arc<Transcript>) -> Result<u32> {
        let mut request = self.template.request.clone();
        request.contents = Contents::new(Arc::clone(history), self.contents.clone());
        let counting = CountTokensRequest::default().generate_content_request(request);
        let options = self.template.options.clone();
        match trace::count(&*self.template.backend, counting, options).await {
            Ok(counted) => {
                let counted = counted.total_tokens.map(u32::try_from).and_then(Result::ok);
                Ok(counted.unwrap_or_else(|| self.estimate(history)))
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(self.estimate(history)),
            Err(error) => Err(error.with_context("the tokens of the message could not be counted")),
        }
    }

    /// Estimates the tokens of the request from its size.
    fn estimate(&self, history: &Transcript) -> u32 {
        let size = self.size(history);
        let tokens = size.bytes.div_ceil(BYTES_PER_TOKEN) + TOKENS_PER_FILE * size.files;
        u32::try_from(tokens).unwrap_or(u32::MAX)
    }

    /// Returns the size of the whole request.
    fn size(&self, history: &Transcript) -> Size {
        let request = &self.template.request;
        let mut size = Size::default();
        let contents = request.system_instruction.iter().chain(history.contents());
        contents
            .chain(&self.contents)
            .for_each(|content| size.add(content));
        if !request.tools.is_empty() {
            size.bytes += json_length(&request.tools);
        }
        if let Some(config) = &request.generation_config {
            // The model reads the schema of a reply as a part of the prompt.
            size.bytes += config.response_schema.as_ref().map_or(0, json_length);
            let ordered = &config.response_json_schema_ordered;
            let schemas = config.response_json_schema.iter().chain(ordered);
            let schemas = schemas.chain(&config.response_format);
            size.bytes += schemas.map(json_length).sum::<u64>();
        }
        size
    }
}

/// Size of contents, from which their tokens are estimated.
#[derive(Default)]
struct Size {
    contents: u64,
    /// Bytes of the text, and of the JSON of function calls, function responses, tools and schemas.
    bytes: u64,
    /// Images and other files, inline or referenced, also in function responses.
    files: u64,
}

impl Size {
    fn add(&mut self, content: &Content) {
        self.contents += 1;
        for part in &content.parts {
            match &part.data {
                Some(Data::Text(text)) => self.bytes += text.len() as u64,
                Some(Data::InlineData(_) | Data::FileData(_)) => self.files += 1,
                Some(Data::FunctionResponse(response)) if !response.parts.is_empty() => {
                    self.files += response.parts.len() as u64;
                    self.bytes += json_length(&response.response);
                }
                _ => self.bytes += json_length(part),
            }
        }
    }
}

/// Returns the length of the JSON of a value.
fn json_length(value: &impl Serialize) -> u64 {
    serde_json::to_vec(value).map_or(0, |json| json.len() as u64)
}
