//! Automatic continuation: a reply that arrives in several requests.
//!
//! The service ends the reply to a request at a limit of tokens. It then sends a continuation token, and the same
//! request with this token continues the reply. The requests of one reply are its hops. [`Hops`] makes them and joins
//! their replies, so that the caller reads one reply.
//!
//! Two things are called tokens here: units of text, which are counted, and continuation tokens. Below, "token" alone
//! means a continuation token.
//!
//! | A hop ends | Then |
//! | --- | --- |
//! | with `CONTINUATION` and a new token | the next hop continues from the token |
//! | with any other finish reason, or without a new token | the reply is over, even if the connection breaks then |
//! | without a finish reason, after a token | it is resumed from the token, at most three times without progress |
//! | without a finish reason or a token | the reply fails, as without continuation |
//!
//! A resumed hop repeats what followed the token. [`Replay`] compares it with the text already returned and removes it;
//! a reply that differs cannot be joined, and fails. [`Grounding`] moves the offsets and indices of sources by the
//! lengths of the hops before.

use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream;

use self::grounding::Grounding;
use self::replay::Replay;
use super::settings::RequestTemplate;
use crate::backend::{Backend, Deadline, RequestOptions};
use crate::error::{Error, Result};
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::{FinishReason, GenerateContentResponse, UsageMetadata};
use crate::stream::ChunkStream;
use crate::trace;

mod grounding;
mod replay;

/// Number of times that a hop is resumed without a new token before its error is returned. A new token is progress, so
/// a long reply may break any number of times.
const MAX_RESUMPTIONS: u32 = 3;

/// Method of the backend that a reply uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `generate_content`: the reply to each request in one piece.
    Unary,
    /// `stream_generate_content`: in chunks.
    Stream,
}

/// Reply in one or more hops.
pub(crate) struct Hops {
    backend: Arc<dyn Backend>,
    /// Request of the reply. Each hop sends a clone of it with the last token.
    request: GenerateContentRequest,
    options: RequestOptions,
    mode: Mode,
    /// Whether there may be further hops. Otherwise chunks are returned as they are.
    continues: bool,
    /// Time limit of all hops. Started by the first request.
    deadline: Option<Deadline>,
    /// Reply to the current request, until it ends.
    chunks: Option<ChunkStream>,
    hop: Hop,
    /// Token from which the reply continues.
    token: Option<String>,
    /// Content returned after that token.
    replay: Replay,
    /// Token counts of the hops before this one.
    usage: Option<Box<UsageMetadata>>,
    grounding: Grounding,
    /// Number of requests so far.
    requests: usize,
    /// Number of hops since the last new token.
    resumptions: u32,
    /// Last error of a hop since the last new token.
    error: Option<Error>,
    is_over: bool,
}

/// State of the current hop, from the chunks received so far.
#[derive(Default)]
struct Hop {
    /// Token in the request of the hop.
    start: Option<String>,
    has_chunks: bool,
    is_blocked: bool,
    finish_reason: Option<FinishReason>,
    usage: Option<Box<UsageMetadata>>,
}

/// What follows the end of a hop.
enum Next {
    /// The end of the reply, with its error.
    End(Option<Error>),
    /// Another hop.
    Hop,
    /// The same hop again, from the last token.
    Resumption,
}

impl Hops {
    /// Creates a reply. Nothing is requested until it is polled.
    pub(crate) fn new(
        template: &RequestTemplate,
        request: GenerateContentRequest,
        mode: Mode,
    ) -> Box<Self> {
        // A request that the caller made may itself continue an earlier reply.
        let token = request.continuation_token.clone();
        Box::new(Self {
            backend: Arc::clone(&template.backend),
            request,
            options: template.options.clone(),
            mode,
            continues: template.continues,
            deadline: None,
            chunks: None,
            hop: Hop::default(),
            token,
            replay: Replay::default(),
            usage: None,
            grounding: Grounding::default(),
            requests: 0,
            resumptions: 0,
            error: None,
            is_over: false,
        })
    }

