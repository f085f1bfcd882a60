//! A model without `async`.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{ChatSession, next, wait};
use crate::backend::{Backend, RequestOptions};
use crate::error::Result;
use crate::model::{Settings, message_setters};
use crate::protocol::caches::CachedContent;
use crate::protocol::config::GenerationConfig;
use crate::protocol::content::{Content, Contents};
use crate::protocol::response::{FinishReason, GenerateContentResponse};
use crate::protocol::safety::SafetySetting;
use crate::protocol::tokens::CountTokensResponse;
use crate::protocol::tools::ToolConfig;
use crate::tools::Toolbox;

/// Setters that hand on to the model within.
macro_rules! forward {
    ($($name:ident: $type:ty,)*) => {
        $(
            /// The same as the setter of the async type.
            #[must_use]
            pub fn $name(self, $name: $type) -> Self {
                Self(self.0.$name($name))
            }
        )*
    };
}

/// A [model](crate::GenerativeModel) to ask, without `async`.
#[derive(Clone, Debug)]
pub struct GenerativeModel(crate::GenerativeModel);

impl GenerativeModel {
    /// Names the model; a name without `/` gets `models/` in front.
    pub fn new(name: impl Into<String>) -> Self {
        Self(crate::GenerativeModel::new(name))
    }

    /// Takes the model that a cache was made for, to go on from what the cache holds.
    pub fn from_cached_content(cached: &CachedContent) -> Result<Self> {
        crate::GenerativeModel::from_cached_content(cached).map(Self)
    }

    forward! {
        backend: impl Backend + 'static,
        system_instruction: impl Into<Content>,
        cached_content: impl Into<String>,
        generation_config: GenerationConfig,
        safety_settings: impl IntoIterator<Item = impl Into<SafetySetting>>,
        tools: impl Into<Toolbox>,
        tool_config: impl Into<ToolConfig>,
        request_options: RequestOptions,
        accept_finish_reasons: impl IntoIterator<Item = FinishReason>,
    }

    /// The full name: `models/…`, `tunedModels/…`.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Says whether the model could be asked with these settings, without asking.
    pub fn check(&self) -> Result<()> {
        self.0.check()
    }

    /// Starts a conversation with this model.
    pub fn start_chat(&self) -> ChatSession {
        self.0.start_chat().into()
    }

    /// Asks the model once.
    pub fn generate_content(&self, contents: impl Into<Contents>) -> GenerateContent<'_> {
        GenerateContent(self.0.generate_content(contents))
    }

    /// Counts the tokens of contents.
    pub fn count_tokens(&self, contents: impl Into<Contents>) -> CountTokens<'_> {
        CountTokens(self.0.count_tokens(contents))
    }
}

impl From<crate::GenerativeModel> for GenerativeModel {
    fn from(model: crate::GenerativeModel) -> Self {
        Self(model)
    }
}

impl From<GenerativeModel> for crate::GenerativeModel {
    fn from(model: GenerativeModel) -> Self {
        model.0
    }
}

/// A question to a model, without `async`.
#[derive(Debug)]
#[must_use = "nothing is asked until `send` or `stream` is called"]
pub struct GenerateContent<'model>(crate::GenerateContent<'model>);

impl GenerateContent<'_> {
    message_setters! {
        generation_config safety_settings tools tool_config request_options
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        Self(self.0.with(change))
    }

    /// Asks and waits for the whole reply.
    pub fn send(self) -> Result<GenerateContentResponse> {
        wait(self.0)
    }

    /// Does the same, asks for JSON that reads as a `T`, and reads it.
    pub fn json<T: DeserializeOwned + JsonSchema>(self) -> Result<T> {
        wait(self.0.json())
    }

    /// Asks; the reply comes chunk by chunk.
    pub fn stream(self) -> GenerateStream {
        GenerateStream {
            stream: self.0.stream(),
            refused: false,
        }
    }
}

/// A reply as it comes: an iterator of chunks.
#[derive(Debug)]
#[must_use = "a stream does nothing until it is read"]
pub struct GenerateStream {
    stream: crate::GenerateStream,
    refused: bool,
}

impl GenerateStream {
    /// Reads on to the end and gives the whole reply.
    pub fn finish(self) -> Result<GenerateContentResponse> {
        wait(self.stream.finish())
    }

    /// The reply so far.
    pub fn response(&self) -> &GenerateContentResponse {
        self.stream.response()
    }
}

impl Iterator for GenerateStream {
    type Item = Result<GenerateContentResponse>;

    fn next(&mut self) -> Option<Self::Item> {
        next(&mut self.refused, self.stream.next())
    }
}

/// A question for the number of tokens, without `async`.
#[derive(Debug)]
#[must_use = "nothing is counted until `send` is called"]
pub struct CountTokens<'model>(crate::CountTokens<'model>);

impl CountTokens<'_> {
    message_setters! {
        generation_config safety_settings tools tool_config request_options
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        Self(self.0.with(change))
    }

    /// Asks and waits for the count.
    pub fn send(self) -> Result<CountTokensResponse> {
        wait(self.0)
    }
}
