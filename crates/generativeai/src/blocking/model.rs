//! Models without `async`.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::delegate::delegate;
use super::runtime::{next, wait};
use crate::backend::Backend;
use crate::error::Result;
use crate::model::{Settings, request_setters};
use crate::protocol::caches::CachedContent;
use crate::protocol::content::{Content, Contents};
use crate::protocol::models::Model;
use crate::protocol::response::GenerateContentResponse;
use crate::protocol::tokens::CountTokensResponse;
use crate::tools::Toolbox;

/// [Model](crate::GenerativeModel) without `async`.
///
/// It has the methods of [`GenerativeModel`](crate::GenerativeModel), where their rules are documented.
///
/// ```
/// use generativeai::{blocking::GenerativeModel, testing::Scripted};
///
/// let model = GenerativeModel::new("gemini-flash-latest").backend(Scripted::always("Scotland"));
/// assert_eq!(model.generate_content("Where is Ben Nevis?").send()?.text()?, "Scotland");
/// assert_eq!(model.count_tokens("Where is Ben Nevis?").send()?.total_tokens, Some(4));
///
/// // A program that becomes asynchronous keeps its settings.
/// let model: generativeai::GenerativeModel = model.into();
/// assert_eq!(model.name(), "models/gemini-flash-latest");
/// # Ok::<(), generativeai::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GenerativeModel(pub(super) crate::GenerativeModel);

impl GenerativeModel {
    /// Creates a model from its name. A name without `/` gets the prefix `models/`.
    pub fn new(name: impl Into<String>) -> Self {
        Self(crate::GenerativeModel::new(name))
    }

    /// Creates a model that uses a cache. The cache determines the name of the model.
    ///
    /// # Errors
    /// [`Request`](crate::ErrorKind::Request) if the cache has no name or no model.
    pub fn from_cached_content(cached: &CachedContent) -> Result<Self> {
        crate::GenerativeModel::from_cached_content(cached).map(Self)
    }

    request_setters! {
        #[must_use]
        generation_config safety_settings tools tool_config request_options automatic_continuation members
        accept_finish_reasons
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        Self(self.0.with(change))
    }

    delegate! { self: "GenerativeModel";
        setters {
            backend(backend: impl Backend + 'static);
            system_instruction(instruction: impl Into<Content>);
            without_system_instruction();
            with_settings_from(other: &crate::GenerativeModel);
            cached_content(name: impl Into<String>);
        }
        methods {
            [&self] name() -> &str;
            [&self] instruction() -> Option<&Content>;
            [&self] toolbox() -> Option<&Toolbox>;
            [&self] check() -> Result<()>;

            /// Prepares a single request to the model, which is sent with [`send`](GenerateContent::send) or
            /// [`stream`](GenerateContent::stream).
            [&self] generate_content(contents: impl Into<Contents>) -> GenerateContent<'_> => GenerateContent;

            /// Prepares a request for the number of tokens, which is sent with [`send`](CountTokens::send).
            [&self] count_tokens(contents: impl Into<Contents>) -> CountTokens<'_> => CountTokens;

            /// Requests the description of the model from its backend, such as its token limits.
            ///
            /// # Errors
            /// The error of the backend.
            [&self] describe() -> Result<Model> => wait;
        }
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

/// Request to a model: [`send`](Self::send) waits for the complete response, [`stream`](Self::stream) returns it in
/// chunks.
///
/// ```
/// use generativeai::{blocking::GenerativeModel, testing::Scripted};
///
/// let model = GenerativeModel::new("m").backend(Scripted::always("1,345 metres."));
/// let response = model.generate_content("How tall is Ben Nevis?").send()?;
/// assert_eq!(response.text()?, "1,345 metres.");
/// # Ok::<(), generativeai::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is requested until `send` or `stream` is called"]
pub struct GenerateContent<'model>(crate::GenerateContent<'model>);

impl<'model> GenerateContent<'model> {
    request_setters! {
        generation_config safety_settings tools tool_config request_options automatic_continuation members
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        Self(self.0.with(change))
    }

    /// Sends the request and waits for the complete response.
    ///
    /// # Errors
    /// The error of the backend, or [`Configuration`](crate::ErrorKind::Configuration) if it is called in a tokio task.
    pub fn send(self) -> Result<GenerateContentResponse> {
        wait(self.0)
    }

    /// Requests a reply in JSON, which is deserialized, like [`GenerateContent::json`](crate::GenerateContent::json).
    pub fn json<T: DeserializeOwned + JsonSchema>(self) -> GenerateJson<'model, T> {
        GenerateJson(self.0.json())
    }

    /// Returns the response as an iterator of chunks. The request is sent when the first chunk is read.
    pub fn stream(self) -> GenerateStream {
        GenerateStream {
            stream: self.0.stream(),
            has_ended: false,
        }
    }
}

/// Request whose reply is deserialized as a `T`, without `async`.
#[derive(Debug)]
#[must_use = "nothing is requested until `send` is called"]
pub struct GenerateJson<'model, T>(crate::GenerateJson<'model, T>);

