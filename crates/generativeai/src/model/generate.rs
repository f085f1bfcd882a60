//! Asking a model once, without a conversation.

use std::future::IntoFuture;
use std::pin::Pin;

use futures_core::Stream;
use futures_util::{StreamExt as _, stream};

use super::{GenerativeModel, Prepared, Settings, message_setters};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{Contents, Role};
use crate::protocol::response::GenerateContentResponse;
use crate::stream::{BoxFuture, ChunkStream};
use crate::trace;

impl GenerativeModel {
    /// Asks the model once; functions are not called, and nothing is remembered.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// let model = GenerativeModel::new("gemini-flash-latest")
    ///     .backend(Scripted::default().then_chunks(["1,345 ", "metres"]));
    ///
    /// let mut stream = model.generate_content("How tall is Ben Nevis?").stream();
    /// while let Some(chunk) = stream.next().await {
    ///     // A chunk may have no text: it may be a function call, or only token counts.
    ///     print!("{}", chunk?.text().unwrap_or_default());
    /// }
    /// assert_eq!(stream.finish().await?.text()?, "1,345 metres");
    /// # Ok(()) }
    /// ```
    pub fn generate_content(&self, contents: impl Into<Contents>) -> GenerateContent<'_> {
        GenerateContent {
            model: self,
            contents: contents.into(),
            settings: Settings::default(),
        }
    }
}

/// A question to a model: await it for the whole reply, or [stream](Self::stream) it.
///
/// Awaited it gives the response as it came, even one that was stopped or blocked: its
/// [`text`](GenerateContentResponse::text) says so.
#[derive(Debug)]
#[must_use = "nothing is asked until it is awaited or streamed"]
pub struct GenerateContent<'model> {
    pub(super) model: &'model GenerativeModel,
    contents: Contents,
    pub(super) settings: Settings,
}

impl GenerateContent<'_> {
    message_setters! {
        generation_config safety_settings tools tool_config request_options
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Asks for the reply in chunks, as they come. Nothing is sent until the first is awaited.
    pub fn stream(self) -> GenerateStream {
        let chunks = self.prepare().map(
            |Prepared {
                 backend,
                 request,
                 options,
                 ..
             }| trace::stream(&*backend, request, options),
        );
        let chunks = chunks.unwrap_or_else(|error| Box::pin(stream::iter([Err(error)])));
        GenerateStream {
            chunks: Some(chunks),
            heard: GenerateContentResponse::default(),
        }
    }

    fn prepare(mut self) -> Result<Prepared> {
        if self.contents.iter().all(|content| content.parts.is_empty()) {
            let message = "there is nothing to answer: the contents have no parts";
            return Err(Error::new(ErrorKind::Request, message));
        }
        if let Some(last) = self.contents.last_mut() {
            last.fill_role(Role::User);
        }
        let mut prepared = self.model.prepare(Some(&self.settings))?;
        prepared.request.contents = self.contents;
        Ok(prepared)
    }
}

impl IntoFuture for GenerateContent<'_> {
    type Output = Result<GenerateContentResponse>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        match self.prepare() {
            Ok(Prepared {
                backend,
                request,
                options,
                ..
            }) => trace::generate(&*backend, request, options),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

/// A reply as it comes, chunk by chunk.
///
/// After an error nothing more comes; [`response`](Self::response) has what came before it.
/// Dropping the stream stops the work.
#[must_use = "a stream does nothing until it is read"]
pub struct GenerateStream {
    chunks: Option<ChunkStream>,
    heard: GenerateContentResponse,
}

impl GenerateStream {
    /// The next chunk, or `None` once the reply is over.
    pub async fn next(&mut self) -> Option<Result<GenerateContentResponse>> {
        let next = self.chunks.as_mut()?.next().await;
        let outcome = match next {
            Some(Ok(chunk)) => {
                self.heard.merge_chunk(&chunk);
                if !self.heard.is_blocked() {
                    return Some(Ok(chunk));
                }
                Err(self.heard.blocked())
            }
            Some(Err(error)) => Err(error),
            None => self.heard.whole_stream(),
        };
        self.chunks = None;
        let error = outcome.err()?;
        Some(Err(error.with_response(self.heard.clone())))
    }

    /// Reads on to the end and gives the whole reply.
    pub async fn finish(mut self) -> Result<GenerateContentResponse> {
        while let Some(chunk) = self.next().await {
            chunk?;
        }
        Ok(self.heard)
    }

    /// The reply so far: all chunks that came, joined.
    pub fn response(&self) -> &GenerateContentResponse {
        &self.heard
    }

    /// The chunks as a [`Stream`].
    pub fn into_stream(
        self,
    ) -> Pin<Box<dyn Stream<Item = Result<GenerateContentResponse>> + Send>> {
        let chunks = stream::unfold(self, |mut this| async move {
            let item = this.next().await?;
            Some((item, this))
        });
        Box::pin(chunks.fuse())
    }
}

impl std::fmt::Debug for GenerateStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GenerateStream")
            .field("over", &self.chunks.is_none())
            .finish()
    }
}
