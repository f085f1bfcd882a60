//! The conversation and its settings. Its other methods are in `history` (reading, undo) and `journal` (storage).

mod history;
mod journal;

use std::fmt;

use super::budget::{Budget, Compaction};
use super::check;
use super::journal::Writer;
use super::state::State;
use crate::backend::Backend;
use crate::error::{Error, ErrorKind, Result};
use crate::model::GenerativeModel;
use crate::protocol::content::Content;
use crate::tools::{AutomaticFunctionCalling, Toolbox};

/// Conversation with a model.
///
/// The Gemini API is stateless: each request has to contain the whole conversation. A `ChatSession` keeps the
/// [history](Self::history) and sends it with each message.
///
/// A turn is a message of the user, rounds of function calls, and the reply. It is a transaction: the whole turn
/// enters the history once it is complete, and nothing enters it otherwise. A turn that failed, was blocked or was
/// dropped stays [unfinished](Self::unfinished), and can be [retried](Self::retry), [kept](Self::keep_partial) or
/// [undone](Self::rewind).
///
/// Sending a message borrows the conversation mutably, so two messages cannot overlap. To share a conversation between
/// tasks, put it into a mutex: see [`SendMessage::new`](crate::SendMessage::new).
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
///
/// # Clones
///
/// A clone is an independent conversation that shares the backend. With a [journal](Self::journal) it is a second
/// writer of the same journal: once one of the two has sent a message, the other one gets a
/// [`Conflict`](ErrorKind::Conflict). To branch a conversation, use [`fork`](Self::fork), which has no journal.
#[derive(Clone)]
pub struct ChatSession {
    pub(super) model: GenerativeModel,
    pub(super) automatic: Option<AutomaticFunctionCalling>,
    /// Whether the chat was loaded without the policy that it had, and `automatic` was not set since.
    pub(super) lacks_policy: bool,
    pub(super) budget: Option<Budget>,
    /// Writer of the events to the journal, if there is one.
    pub(super) writer: Option<Writer>,
    pub(super) state: State,
}

impl GenerativeModel {
    /// Starts a conversation with this model.
    ///
    /// The conversation gets a copy of the model. One model can start any number of conversations; they share only its
    /// backend, including the connections.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::always("Hello!"));
    /// let (mut ann, ben) = (model.start_chat(), model.start_chat());
    /// ann.send_message("Hi, I am Ann.").await?;
    ///
    /// assert_eq!((ann.history().len(), ben.history().len()), (2, 0));
    /// # Ok(()) }
    /// ```
    pub fn start_chat(&self) -> ChatSession {
        ChatSession::new(self.clone())
    }
}

/// Settings. Each can be made when the conversation is created, or later with `set_`.
impl ChatSession {
    /// Starts a conversation with a model, like [`GenerativeModel::start_chat`].
    pub fn new(model: GenerativeModel) -> Self {
        Self {
            model,
            automatic: None,
            lacks_policy: false,
            budget: None,
            writer: None,
            state: State::default(),
        }
    }

    /// Sets the history, like [`set_history`](Self::set_history), from anything that yields messages: contents,
    /// references to them, or strings.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, protocol::content::Content, testing::Scripted};
    /// # let model = GenerativeModel::new("m").backend(Scripted::default());
    /// let texts = ["Hello", "Hello! How can I help?"];
    /// let chat = model.start_chat().with_history(texts);
    /// assert_eq!(chat.history()[1].role, Some("model".into()));
    ///
    /// let users = texts.iter().map(|&text| Content::user(text));
    /// assert_eq!(model.start_chat().with_history(users).history().len(), 2);
    /// ```
    #[must_use]
    pub fn with_history(mut self, history: impl IntoIterator<Item = impl Into<Content>>) -> Self {
        let history: Vec<Content> = history.into_iter().map(Into::into).collect();
        self.set_history(history);
        self
    }

