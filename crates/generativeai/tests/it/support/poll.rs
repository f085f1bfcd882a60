//! Dropping futures at every point where they wait.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{Backend, BoxFuture, ChunkStream, RequestOptions, Result};

/// More polls than any future of a test takes.
const ENOUGH: usize = 1_000;

/// Polls a future at most `n` times, then drops it; returns its output if it was ready.
pub(crate) fn poll_times<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
    }
    None
}

/// Polls a future until it is ready.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    poll_times(future, ENOUGH).expect("a future that waits for nothing but polls")
}

/// Runs `work` on the value of `start` and drops it after `n` polls, for every `n` until it completes. After
/// each drop `check` inspects the value. Returns the number of polls that `work` takes.
pub(crate) fn drop_at_every_poll<S>(
    start: impl Fn() -> S,
    work: impl for<'a> Fn(&'a mut S) -> Pin<Box<dyn Future<Output = ()> + 'a>>,
    check: impl Fn(usize, S),
) -> usize {
    for polls in 0..ENOUGH {
        let mut state = start();
        let done = poll_times(work(&mut state), polls).is_some();
        check(polls, state);
        if done {
            return polls;
        }
    }
    panic!("the work does not end");
}

/// Waits for one more poll.
pub(crate) async fn once_more() {
    let mut waited = false;
    poll_fn(|context| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A backend that makes its caller wait one poll for each answer and each chunk.
#[derive(Clone, Debug)]
pub(crate) struct Waiting<B>(pub(crate) B);

impl<B: Backend> Backend for Waiting<B> {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let answer = self.0.generate_content(request, options);
        Box::pin(async move {
            once_more().await;
            answer.await
        })
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        Box::pin(WaitingStream {
            chunks: self.0.stream_generate_content(request, options),
            waited: false,
        })
    }
}

struct WaitingStream {
    chunks: ChunkStream,
    waited: bool,
}

impl Stream for WaitingStream {
    type Item = Result<GenerateContentResponse>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.waited = !self.waited;
        if self.waited {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.chunks.as_mut().poll_next(context)
    }
}
