//! Replies of a shape that a Rust type gives.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{GenerateContent, GenerativeModel, Settings};
use crate::error::Result;
use crate::protocol::config::GenerationConfig;

/// The type of JSON.
const JSON: &str = "application/json";

impl GenerativeModel {
    /// Makes a message ask for a reply that reads as a `T`, where neither it nor the model says what
    /// the reply is to be.
    pub(crate) fn ask_for<T: JsonSchema>(&self, message: &mut Settings) {
        let said = message
            .over(&self.settings)
            .generation_config
            .unwrap_or_default();
        let is_json = said
            .response_mime_type
            .as_deref()
            .is_none_or(|kind| kind == JSON);
        let config = *message.generation_config.take().unwrap_or_default();
        message.generation_config = Some(Box::new(match (is_json, is_shaped(&said)) {
            (true, false) => config.response_schema_of::<T>(),
            (true, true) => config.response_mime_type(JSON),
            (false, _) => config,
        }));
    }
}

fn is_shaped(config: &GenerationConfig) -> bool {
    config.response_schema.is_some()
        || config.response_json_schema.is_some()
        || config.response_json_schema_ordered.is_some()
        || !config.response_format.is_empty()
}

impl GenerateContent<'_> {
    /// Asks for JSON that reads as a `T`, and reads it.
    ///
    /// The schema of `T` is sent along, unless the question or the model has another.
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
    /// What asking gives, and what [`json`](crate::protocol::response::GenerateContentResponse::json) of the
    /// response does: the text is in the error's response.
    pub async fn json<T: DeserializeOwned + JsonSchema>(mut self) -> Result<T> {
        self.model.ask_for::<T>(&mut self.settings);
        self.await?.json()
    }
}
