//! Token counts of contents, by the backend.

use std::future::{IntoFuture, ready};

use super::generative_model::GenerativeModel;
use super::prepare::without_empty;
use super::setters::request_setters;
use super::settings::Settings;
use crate::error::Result;
use crate::protocol::content::Contents;
use crate::protocol::tokens::{CountTokensRequest, CountTokensResponse};
use crate::stream::BoxFuture;
use crate::trace;

impl GenerativeModel {
    /// Counts the tokens of contents, together with the system instruction, the tools and the settings of the model.
    ///
    /// The service counts the tokens, since it has the tokenizer of the model. This is free of charge. As a rule of
    /// thumb, a token is four characters of English, and an image of up to 384 × 384 pixels is 258 tokens. The
    /// [description](Self::describe) of the model contains its limit.
    ///
    /// API page: [Tokens](https://ai.google.dev/gemini-api/docs/tokens).
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let model = GenerativeModel::new("gemini-flash-latest").backend(Scripted::default());
    /// let counted = model.count_tokens("The quick brown fox").await?;
    /// assert_eq!(counted.total_tokens, Some(4));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if the backend cannot count, and the errors of a request.
    pub fn count_tokens(&self, contents: impl Into<Contents>) -> CountTokens<'_> {
        CountTokens {
            model: self,
            contents: contents.into(),
            settings: Settings::default(),
        }
    }
}

/// Request for a token count. It is sent once it is awaited.
///
/// It contains the request that [`generate_content`](GenerativeModel::generate_content) would send with the same
/// setters, so tools and schemas are counted as well. To count a conversation, pass its history:
///
/// ```
/// # use generativeai::{GenerativeModel, testing::Scripted};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// # let mut chat = GenerativeModel::new("m").backend(Scripted::always("1,345 metres.")).start_chat();
/// chat.send_message("How tall is Ben Nevis?").await?;
///
/// let counted = chat.model().count_tokens(chat.history()).await?;
/// assert_eq!(counted.total_tokens, Some(7));
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "nothing is counted until it is awaited"]
pub struct CountTokens<'model> {
    model: &'model GenerativeModel,
    contents: Contents,
    settings: Settings,
}

impl CountTokens<'_> {
    request_setters! {
        generation_config safety_settings tools tool_config request_options members
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    fn send(self) -> Result<BoxFuture<Result<CountTokensResponse>>> {
        let mut template = self.model.prepare(Some(&self.settings))?;
        template.request.contents = without_empty(self.contents)?.into();
        let request = CountTokensRequest::default().generate_content_request(template.request);
        Ok(trace::count(&*template.backend, request, template.options))
    }
}

impl IntoFuture for CountTokens<'_> {
    type Output = Result<CountTokensResponse>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.send()
            .unwrap_or_else(|error| Box::pin(ready(Err(error))))
    }
}
