//! A conversation with a model: what was said, and what is said next.

use std::fmt;
use std::sync::Arc;

use crate::backend::Backend;
use crate::error::Result;
use crate::model::GenerativeModel;
use crate::protocol::content::{Content, Transcript};
use crate::protocol::response::GenerateContentResponse;
use crate::tools::{AutomaticFunctionCalling, Toolbox};

mod budget;
mod calls;
mod check;
mod history;
mod journal;
mod recorder;
mod resume;
mod saved;
mod send;
mod size;
mod structured;
mod turn;
mod unfinished;

pub use budget::Compaction;
pub use journal::{Entry, Event, Journal};
pub use send::{ReplyStream, SendMessage};
pub use unfinished::{Reason, Unfinished};

use budget::Budget;
use history::Undone;
use recorder::Recorder;

/// A conversation with a model.
///
/// A turn is the user's message, every round of function calls, and the reply. It enters the
/// [history](Self::history) whole, when it is complete, or not at all: what did not complete is
/// [`unfinished`](Self::unfinished). Sending borrows the session mutably, so two messages can never
/// overlap. A clone is a conversation of its own; it shares the backend.
///
/// ```
/// use generativeai::{GenerativeModel, testing::Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// let model = GenerativeModel::new("gemini-flash-latest")
///     .backend(Scripted::default().then_text("Hello! How can I help?"));
/// let mut chat = model.start_chat();
///
/// let response = chat.send_message("Hello").await?;
///
/// assert_eq!(response.text()?, "Hello! How can I help?");
/// assert_eq!(chat.history().len(), 2);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ChatSession {
    model: GenerativeModel,
    automatic: Option<AutomaticFunctionCalling>,
    history: Arc<Transcript>,
    last: Option<GenerateContentResponse>,
    unfinished: Option<Box<Unfinished>>,
    /// What was taken back and can be put back, last one last.
    undone: Vec<Undone>,
    recorder: Option<Recorder>,
    budget: Option<Budget>,
    /// What left the history to keep the budget.
    left_out: Arc<Transcript>,
    /// How many contents the history begins with that are a summary of others.
    summary: usize,
}

impl GenerativeModel {
    /// Starts a conversation with this model.
    pub fn start_chat(&self) -> ChatSession {
        ChatSession::new(self.clone())
    }
}

impl ChatSession {
    /// Starts a conversation with a model: the same as [`GenerativeModel::start_chat`].
    pub fn new(model: GenerativeModel) -> Self {
        Self {
            model,
            automatic: None,
            history: Arc::default(),
            last: None,
            unfinished: None,
            undone: Vec::new(),
            recorder: None,
            budget: None,
            left_out: Arc::default(),
            summary: 0,
        }
    }

    /// Goes on from a history, as [`set_history`](Self::set_history) does.
    #[must_use]
    pub fn with_history(mut self, history: impl IntoIterator<Item = impl Into<Content>>) -> Self {
        self.set_history(history);
        self
    }

    /// Sets whether functions that the model calls are run and answered within the turn: `true`
    /// with the [defaults](AutomaticFunctionCalling), `false` not at all, or as given.
    #[must_use]
    pub fn automatic_function_calling(
        mut self,
        automatic: impl Into<AutomaticFunctionCalling>,
    ) -> Self {
        self.automatic = automatic.into().enabled();
        self
    }

    /// Sets who answers, as after loading a saved conversation.
    #[must_use]
    pub fn backend(mut self, backend: impl Backend + 'static) -> Self {
        self.model = self.model.backend(backend);
        self
    }

    /// Sets the tools the model may call, in place of its own.
    #[must_use]
    pub fn tools(mut self, tools: impl Into<Toolbox>) -> Self {
        self.model = self.model.tools(tools);
        self
    }

    /// The model that is talked to.
    pub fn model(&self) -> &GenerativeModel {
        &self.model
    }

    /// Goes on with another model; history and unfinished turn stay.
    pub fn set_model(&mut self, model: GenerativeModel) {
        self.model = model;
    }

    /// Whether functions that the model calls are run within the turn.
    pub fn calls_functions(&self) -> bool {
        self.automatic.is_some()
    }

    /// Says a message, which is sent once it is awaited or streamed.
    pub fn send_message(&mut self, message: impl Into<Content>) -> SendMessage<'_> {
        SendMessage::new(self, message.into())
    }

    /// The turn that was begun and did not complete, if the last one did not.
    ///
    /// The next message starts from the history, without it. [`keep_partial`](Self::keep_partial)
    /// puts it into the history, [`retry`](Self::retry) sends it again, [`rewind`](Self::rewind)
    /// takes it back.
    pub fn unfinished(&self) -> Option<&Unfinished> {
        self.unfinished.as_deref()
    }

    /// Says whether a message could be sent with these settings, without sending one.
    ///
    /// # Errors
    /// What the first message would fail with before it is sent: more than one candidate, a
    /// function declared twice, no key for the REST API.
    pub fn check(&self) -> Result<()> {
        self.model.check()?;
        check::one_candidate(&self.model.prepare(None)?)
    }
}

impl fmt::Debug for ChatSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatSession")
            .field("model", &self.model)
            .field("automatic_function_calling", &self.automatic)
            .field(
                "history",
                &format_args!("{} contents", self.history().len()),
            )
            .field("unfinished", &self.unfinished)
            .finish_non_exhaustive()
    }
}
