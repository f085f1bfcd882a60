//! Futures and streams that run within a span and record their outcome in it.
//!
//! The fields of a span are recorded once, at its end. A stream would otherwise record its token counts with each
//! chunk, and subscribers would keep all of them.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tracing::{Instrument, Span};

use super::spans::{GenerationSpan, record, record_error};
use crate::error::Result;
use crate::protocol::response::{Candidate, GenerateContentResponse};
use crate::protocol::tokens::CountTokensResponse;
use crate::stream::{BoxFuture, ChunkStream};

/// Instruments a reply in one piece.
pub(super) fn reply(
    generation: GenerationSpan,
    reply: BoxFuture<Result<GenerateContentResponse>>,
) -> BoxFuture<Result<GenerateContentResponse>> {
    let span = generation.span.clone();
    outcome(span, reply, move |_, reply| generation.record(reply))
}

/// Instruments a token count.
pub(super) fn count(
    span: Span,
    count: BoxFuture<Result<CountTokensResponse>>,
) -> BoxFuture<Result<CountTokensResponse>> {
    outcome(span, count, |span, count| {
        let total = count.total_tokens.map(i64::from);
        record(span, "gen_ai.usage.input_tokens", total);
    })
}

/// Runs a future within a span. Records its error, or passes its value to `on_success`.
pub(super) fn outcome<T: Send + 'static>(
    span: Span,
    future: BoxFuture<Result<T>>,
    on_success: impl Fn(&Span, &T) + Send + 'static,
) -> BoxFuture<Result<T>> {
    let current = span.clone();
    let recorded = async move {
        let outcome = future.await;
        match &outcome {
            Ok(value) => on_success(&current, value),
            Err(error) => record_error(&current, error),
        }
        outcome
    };
    Box::pin(recorded.instrument(span))
}

/// Instruments a reply in chunks. It is recorded at its end, or when the stream is dropped.
pub(super) fn chunks(generation: GenerationSpan, chunks: ChunkStream) -> ChunkStream {
    Box::pin(Chunks {
        generation,
        chunks,
        reply: GenerateContentResponse::default(),
    })
}

struct Chunks {
    generation: GenerationSpan,
    chunks: ChunkStream,
    /// Reply for the span to record: merged, or only its metadata if the content is not traced.
    reply: GenerateContentResponse,
}

/// Merges the part of a chunk that the span will record. Without the content, only metadata is copied: merging all of
/// it would copy the whole reply.
fn merge(reply: &mut GenerateContentResponse, chunk: &GenerateContentResponse, with_content: bool) {
    if with_content {
        reply.merge_chunk(chunk);
        return;
    }
    let candidates = chunk.candidates.iter().map(|candidate| Candidate {
        index: candidate.index,
        finish_reason: candidate.finish_reason.clone(),
        ..Candidate::default()
    });
    reply.merge_chunk(&GenerateContentResponse {
        candidates: candidates.collect(),
        usage_metadata: chunk.usage_metadata.clone(),
        model_version: chunk.model_version.clone(),
        response_id: chunk.response_id.clone(),
        ..GenerateContentResponse::default()
    });
}

// Polled by hand: `Instrument` enters a span for futures, not for streams.
impl Stream for Chunks {
    type Item = Result<GenerateContentResponse>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let GenerationSpan { span, with_content } = &this.generation;
        let _entered = span.enter();
        let polled = this.chunks.as_mut().poll_next(cx);
        match &polled {
            Poll::Ready(Some(Ok(chunk))) => merge(&mut this.reply, chunk, *with_content),
            Poll::Ready(Some(Err(error))) => record_error(span, error),
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        // Here, and not after the last item, since a caller may drop a stream before its end.
        self.generation.record(&self.reply);
    }
}
