//! Handle on the engine: one thread owns llama.cpp's contexts, generates all replies and computes all embeddings.
//!
//! Requests reach the thread through a bounded [`Queue`], and each reply returns through its own bounded channel. The
//! thread never waits for a reader: it skips a reply whose channel is full, and the reader wakes it after each event.

mod cores;
mod embedding;
mod exit;
mod generation;
mod job;
mod kv_cache;
mod prefix_cache;
mod queue;
mod scheduler;
mod text;
mod thinking_budget;
mod work;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use generativeai::{Error, ErrorKind, Result};
use llama_cpp_2::token::LlamaToken;
use tokio::sync::{mpsc, oneshot};

use crate::error;
use crate::model::{Model, Pooling};

use embedding::Embedding;
use generation::Generation;
pub(crate) use job::{End, EngineOptions, Event, Job, Piece, TokenLogprobs};
use queue::{PushError, Queue};
pub(crate) use thinking_budget::ThinkingLimit;
use work::Work;

/// Handle on the engine thread. Dropping the last handle stops the thread, and waits for the batch that is being
/// decoded.
pub(crate) struct Engine {
    queue: Arc<Queue<Work>>,
    context: usize,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts the thread and waits until its context is allocated.
    ///
    /// # Errors
    ///
    /// There is not enough memory for the context, or the thread cannot be started.
    pub(crate) fn start(model: Arc<Model>, options: EngineOptions) -> Result<Self> {
        let queue = Arc::new(Queue::new(options.queue));
        // The context is created on the thread, because it borrows the model, which the thread owns.
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let consumer = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("generativeai-local".to_owned())
            .spawn(move || {
                let _close = CloseOnDrop(Arc::clone(&consumer));
                scheduler::run(&model, options, &consumer, &ready);
            })
            .map_err(|error| {
                error::internal("cannot start the engine thread").with_source(error)
            })?;
        // A thread that panics drops its sender, which ends this wait.
        let context = started
            .recv()
            .unwrap_or_else(|_| Err(error::internal("the engine thread panicked at its start")))?;
        Ok(Self {
            queue,
            context,
            thread: Some(thread),
        })
    }

    /// Returns the size of the context: the maximum length of a chat in tokens, reply included.
    pub(crate) fn context(&self) -> usize {
        self.context
    }

    /// Submits a job. Dropping the returned events cancels it.
    ///
    /// # Errors
    ///
    /// 400 if the prompt leaves no room for a reply, 429 if the queue is full.
    pub(crate) fn submit(self: &Arc<Self>, job: Job) -> Result<Events> {
        let (prompt, context) = (job.prompt.len(), self.context);
        // `Generation::new` relies on this: it subtracts the length of the prompt from the size of the context.
        if prompt >= context {
            return Err(error::invalid_argument(format!(
                "the prompt has {prompt} tokens, but the context of {context} tokens must also hold \
                 the reply: shorten the chat, or load the model with a larger context"
            )));
        }
        let (sender, receiver) = mpsc::channel(EVENT_CAPACITY);
        self.push(Work::Reply(Generation::new(job, sender, context)))?;
        Ok(Events {
            receiver,
            engine: Arc::clone(self),
        })
    }

    /// Computes the embeddings of one or more texts, which are not normalized. Each text has at least one token, and at
    /// most as many as the context. Dropping the future cancels the request.
    ///
    /// # Errors
    ///
    /// 429 if the queue is full, and the errors of the engine.
    pub(crate) async fn embed(
        &self,
        texts: Vec<Vec<LlamaToken>>,
        pooling: Pooling,
        deadline: Option<Instant>,
    ) -> Result<Vec<Vec<f64>>> {
        let (sender, receiver) = oneshot::channel();
        let embedding = Embedding::new(texts, pooling, deadline, sender);
        self.push(Work::Embedding(embedding))?;
        // The engine drops the sender without a result if it stops.
        receiver.await.unwrap_or_else(|_| Err(stopped()))
    }

    fn push(&self, work: Work) -> Result<()> {
        self.queue.push(work).map_err(|error| match error {
            PushError::Full => error::resource_exhausted(),
            PushError::Closed => stopped(),
        })
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already reported to every pending request as an error: see `CloseOnDrop`.
            let _ = thread.join();
        }
    }
}

/// Number of events of a reply that are buffered. The scheduler pauses a reply whose buffer is full, so that a slow
/// reader does not delay other replies.
const EVENT_CAPACITY: usize = 64;

/// Events of one reply: pieces, then an end or an error. Dropping them cancels the reply.
pub(crate) struct Events {
    receiver: mpsc::Receiver<Result<Event>>,
    /// Keeps the engine running until the reply ends, even if the model is dropped before.
    engine: Arc<Engine>,
}

impl Events {
    /// Waits for the next event. A closed channel is an error, since every reply has a last event.
    pub(crate) async fn next(&mut self) -> Result<Event> {
        let event = self.receiver.recv().await;
        // The engine may be waiting for free capacity in this channel.
        self.engine.queue.notify();
        event.unwrap_or_else(|| Err(stopped()))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // The receiver itself is dropped after this function. Without `close`, the engine could wake before that, and
        // not see that the reply is cancelled.
        self.receiver.close();
        self.engine.queue.notify();
    }
}

/// Guard that closes the queue when the engine thread ends or panics, so that no request waits forever.
///
/// Closing drops the jobs that wait, and with them the senders of their events. The receivers then report
/// [`stopped`].
struct CloseOnDrop(Arc<Queue<Work>>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn stopped() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the embedded model has stopped: load it again",
    )
}
