//! Counting the tokens of contents, as the model would see them.

use std::future::IntoFuture;

use super::{GenerativeModel, Settings};
use crate::backend::{BoxFuture, RequestOptions};
use crate::error::Result;
use crate::protocol::{
    Contents, CountTokensRequest, CountTokensResponse, GenerationConfig, SafetySetting, ToolConfig,
};
use crate::tools::Toolbox;
use crate::trace;

impl GenerativeModel {
    /// Counts the tokens of contents together with the model's instruction, tools and settings.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let model = GenerativeModel::new("gemini-1.5-flash").backend(Scripted::default());
    /// let counted = model.count_tokens("The quick brown fox").await?;
    /// assert_eq!(counted.total_tokens, Some(4));
    /// # Ok(()) }
    /// ```
    pub fn count_tokens(&self, contents: impl Into<Contents>) -> CountTokens<'_> {
        CountTokens {
            model: self,
            contents: contents.into(),
            settings: Settings::default(),
        }
    }
}

/// A question for the number of tokens: await it.
#[derive(Debug)]
#[must_use = "nothing is counted until it is awaited"]
pub struct CountTokens<'model> {
    model: &'model GenerativeModel,
    contents: Contents,
    settings: Settings,
}

impl CountTokens<'_> {
    /// Sets how a reply would be generated; what is left open, the model says.
    pub fn generation_config(mut self, config: GenerationConfig) -> Self {
        self.settings.generation_config = Some(config);
        self
    }

    /// Sets what would be held back as harmful; categories left open, the model says.
    pub fn safety_settings(
        mut self,
        settings: impl IntoIterator<Item = impl Into<SafetySetting>>,
    ) -> Self {
        self.settings.safety_settings = Some(settings.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the tools to count, in place of the model's.
    pub fn tools(mut self, tools: impl Into<Toolbox>) -> Self {
        self.settings.tools = Some(tools.into());
        self
    }

    /// Sets how tools would be called, in place of what the model says.
    pub fn tool_config(mut self, config: ToolConfig) -> Self {
        self.settings.tool_config = Some(config);
        self
    }

    /// Sets how the request is made.
    pub fn request_options(mut self, options: RequestOptions) -> Self {
        self.settings.request_options = options;
        self
    }

    fn ask(self) -> Result<BoxFuture<Result<CountTokensResponse>>> {
        let mut prepared = self.model.prepare(&self.settings)?;
        prepared.request.contents = self.contents;
        let request = CountTokensRequest::default().generate_content_request(prepared.request);
        Ok(trace::count(&*prepared.backend, request, prepared.options))
    }
}

impl IntoFuture for CountTokens<'_> {
    type Output = Result<CountTokensResponse>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.ask()
            .unwrap_or_else(|error| Box::pin(std::future::ready(Err(error))))
    }
}
