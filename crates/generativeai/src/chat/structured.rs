//! Replies in a chat as values of a Rust type.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::send::SendMessage;
use crate::error::Result;

impl SendMessage<'_> {
    /// Sends the message, requests a reply in JSON, and deserializes it.
    ///
    /// The request contains the JSON schema of `T`, unless the message or the model sets another schema. The turn
    /// enters the history even if the reply does not deserialize. Not every model supports a schema and tools in the
    /// same request.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::default().then_text(r#"{"name": "Ben Nevis", "metres": 1345}"#);
    /// # let mut chat = GenerativeModel::new("gemini-flash-latest").backend(script).start_chat();
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Mountain { name: String, metres: u32 }
    ///
    /// let highest = "What is the highest mountain of Scotland?";
    /// let mountain = chat.send_message(highest).json::<Mountain>().await?;
    /// assert_eq!(mountain.name, "Ben Nevis");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The errors of sending, and those of [`json`](crate::protocol::response::GenerateContentResponse::json) for the
    /// response. The latter contain the response with the text.
    pub async fn json<T: DeserializeOwned + JsonSchema>(mut self) -> Result<T> {
        if let Ok(opening) = &mut self.opening {
            let settings = opening.transient.settings.get_or_insert_default();
            self.chat.model.request_shape::<T>(settings);
        }
        self.await?.json()
    }
}
