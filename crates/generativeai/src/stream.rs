//! What streams of chunks need: the next item of one, and streams made from futures.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::backend::{BoxFuture, ChunkStream};
use crate::error::Result;
use crate::protocol::response::GenerateContentResponse;

/// The next item of a boxed stream.
pub(crate) async fn next<S: Stream + ?Sized>(stream: &mut Pin<Box<S>>) -> Option<S::Item> {
    poll_fn(|cx| stream.as_mut().poll_next(cx)).await
}

/// A stream of one chunk: the whole reply.
pub(crate) fn once(reply: BoxFuture<Result<GenerateContentResponse>>) -> ChunkStream {
    Box::pin(Once(Some(reply)))
}

struct Once(Option<BoxFuture<Result<GenerateContentResponse>>>);

impl Stream for Once {
    type Item = Result<GenerateContentResponse>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(reply) = &mut self.0 else {
            return Poll::Ready(None);
        };
        reply.as_mut().poll(cx).map(|reply| {
            self.0 = None;
            Some(reply)
        })
    }
}

/// A stream driven by an async function: `step` takes the state and gives it back with an item,
/// until it gives `None`.
pub(crate) fn unfold<S, T, F, Fut>(state: S, step: F) -> Unfold<S, F, Fut>
where
    F: FnMut(S) -> Fut,
    Fut: Future<Output = Option<(T, S)>>,
{
    Unfold {
        state: Some(state),
        step,
        running: Box::pin(None),
    }
}

/// See [`unfold`].
pub(crate) struct Unfold<S, F, Fut> {
    state: Option<S>,
    step: F,
    /// In one place for all items, so that none of them allocates.
    running: Pin<Box<Option<Fut>>>,
}

impl<S, F, Fut> Unpin for Unfold<S, F, Fut> {}

impl<S, T, F, Fut> Stream for Unfold<S, F, Fut>
where
    F: FnMut(S) -> Fut,
    Fut: Future<Output = Option<(T, S)>>,
{
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.get_mut();
        if let Some(state) = this.state.take() {
            this.running.set(Some((this.step)(state)));
        }
        let Some(running) = this.running.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        running.poll(cx).map(|done| {
            this.running.set(None);
            let (item, state) = done?;
            this.state = Some(state);
            Some(item)
        })
    }
}