impl<T: DeserializeOwned> GenerateJson<'_, T> {
    /// Sets how often the model is asked again for a reply that does not deserialize, like
    /// [`GenerateJson::retries`](crate::GenerateJson::retries).
    pub fn retries(self, retries: u32) -> Self {
        Self(self.0.retries(retries))
    }

    /// Sends the request, and returns the deserialized reply with its response, like
    /// [`GenerateJson::with_response`](crate::GenerateJson::with_response).
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub fn with_response(self) -> Result<(T, GenerateContentResponse)> {
        wait(self.0.with_response())
    }

    /// Sends the request, waits for the reply and deserializes it.
    ///
    /// # Errors
    /// Those of [`GenerateContent::send`], and [`Shape`](crate::ErrorKind::Shape) if the reply does not deserialize.
    pub fn send(self) -> Result<T> {
        wait(self.0)
    }
}

/// Response in chunks, as an iterator. An error is the last item. Dropping the iterator cancels the request.
///
/// ```
/// use generativeai::{blocking::GenerativeModel, testing::Scripted};
///
/// let model = GenerativeModel::new("m").backend(Scripted::default().then_chunks(["1,345 ", "metres"]));
/// let mut stream = model.generate_content("How tall is Ben Nevis?").stream();
/// for chunk in stream.by_ref() {
///     print!("{}", chunk?.text_lossy());
/// }
/// assert_eq!(stream.response().text()?, "1,345 metres");
/// # Ok::<(), generativeai::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a stream does nothing until it is read"]
pub struct GenerateStream {
    stream: crate::GenerateStream,
    /// Whether waiting failed: see [`next`].
    has_ended: bool,
}

impl GenerateStream {
    /// Reads the rest of the stream and returns the complete response, with all chunks merged.
    ///
    /// # Errors
    /// The error of the stream, even if the iterator has returned it already.
    pub fn finish(self) -> Result<GenerateContentResponse> {
        wait(self.stream.finish())
    }

    /// Returns the response so far, with the received chunks merged.
    pub fn response(&self) -> &GenerateContentResponse {
        self.stream.response()
    }
}

impl Iterator for GenerateStream {
    type Item = Result<GenerateContentResponse>;

    fn next(&mut self) -> Option<Self::Item> {
        next(&mut self.has_ended, self.stream.next())
    }
}

/// Request for a token count, without `async`.
#[derive(Debug)]
#[must_use = "nothing is counted until `send` is called"]
pub struct CountTokens<'model>(crate::CountTokens<'model>);

impl CountTokens<'_> {
    request_setters! {
        generation_config safety_settings tools tool_config request_options members
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        Self(self.0.with(change))
    }

    /// Sends the request and waits for the count.
    ///
    /// # Errors
    /// Those of [`GenerateContent::send`], and [`Unsupported`](crate::ErrorKind::Unsupported) if the backend cannot
    /// count.
    pub fn send(self) -> Result<CountTokensResponse> {
        wait(self.0)
    }
}
