//! What is watched from within a span: answers in one piece, and in chunks.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tracing::Span;

use super::spans::{Asked, failed, record};
use crate::error::Result;
use crate::protocol::response::GenerateContentResponse;
use crate::protocol::tokens::CountTokensResponse;
use crate::stream::{BoxFuture, ChunkStream};

/// Watches a reply in one piece.
pub(super) fn whole(
    asked: Asked,
    reply: BoxFuture<Result<GenerateContentResponse>>,
) -> BoxFuture<Result<GenerateContentResponse>> {
    let span = asked.span.clone();
    Box::pin(Entered::new(span, reply, move |_, reply| match reply {
        Ok(reply) => asked.answered(reply),
        Err(error) => failed(&asked.span, error),
    }))
}

/// Watches a number of tokens.
pub(super) fn counted(
    span: Span,
    count: BoxFuture<Result<CountTokensResponse>>,
) -> BoxFuture<Result<CountTokensResponse>> {
    Box::pin(Entered::new(span, count, |span, count| match count {
        Ok(count) => {
            let total = count.total_tokens.map(i64::from);
            record(span, "gen_ai.usage.input_tokens", total);
        }
        Err(error) => failed(span, error),
    }))
}

/// Watches a function.
pub(super) fn ran<T: Send + 'static>(
    span: Span,
    running: BoxFuture<Result<T>>,
) -> BoxFuture<Result<T>> {
    Box::pin(Entered::new(span, running, |span, outcome| {
        if let Err(error) = outcome {
            failed(span, error);
        }
    }))
}

/// Watches a reply in chunks. What it came to is recorded at its end, or when it is dropped.
pub(super) fn chunks(asked: Asked, chunks: ChunkStream) -> ChunkStream {
    Box::pin(Watched {
        asked,
        chunks,
        heard: GenerateContentResponse::default(),
    })
}

/// A future within a span; `end` looks at what it came to.
struct Entered<T, E> {
    span: Span,
    future: BoxFuture<T>,
    end: E,
}

impl<T, E: Fn(&Span, &T)> Entered<T, E> {
    fn new(span: Span, future: BoxFuture<T>, end: E) -> Self {
        Self { span, future, end }
    }
}

impl<T, E> Unpin for Entered<T, E> {}

impl<T, E: Fn(&Span, &T)> Future for Entered<T, E> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        let _entered = this.span.enter();
        let polled = this.future.as_mut().poll(cx);
        if let Poll::Ready(outcome) = &polled {
            (this.end)(&this.span, outcome);
        }
        polled
    }
}

/// A stream of chunks within a span.
struct Watched {
    asked: Asked,
    chunks: ChunkStream,
    heard: GenerateContentResponse,
}

impl Stream for Watched {
    type Item = Result<GenerateContentResponse>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let _entered = this.asked.span.enter();
        let polled = this.chunks.as_mut().poll_next(cx);
        match &polled {
            Poll::Ready(Some(Ok(chunk))) => this.heard.merge_chunk(chunk),
            Poll::Ready(Some(Err(error))) => failed(&this.asked.span, error),
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.asked.answered(&self.heard);
    }
}
