//! Replies of single requests as values of a Rust type. `chat::structured` has the counterpart for messages.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::generate::GenerateContent;
use super::generative_model::GenerativeModel;
use super::settings::Settings;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::config::GenerationConfig;
use crate::protocol::content::{Content, Role};
use crate::protocol::response::GenerateContentResponse;

/// MIME type of JSON.
const JSON: &str = "application/json";

impl GenerativeModel {
    /// Sets JSON with the schema of `T` as the format of a message's reply, unless the message or the model sets
    /// another format.
    pub(crate) fn request_shape<T: JsonSchema>(&self, message: &mut Settings) {
        let merged = message.over(&self.settings);
        let merged = merged.request.generation_config.unwrap_or_default();
        let mime_type = merged.response_mime_type.as_deref();
        let is_json = mime_type.is_none_or(|mime_type| mime_type == JSON);
        // Only the settings of the message change. `merged` would copy the model's settings into them.
        let config = &mut message.request.generation_config;
        let set = *config.take().unwrap_or_default();
        *config = Some(Box::new(match (is_json, has_schema(&merged)) {
            (true, false) => set.response_schema_of::<T>(),
            (true, true) => set.response_mime_type(JSON),
            (false, _) => set,
        }));
    }
}

fn has_schema(config: &GenerationConfig) -> bool {
    config.response_schema.is_some()
        || config.response_json_schema.is_some()
        || config.response_json_schema_ordered.is_some()
        || !config.response_format.is_empty()
}

impl<'model> GenerateContent<'model> {
    /// Requests a reply in JSON, which is deserialized. The request is sent once it is awaited.
    ///
    /// The request contains the JSON schema of `T`, unless the request or the model sets another schema. The
    /// descriptions in it are the doc comments of the type and its fields, which the model reads. A Markdown fence
    /// around the whole reply is removed, and whole numbers such as `1345.0` are accepted for integers.
    ///
    /// API page: [Structured output](https://ai.google.dev/gemini-api/docs/structured-output).
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::default().then_text(r#"{"name": "Ben Nevis", "metres": 1345}"#);
    /// # let model = GenerativeModel::new("gemini-flash-latest").backend(script);
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Mountain { name: String, metres: u32 }
    ///
    /// let highest = "What is the highest mountain of Scotland?";
    /// let mountain = model.generate_content(highest).json::<Mountain>().await?;
    /// assert_eq!(mountain.metres, 1_345);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The errors of the request, and of [`json`](crate::protocol::response::GenerateContentResponse::json) for
    /// the response. The latter contain the response with the text.
    pub fn json<T: DeserializeOwned + JsonSchema>(mut self) -> GenerateJson<'model, T> {
        self.model.request_shape::<T>(&mut self.settings);
        GenerateJson {
            request: self,
            retries: 0,
            reply: PhantomData,
        }
    }
}

/// Request whose reply is deserialized as a `T`. It is sent once it is awaited.
///
/// Simple types need no `struct`: a number, a list of strings, or an enum without data as a choice.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// # use generativeai::{GenerativeModel, testing::Scripted};
///
/// #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
/// #[serde(rename_all = "lowercase")]
/// enum Mood { Friendly, Angry }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// # let model = GenerativeModel::new("m").backend(Scripted::always(r#""angry""#));
/// let mood: Mood = model.generate_content("Mood of `Where is my parcel?!`").json().await?;
/// assert_eq!(mood, Mood::Angry);
/// # Ok(()) }
/// ```
#[must_use = "nothing is requested until it is awaited"]
pub struct GenerateJson<'model, T> {
    request: GenerateContent<'model>,
    retries: u32,
    /// A function that returns a `T` is `Send` for any `T`, so the request is as well.
    reply: PhantomData<fn() -> T>,
}

impl<T> GenerateJson<'_, T> {
    /// Sets how often the model is asked again for a reply that does not deserialize. Default: 0.
    ///
    /// Each further request contains the replies so far and their errors, and costs tokens. Only replies of a wrong
    /// shape are counted. The backend retries transient errors by its [own rules](crate::Retry).
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let script = Scripted::default().then_text("About 1,345 metres.").then_text("1345");
    /// let model = GenerativeModel::new("m").backend(script.clone());
    /// let metres: u32 = model.generate_content("How tall is Ben Nevis?").json().retries(1).await?;
    ///
    /// assert_eq!(metres, 1_345);
    /// // The prompt, the reply of the wrong shape, and the request for a correction.
    /// assert_eq!(script.requests()[1].contents.len(), 3);
    /// # Ok(()) }
    /// ```
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }
}

impl<T: DeserializeOwned> GenerateJson<'_, T> {
    /// Sends the request, and returns the deserialized reply with its response. The response contains the token counts
    /// of all replies.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::always("1345"));
    /// let request = model.generate_content("How tall is Ben Nevis?").json::<u32>();
    /// let (metres, response) = request.with_response().await?;
    /// println!("{metres} m, {:?} tokens", response.usage_metadata.and_then(|usage| usage.total_token_count));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of awaiting the request. If an earlier reply had the wrong shape, an error without a response contains
    /// that reply, with the token counts so far.
    pub async fn with_response(self) -> Result<(T, GenerateContentResponse)> {
        let (mut request, mut retries) = (self.request, self.retries);
        // The last reply of the wrong shape, with the token counts so far.
        let mut earlier: Option<GenerateContentResponse> = None;
        loop {
            let mut response = request
                .clone()
                .await
                .map_err(|error| match earlier.take() {
                    Some(earlier) if error.response().is_none() => error.with_response(earlier),
                    _ => error,
                })?;
            if let Some(mut usage) = earlier.take().and_then(|earlier| earlier.usage_metadata) {
                usage.add(&response.usage_metadata.unwrap_or_default());
                response.usage_metadata = Some(usage);
            }
            match response.json::<T>() {
                Ok(value) => return Ok((value, response)),
                Err(error) if error.kind() == ErrorKind::Shape && retries > 0 => {
                    retries -= 1;
                    let mut contents = Vec::from(mem::take(&mut request.contents));
                    // `GenerateContent` sets a missing role of the last content only, which the prompt is no longer.
                    if let Some(last) = contents.last_mut() {
                        last.fill_role(Role::User);
                    }
                    let reply = response.candidates.first();
                    let reply = reply.and_then(|reply| reply.content.clone());
                    contents.extend(reply.map(Content::model));
                    contents.push(correction(&error));
                    request.contents = contents.into();
                    earlier = Some(response);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Sends the request, waits for the reply and deserializes it.
impl<'model, T: DeserializeOwned + 'model> IntoFuture for GenerateJson<'model, T> {
    type Output = Result<T>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'model>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Ok(self.with_response().await?.0) })
    }
}

/// Returns a message that asks for another reply instead of one that did not deserialize.
pub(crate) fn correction(error: &Error) -> Content {
    // The last cause is the error of the deserializer, with the path of the value. The messages above it are for the
    // user.
    let cause = error.causes().last().map(ToString::to_string);
    Content::user(format!(
        "This reply is not JSON of the requested schema: {}. Reply with the corrected JSON alone.",
        cause.unwrap_or_else(|| error.to_string())
    ))
}

impl<T> fmt::Debug for GenerateJson<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenerateJson")
            .field("request", &self.request)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}
