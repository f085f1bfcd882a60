//! Replies in a chat of a shape that a Rust type gives.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::SendMessage;
use crate::error::Result;

impl SendMessage<'_> {
    /// Sends the message, asks for a reply in JSON that reads as a `T`, and reads it.
    ///
    /// The schema of `T` is sent along, unless the message or the model has another. The turn enters
    /// the history even if the reply does not read as a `T`. Not every model takes a schema and tools
    /// at once.
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
    /// What sending gives, and what [`json`](crate::protocol::response::GenerateContentResponse::json) of the
    /// response does: the text is in the error's response.
    pub async fn json<T: DeserializeOwned + JsonSchema>(mut self) -> Result<T> {
        if let Ok(turn) = &mut self.turn {
            self.chat
                .model
                .ask_for::<T>(turn.settings.get_or_insert_default());
        }
        self.await?.json()
    }
}
