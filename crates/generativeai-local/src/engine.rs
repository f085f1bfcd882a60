//! The engine: one thread owns the model's context and answers everyone.

mod chat;
mod inbox;
mod job;
mod memory;
mod run;
mod sequences;
mod text;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use generativeai::{Error, ErrorKind, Result};
use tokio::sync::mpsc;

use crate::model::Model;
use crate::refusal;

use inbox::{Inbox, Refused};
use job::Order;
pub(crate) use job::{End, Event, Job, Piece, TokenLogprobs};

/// How the engine divides the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Tokens the context holds, for all chats together; also the longest chat.
    pub(crate) context: u32,
    /// Chats that are answered at once.
    pub(crate) chats: usize,
    /// Requests that may wait.
    pub(crate) queue: usize,
    /// Threads that compute.
    pub(crate) threads: usize,
    /// One chat at a time, nothing remembered: equal requests get equal replies.
    pub(crate) deterministic: bool,
}

/// The handle on the engine's thread. The last one dropped ends it.
pub(crate) struct Engine {
    inbox: Arc<Inbox<Order>>,
    context: usize,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts the thread, and waits until its context stands.
    pub(crate) fn start(model: Arc<Model>, sizes: Sizes) -> Result<Self> {
        let inbox = Arc::new(Inbox::new(sizes.queue));
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let theirs = Arc::clone(&inbox);
        let thread = std::thread::Builder::new()
            .name("generativeai-local".to_owned())
            .spawn(move || {
                let _closes = CloseOnDrop(Arc::clone(&theirs));
                run::run(&model, sizes, &theirs, &ready);
            })
            .map_err(|error| {
                refusal::broken("the engine's thread did not start").with_source(error)
            })?;
        let context = started
            .recv()
            .unwrap_or_else(|_| Err(refusal::broken("the engine's thread ended at its start")))?;
        Ok(Self {
            inbox,
            context,
            thread: Some(thread),
        })
    }

    /// How many tokens one chat may have, question and answer together.
    pub(crate) fn context(&self) -> usize {
        self.context
    }

    /// Hands in a request; dropping what comes back withdraws it.
    ///
    /// # Errors
    ///
    /// 400 if the prompt leaves no room for a reply, 429 if too many requests wait.
    pub(crate) fn ask(self: &Arc<Self>, job: Job) -> Result<Events> {
        let (asked, most) = (job.prompt.len(), self.context);
        if asked >= most {
            return Err(refusal::invalid(format!(
                "the prompt has {asked} tokens, and the context of {most} must hold the reply too: \
                 shorten the chat, or load the model with a larger context"
            )));
        }
        let (reply, events) = mpsc::channel(EVENTS);
        self.inbox
            .put(Order { job, reply })
            .map_err(|refused| match refused {
                Refused::Full => refusal::busy(),
                Refused::Closed => gone(),
            })?;
        Ok(Events {
            events,
            engine: Arc::clone(self),
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
        self.inbox.close();
        if let Some(thread) = self.thread.take() {
            // A panic over there was already told to whoever waited for a reply.
            let _ = thread.join();
        }
    }
}

/// How many events of a reply may wait to be read; then its chat pauses.
const EVENTS: usize = 64;

/// What comes back for a request: pieces, then an end or an error.
pub(crate) struct Events {
    events: mpsc::Receiver<Result<Event>>,
    engine: Arc<Engine>,
}

impl Events {
    /// The next event; never nothing before the end has come.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event>> {
        self.events.poll_recv(cx).map(|event| {
            self.engine.inbox.poke();
            event.unwrap_or_else(|| Err(gone()))
        })
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.events.close();
        self.engine.inbox.poke();
    }
}

/// Ends the queue even when the engine's thread panics, so that nobody waits for it.
struct CloseOnDrop(Arc<Inbox<Order>>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn gone() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the embedded model has stopped: load it again",
    )
}
