//! Replies as values of a Rust type.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::generate::GenerateContent;
use super::generative_model::GenerativeModel;
use super::settings::Settings;
use crate::error::Result;
use crate::protocol::config::GenerationConfig;

/// MIME type of JSON.
const JSON: &str = "application/json";

impl GenerativeModel {
    /// Makes the settings of a message request JSON with the schema of `T`, unless the message or the model sets
    /// another format.
    pub(crate) fn request_shape<T: JsonSchema>(&self, message: &mut Settings) {
        let merged = message.over(&self.settings);
        let merged = merged.generation_config.unwrap_or_default();
        let mime_type = merged.response_mime_type.as_deref();
        let is_json = mime_type.is_none_or(|mime_type| mime_type == JSON);
        let config = *message.generation_config.take().unwrap_or_default();
        message.generation_config = Some(Box::new(match (is_json, has_schema(&merged)) {
            (true, false) => config.response_schema_of::<T>(),
            (true, true) => config.response_mime_type(JSON),
            (false, _) => config,
        }));
    }
}

fn has_schema(config: &GenerationConfig) -> bool {
    config.response_schema.is_some()
        || config.response_json_schema.is_some()
        || config.response_json_schema_ordered.is_some()
        || !config.response_format.is_empty()
}

impl GenerateContent<'_> {
    /// Requests a reply in JSON and deserializes it.
    ///
    /// The request contains the JSON schema of `T`, unless the request or the model sets another schema.
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
    /// The errors of the request, and those of [`json`](crate::protocol::response::GenerateContentResponse::json) for
    /// the response. The latter contain the response with the text.
    pub async fn json<T: DeserializeOwned + JsonSchema>(mut self) -> Result<T> {
        self.model.request_shape::<T>(&mut self.settings);
        self.await?.json()
    }
}
