//! Replies in a chat as values of a Rust type.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::ops::DerefMut;
use std::pin::Pin;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::opening::Opening;
use super::send::SendMessage;
use super::session::ChatSession;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Mode;
use crate::protocol::response::GenerateContentResponse;

impl<'chat, C: DerefMut<Target = ChatSession>> SendMessage<'chat, C> {
    /// Requests a reply in JSON, which is deserialized. The message is sent once it is awaited.
    ///
    /// The request contains the JSON schema of `T`, unless the message or the model sets another schema. The
    /// descriptions in it are the doc comments of the type and its fields, which the model reads. A Markdown fence
    /// around the whole reply is removed, and whole numbers such as `1345.0` are accepted for integers. Not every model
    /// supports a schema and tools in the same request.
    ///
    /// A reply that does not deserialize does not complete the turn: the history does not change, and the turn is
    /// [unfinished](ChatSession::unfinished). With [`retries`](SendJson::retries) the model gets the error and can
    /// correct its reply.
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
    /// The errors of sending, and of [`json`](crate::protocol::response::GenerateContentResponse::json) for the
    /// response. The latter contain the response with the text. A reply is checked by deserializing it, so limits of
    /// the schema such as `range` are those of the service.
    pub fn json<T: DeserializeOwned + JsonSchema>(mut self) -> SendJson<'chat, T, C> {
        if let Ok(opening) = &mut self.opening {
            let settings = opening.settings();
            self.chat.model.request_shape::<T>(settings);
            // The check runs within the turn, so that a reply of the wrong shape fails the turn. It drops the value,
            // since the turn does not have the type parameter: the returned reply is deserialized once more.
            settings.check = Some(|response| response.json::<T>().map(drop));
        }
        SendJson {
            message: self,
            retries: 0,
            reply: PhantomData,
        }
    }
}

/// Message whose reply is deserialized as a `T`. It is sent once it is awaited.
#[must_use = "a message is not sent until it is awaited"]
pub struct SendJson<'chat, T, C = &'chat mut ChatSession> {
    message: SendMessage<'chat, C>,
    retries: u32,
    /// A function that returns a `T` is `Send` for any `T`, so the message is as well.
    reply: PhantomData<fn() -> T>,
}

impl<T, C> SendJson<'_, T, C> {
    /// Sets how often the model is asked again for a reply that does not deserialize. Default: 0.
    ///
    /// Each further request contains the replies so far and their errors, and costs tokens. These replies do not enter
    /// the history: it gets the message and the reply that deserializes.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::default().then_text("About 1,345 metres.").then_text("1345");
    /// # let mut chat = GenerativeModel::new("gemini-flash-latest").backend(script).start_chat();
    /// let metres: u32 = chat.send_message("How tall is Ben Nevis?").json().retries(2).await?;
    /// assert_eq!((metres, chat.history().len()), (1_345, 2));
    /// # Ok(()) }
    /// ```
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }
}

impl<T: DeserializeOwned, C: DerefMut<Target = ChatSession>> SendJson<'_, T, C> {
    /// Sends the message, and returns the deserialized reply with its response. The response contains the token counts
    /// of all requests of the turn.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let mut chat = GenerativeModel::new("m").backend(Scripted::always("1345")).start_chat();
    /// let message = chat.send_message("How tall is Ben Nevis?").json::<u32>();
    /// let (metres, response) = message.with_response().await?;
    /// println!("{metres} m, {:?} tokens", response.usage_metadata.and_then(|usage| usage.total_token_count));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of awaiting the message. [`Unfinished::usage`](crate::Unfinished::usage) returns the token counts of the
    /// turn that failed.
    pub async fn with_response(self) -> Result<(T, GenerateContentResponse)> {
        let (mut message, mut retries) = (self.message, self.retries);
        loop {
            let mut reply = message.reply(Mode::Unary);
            match reply.complete().await {
                Err(error) if error.kind() == ErrorKind::Shape && retries > 0 => {
                    retries -= 1;
                    message = corrected(reply.into_chat(), &error);
                }
                response => {
                    let response = response?;
                    return Ok((response.json()?, response));
                }
            }
        }
    }
}

/// Sends the message, waits for the reply and deserializes it.
impl<'chat, T, C> IntoFuture for SendJson<'chat, T, C>
where
    T: DeserializeOwned + 'chat,
    C: DerefMut<Target = ChatSession> + Send + 'chat,
{
    type Output = Result<T>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'chat>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Ok(self.with_response().await?.0) })
    }
}

/// Returns another attempt at a message whose reply did not deserialize.
fn corrected<'chat, C: DerefMut<Target = ChatSession>>(
    chat: C,
    error: &Error,
) -> SendMessage<'chat, C> {
    let turn = chat.unfinished();
    let turn = turn.expect("a turn that fails is unfinished");
    let opening = Opening::corrected(turn, error);
    SendMessage::opening(chat, Ok(opening))
}

impl<T, C: DerefMut<Target = ChatSession>> fmt::Debug for SendJson<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendJson")
            .field("message", &self.message)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}