    /// Sets whether functions that the model calls are run within the turn: `true` with the
    /// [defaults](AutomaticFunctionCalling), `false` not at all, or with the given settings.
    ///
    /// The default is `false`. The reply then contains the calls, [`pending_calls`](Self::pending_calls) returns them,
    /// and the program answers them with its next message. Automatic calls need functions with code, such as those of
    /// [`Function::new`](crate::Function::new). Each round of calls is a further request.
    ///
    /// ```
    /// use generativeai::{AutomaticFunctionCalling, Function, GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::default().then_call("now", serde_json::json!({})).then_text("Half past twelve.");
    /// let now = Function::new("now", "Returns the time.", || "12:30");
    /// let model = GenerativeModel::new("m").tools(now);
    /// # let model = model.backend(script);
    /// let limited = AutomaticFunctionCalling::default().max_rounds(3);
    /// let mut chat = model.start_chat().automatic_function_calling(limited);
    ///
    /// assert_eq!(chat.send_message("What time is it?").await?.text()?, "Half past twelve.");
    /// // The message, the call, the response of the function, and the reply.
    /// assert_eq!(chat.history().len(), 4);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn automatic_function_calling(
        mut self,
        automatic: impl Into<AutomaticFunctionCalling>,
    ) -> Self {
        self.set_automatic_function_calling(automatic);
        self
    }

    /// Sets whether functions are run within the turn, like
    /// [`automatic_function_calling`](Self::automatic_function_calling).
    pub fn set_automatic_function_calling(
        &mut self,
        automatic: impl Into<AutomaticFunctionCalling>,
    ) {
        self.automatic = automatic.into().enabled();
        self.lacks_policy = false;
    }

    /// Returns whether functions that the model calls are run within the turn.
    pub fn automatic_calls_enabled(&self) -> bool {
        self.automatic.is_some()
    }

    /// Sets the backend, for example after loading a conversation: backends are not saved.
    #[must_use]
    pub fn backend(mut self, backend: impl Backend + 'static) -> Self {
        self.set_backend(backend);
        self
    }

    /// Sets the backend, like [`backend`](Self::backend).
    pub fn set_backend(&mut self, backend: impl Backend + 'static) {
        self.model.set_backend(backend);
    }

    /// Sets the tools that the model may use. They replace the model's own.
    #[must_use]
    pub fn tools(mut self, tools: impl Into<Toolbox>) -> Self {
        self.set_tools(tools);
        self
    }

    /// Sets the tools, like [`tools`](Self::tools).
    ///
    /// They apply from the next message on. Tools for a single message are set with
    /// [`SendMessage::tools`](crate::SendMessage::tools).
    pub fn set_tools(&mut self, tools: impl Into<Toolbox>) {
        self.model.set_tools(tools.into());
    }

    /// Returns the model.
    pub fn model(&self) -> &GenerativeModel {
        &self.model
    }

    /// Replaces the model. The history and the unfinished turn stay.
    ///
    /// The next message is sent to the new model, with the whole history. The thought signatures of the earlier model
    /// are part of it, except where the new service is known to refuse them: Google does not receive those of
    /// OpenAI-compatible servers, and such servers do not receive those of Google.
    /// [`with_settings_from`](GenerativeModel::with_settings_from) has an example.
    pub fn set_model(&mut self, model: GenerativeModel) {
        self.model = model;
    }

    /// Sets the maximum number of tokens of a request, including the system instruction and the tools, and the
    /// treatment of the oldest turns beyond it. By default the history grows without limit.
    ///
    /// If the request of a message exceeds the budget, whole turns leave the [history](Self::history), the oldest
    /// first. This ends when the request has three quarters of the budget, or half of it if the turns are summarized.
    /// So most messages need no compaction. [`dropped`](Self::dropped) returns the turns that left. The system
    /// instruction always stays. Function calls and their responses leave together. If counting or summarizing fails or
    /// is dropped, the history is unchanged.
    ///
    /// The backend counts the tokens. If it cannot, they are estimated: one token for four bytes of text. A request
    /// that is too short to exceed the budget is not counted. The budget covers neither the reply nor the rounds of
    /// function calls that follow. So choose it well below the [input token
    /// limit](crate::protocol::models::Model::input_token_limit) of the model.
    ///
    /// ```
    /// use generativeai::{Compaction, GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::default().then_text("one").then_text("two").then_text("three");
    /// # let model = GenerativeModel::new("m").backend(script);
    /// let mut chat = model.start_chat().context_budget(8, Compaction::Drop);
    /// for message in ["Say the first number", "Say the second number", "Say the third number"] {
    ///     chat.send_message(message).await?;
    /// }
    ///
    /// assert_eq!(chat.history().len(), 2);
    /// assert_eq!(chat.dropped().len(), 4);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// A message that exceeds the budget without any history fails with [`Request`](ErrorKind::Request). If counting
    /// or summarizing fails, the message fails with that error. Its turn is then [unfinished](Self::unfinished).
    #[must_use]
    pub fn context_budget(mut self, tokens: u32, compaction: Compaction) -> Self {
        self.set_context_budget(tokens, compaction);
        self
    }

    /// Sets the context budget, like [`context_budget`](Self::context_budget).
    pub fn set_context_budget(&mut self, tokens: u32, compaction: Compaction) {
        self.budget = Some(Budget { tokens, compaction });
    }

    /// Removes the context budget: the history grows without limit again. Turns that were dropped or summarized do not
    /// return.
    ///
    /// ```
    /// use generativeai::{Compaction, GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::always("Hello!"));
    /// let mut chat = model.start_chat().context_budget(1, Compaction::Drop);
    /// chat.send_message("This message exceeds the budget").await.unwrap_err();
    ///
    /// chat.remove_context_budget();
    /// assert_eq!(chat.retry().await?.text()?, "Hello!");
    /// # Ok(()) }
    /// ```
    pub fn remove_context_budget(&mut self) {
        self.budget = None;
    }

    /// Checks whether a message could be sent with these settings, without sending one.
    ///
    /// ```
    /// # use generativeai::{Function, GenerativeModel, testing::Scripted};
    /// let now = Function::new("now", "Returns the time.", || "12:30");
    /// let model = GenerativeModel::new("m").tools((now.clone(), now));
    /// # let model = model.backend(Scripted::default());
    /// let error = model.start_chat().check().unwrap_err();
    /// assert_eq!(error.to_string(), "duplicate function name `now`: rename one of the two");
    /// ```
    ///
    /// # Errors
    /// The error that the first message would fail with before it is sent: more than one candidate is requested, two
    /// functions have the same name, the REST API has no key, or the policy of a loaded chat was not set again.
    /// [`Request`](ErrorKind::Request) if the API would reject the history: a content has an unknown role, or the
    /// format of another API, with other members instead of parts, or the next content does not answer its calls.
    pub fn check(&self) -> Result<()> {
        self.model.check()?;
        self.check_policy()?;
        let template = self.model.prepare(None)?;
        check::one_candidate(&template)?;
        check::valid_history(self.history())
    }

    /// Checks that a policy that was lost by saving and loading was replaced, before anything is sent.
    pub(super) fn check_policy(&self) -> Result<()> {
        if self.lacks_policy {
            let message = "the approval policy of the saved chat is not set: call `automatic_function_calling` with a \
                           policy (`AutomaticFunctionCalling::approve`), or without one if all functions may run";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        Ok(())
    }
}

/// Prints no contents: prompts and replies do not belong in logs.
impl fmt::Debug for ChatSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatSession")
            .field("model", &self.model)
            .field("automatic_function_calling", &self.automatic)
            .field(
                "history",
                &format_args!("{} contents", self.history().len()),
            )
            .field("unfinished", &self.unfinished())
            .finish_non_exhaustive()
    }
}