    /// Continues a reply whose beginning was received before, up to the token that it contains.
    pub(crate) fn after(mut self: Box<Self>, beginning: &GenerateContentResponse) -> Box<Self> {
        self.token = beginning.resume_token().map(str::to_owned);
        self.usage.clone_from(&beginning.usage_metadata);
        self.grounding = Grounding::of(beginning);
        self
    }

    /// Returns the number of requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests
    }

    /// Returns whether the reply is over. Otherwise another hop follows the one that ended.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Polls the next chunk of the hop. `None` is its end: another hop follows, unless the reply
    /// [is over](Self::is_over). An error ends the reply.
    ///
    /// The token counts and the grounding of a chunk cover all hops so far.
    // Polled by hand, see "Chunks are polled" in ARCHITECTURE.md.
    pub(crate) fn poll_hop(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<GenerateContentResponse>>> {
        while !self.is_over {
            let chunks = match &mut self.chunks {
                Some(chunks) => chunks,
                None => match self.request() {
                    Ok(chunks) => self.chunks.insert(chunks),
                    Err(error) => return self.end(Some(error)),
                },
            };
            let mut item = chunks.as_mut().poll_next(cx);
            let error = match &mut item {
                Poll::Pending => return item,
                Poll::Ready(Some(Ok(chunk))) => match self.receive(chunk) {
                    Ok(()) => return item,
                    Err(error) => return self.end(Some(error)),
                },
                Poll::Ready(ended) => ended.take().and_then(Result::err),
            };
            match self.end_hop(error) {
                Next::End(error) => return self.end(error),
                Next::Hop => return Poll::Ready(None),
                Next::Resumption => {}
            }
        }
        Poll::Ready(None)
    }

    /// Makes the request of the next hop: the request of the reply, with the token.
    fn request(&mut self) -> Result<ChunkStream> {
        let options = match self.deadline {
            Some(deadline) => deadline.apply_to(&self.options)?,
            None => {
                self.deadline = Some(Deadline::start(self.options.timeout));
                self.options.clone()
            }
        };
        let mut request = if self.continues {
            self.request.clone()
        } else {
            // Moved, since it is not needed again. The request shares the history of its chat, and while it exists, the
            // event that completes the turn would have to copy the history.
            mem::take(&mut self.request)
        };
        request.continuation_token.clone_from(&self.token);
        self.requests += 1;
        self.hop = Hop {
            start: self.token.clone(),
            ..Hop::default()
        };
        Ok(match self.mode {
            Mode::Unary => Box::pin(stream::once(trace::generate(
                &*self.backend,
                request,
                options,
            ))),
            Mode::Stream => trace::stream(&*self.backend, request, options),
        })
    }

    /// Records a chunk and prepares it for the caller: removes content returned before, and the end of a hop.
    ///
    /// # Errors
    /// The reply was resumed, and differs from the text already returned.
    fn receive(&mut self, chunk: &mut GenerateContentResponse) -> Result<()> {
        let hop = &mut self.hop;
        hop.has_chunks = true;
        hop.is_blocked |= chunk.is_blocked();
        // The service counts each request for itself, and the last counts of a request cover all of its chunks. A later
        // chunk may have no counts. So the caller gets the sum of the finished hops and the last counts of this one.
        if let Some(usage) = &mut chunk.usage_metadata {
            let so_far = hop.usage.get_or_insert_default();
            so_far.update(usage);
            if let Some(before) = &self.usage {
                usage.clone_from(before);
                usage.add(so_far);
            }
        }
        if !self.continues {
            return Ok(());
        }
        // Before known text is removed from the chunk, since the offsets of sources count that text as well.
        self.grounding.receive(chunk);
        self.replay.remove_known(chunk)?;
        if let Some(candidate) = chunk.first_candidate_mut() {
            let reason = candidate.finish_reason.as_ref();
            if let Some(reason) = reason.filter(|reason| !reason.is_unspecified()) {
                hop.finish_reason = Some(reason.clone());
            }
            let token = candidate.continuation_token.as_ref();
            match token.filter(|token| !token.is_empty()) {
                Some(token) => {
                    self.token = Some(token.clone());
                    self.grounding.mark();
                    if !self.replay.mark() {
                        // A resumed hop has its tokens at other places. The caller has received text after this one, so
                        // a retry from the token would repeat that text.
                        candidate.continuation_token = None;
                    }
                }
                None if self.token.is_some() => self.replay.push(candidate),
                None => {}
            }
            // The end of a hop is not the end of the reply. Without a new token it is, as nothing can continue the
            // reply.
            if hop.finish_reason == Some(FinishReason::Continuation) && self.token != hop.start {
                candidate.finish_reason = None;
            }
        }
        Ok(())
    }

    /// Ends a hop, and decides what follows.
    fn end_hop(&mut self, error: Option<Error>) -> Next {
        self.chunks = None;
        let hop = &mut self.hop;
        match (&mut self.usage, hop.usage.take()) {
            (Some(usage), Some(more)) => usage.add(&more),
            (usage, more) => *usage = more.or(usage.take()),
        }
        let has_new_token = self.token != hop.start;
        let is_whole = match &hop.finish_reason {
            // A stream without a finish reason was cut off. A reply in one piece arrived as a whole, with or without
            // one.
            None => self.mode == Mode::Unary && hop.has_chunks && !has_new_token,
            Some(reason) => *reason != FinishReason::Continuation || !has_new_token,
        };
        if !self.continues || is_whole || hop.is_blocked {
            // A connection that breaks within a reply with a token is resumed. If it breaks after the end of the reply,
            // there is nothing to resume, and the error is dropped.
            let is_resumable = self.continues && self.token.is_some();
            let is_lost = |error: &Error| error.is_retryable() && error.status().is_none();
            let error = error.filter(|error| !(is_resumable && is_lost(error)));
            return Next::End(error);
        }
        if has_new_token {
            self.resumptions = 0;
            self.error = None;
        } else {
            self.resumptions += 1;
        }
        if hop.finish_reason.is_some() {
            self.grounding.end_hop();
            return Next::Hop;
        }
        // A response with an error code is not resumed: the backend has retried it, as its retry rules permit.
        let is_rejected = error
            .as_ref()
            .is_some_and(|error| !hop.has_chunks && error.http_code().is_some());
        let can_resume = error.as_ref().is_none_or(Error::is_retryable) && !is_rejected;
        if error.is_some() {
            self.error.clone_from(&error);
        }
        if self.token.is_none() || !can_resume || self.resumptions > MAX_RESUMPTIONS {
            // A stream may end early without an error. An error of an earlier attempt then explains the failure.
            let error = error.or(self.error.take());
            return Next::End(error);
        }
        self.replay.restart();
        self.grounding.restart();
        Next::Resumption
    }

    /// Ends the reply. The request is dropped at once: it shares the history with a chat that is about to change it,
    /// and the change would copy a shared history.
    fn end(&mut self, error: Option<Error>) -> Poll<Option<Result<GenerateContentResponse>>> {
        self.is_over = true;
        self.chunks = None;
        self.request = GenerateContentRequest::default();
        Poll::Ready(error.map(Err))
    }
}

impl GenerateContentResponse {
    /// Returns the token from which the reply continues after its content so far, if it is not over.
    pub(crate) fn resume_token(&self) -> Option<&str> {
        let candidate = self.first_candidate()?;
        let reason = candidate.finish_reason.as_ref();
        let is_over = reason.is_some_and(FinishReason::ends_reply);
        let token = candidate.continuation_token.as_deref();
        token.filter(|token| !is_over && !token.is_empty() && !self.is_blocked())
    }
}
