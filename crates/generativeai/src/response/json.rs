//! Deserialization of a JSON reply.

use serde::de::DeserializeOwned;
use serde_json::Deserializer;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::response::FinishReason;
use crate::protocol::response::GenerateContentResponse;

impl GenerateContentResponse {
    /// Deserializes the [text](Self::text) of the reply as JSON.
    ///
    /// ```
    /// use generativeai::protocol::content::Content;
    /// use generativeai::protocol::response::GenerateContentResponse;
    ///
    /// let response = GenerateContentResponse::from(Content::model(r#"["Ben Nevis", 1345]"#));
    /// let (name, metres): (String, u32) = response.json()?;
    /// assert_eq!((name.as_str(), metres), ("Ben Nevis", 1345));
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of [`text`](Self::text). If the text does not deserialize as a `T`,
    /// [`Shape`](ErrorKind::Shape), which contains this response.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let text = self.text()?;
        let mut deserializer = Deserializer::from_str(&text);
        let read = serde_path_to_error::deserialize(&mut deserializer);
        let misread = match read {
            Ok(value) => match deserializer.end() {
                Ok(()) => return Ok(value),
                Err(error) => error.to_string(),
            },
            Err(error) if error.path().iter().next().is_none() => error.inner().to_string(),
            Err(error) => format!("`{}`: {}", error.path(), error.inner()),
        };
        let message = match self.finish_reason() {
            Some(FinishReason::MaxTokens) => {
                "the reply reached `max_output_tokens` before its JSON was complete"
            }
            _ => "the reply does not match the requested type",
        };
        let error = Error::new(ErrorKind::Shape, message).with_source(misread);
        Err(error.with_response(self.clone()))
    }
}
