//! The conversation: its settings, its history, and what can be done with it apart from sending.

use std::fmt;
use std::sync::Arc;

use super::budget::{Budget, Compaction};
use super::check;
use super::event::Event;
use super::history::{fill_roles, last_turn, remove_empty_parts};
use super::journal::{Journal, Write, Writer};
use super::reason::Reason;
use super::round::{Round, calls_of, unanswered};
use super::state::State;
use super::unfinished::Unfinished;
use crate::backend::Backend;
use crate::error::{Error, ErrorKind, Result};
use crate::model::GenerativeModel;
use crate::protocol::content::{Content, FunctionCall, Role};
use crate::protocol::response::GenerateContentResponse;
use crate::tools::{AutomaticFunctionCalling, Toolbox};

/// Conversation with a model.
///
/// A turn is a message of the user, rounds of function calls, and the reply. It is a transaction: the whole turn
/// enters the [history](Self::history) once it is complete, and otherwise nothing does. A turn that failed, was
/// blocked or was dropped stays [unfinished](Self::unfinished), and can be [retried](Self::retry),
/// [kept](Self::keep_partial) or [undone](Self::rewind).
///
/// Sending a message borrows the conversation mutably, so two messages cannot overlap.
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
/// writer of the same journal: whichever of the two sends first, the other one gets a
/// [`Conflict`](ErrorKind::Conflict). To branch a conversation, use [`fork`](Self::fork), which has no journal.
#[derive(Clone)]
pub struct ChatSession {
    pub(super) model: GenerativeModel,
    pub(super) automatic: Option<AutomaticFunctionCalling>,
    pub(super) budget: Option<Budget>,
    pub(super) writer: Option<Writer>,
    pub(super) state: State,
}

impl GenerativeModel {
    /// Starts a conversation with this model.
    ///
    /// The conversation gets a copy of the model. One model can start any number of conversations; they share its
    /// backend, and with it the connections, and nothing else.
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
            budget: None,
            writer: None,
            state: State::default(),
        }
    }

    /// Sets the history, like [`set_history`](Self::set_history), from anything that yields messages: contents,
    /// references to them, or texts.
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
    /// [defaults](AutomaticFunctionCalling), `false` not at all, or with the given settings. The default is `false`:
    /// calls are returned to the caller as [`pending_calls`](Self::pending_calls).
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

    /// Sets the tools that the model may use. They replace those of the model.
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
        self.model.set_tools(tools);
    }

    /// Returns the model.
    pub fn model(&self) -> &GenerativeModel {
        &self.model
    }

    /// Replaces the model. The history and the unfinished turn stay.
    ///
    /// The next message goes to the new model, with the whole history. Thought signatures of the earlier model are
    /// part of it. [`with_settings_from`](GenerativeModel::with_settings_from) has
    /// an example.
    pub fn set_model(&mut self, model: GenerativeModel) {
        self.model = model;
    }

    /// Sets the maximum number of tokens of a message's request, including the system instruction and the tools, and
    /// what happens to the oldest turns if the request would have more. By default the history grows without limit.
    ///
    /// If the request of a message exceeds the budget, whole turns leave the [history](Self::history), the oldest
    /// first, until the request has three quarters of the budget, or half of it if they are summarized. So most
    /// messages need no compaction. The history remains what the next request sends;
    /// [`dropped`](Self::dropped) returns what left it. The system instruction always stays. Function calls and their
    /// responses leave together. If counting or summarizing fails or is dropped, the history is unchanged.
    ///
    /// The backend counts the tokens. If it cannot, they are estimated: one token for four bytes of text. A request
    /// that is too short to exceed the budget is not counted. The budget covers neither the reply nor the rounds of
    /// function calls that follow.
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

    /// Checks whether a message could be sent with these settings, without sending one.
    ///
    /// # Errors
    /// The error that the first message would fail with before it is sent: more than one candidate is requested, two
    /// functions have the same name, or the REST API has no key. [`Request`](ErrorKind::Request) if the API would reject
    /// the history, because a content has an unknown role, or no parts but members with other names, as in the format of
    /// another API.
    ///
    /// ```
    /// # use generativeai::{Function, GenerativeModel, testing::Scripted};
    /// let now = Function::new("now", "Returns the time.", || "12:30");
    /// let model = GenerativeModel::new("m").tools((now.clone(), now));
    /// # let model = model.backend(Scripted::default());
    /// let error = model.start_chat().check().unwrap_err();
    /// assert_eq!(error.to_string(), "duplicate function name `now`: rename one of the two");
    /// ```
    pub fn check(&self) -> Result<()> {
        self.model.check()?;
        check::one_candidate(&self.model.prepare(None)?)?;
        check::known_contents(self.history())
    }
}

/// Reading the conversation, and undo.
impl ChatSession {
    /// Returns the history: the contents of complete turns, which the next request sends before its message.
    ///
    /// With a [budget](Self::context_budget) the next message may drop the oldest turns. They are then in
    /// [`dropped`](Self::dropped).
    ///
    /// A turn has a message with the role `user` and a reply with the role `model`. Between them are the rounds of
    /// function calls, each a content of the model with the calls and a content of the user with the responses.
    ///
    /// ```
    /// use generativeai::protocol::content::Role;
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let mut chat = GenerativeModel::new("m").backend(Scripted::always("1,345 metres.")).start_chat();
    /// chat.send_message("How tall is Ben Nevis?").await?;
    ///
    /// let [message, reply] = chat.history() else { panic!("a turn without calls has two contents") };
    /// assert_eq!((message.role.as_ref(), reply.role.as_ref()), (Some(&Role::User), Some(&Role::Model)));
    /// assert_eq!(reply.text(), "1,345 metres.");
    /// # Ok(()) }
    /// ```
    pub fn history(&self) -> &[Content] {
        self.state.history()
    }

    /// Replaces the history. The rest of the conversation is forgotten: the [last response](Self::last), the
    /// [unfinished turn](Self::unfinished), and the turns that were undone or [dropped](Self::dropped).
    ///
    /// Contents are stored as given, with two exceptions. Missing roles are set: function responses get the role of the
    /// user, and otherwise user and model alternate from the first role that is known. Parts without data, empty texts
    /// of the model and contents without parts are left out, since the API rejects them.
    ///
    /// Lists, slices and arrays of contents are accepted, such as the [`history`](Self::history) of another chat.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, protocol::content::Content, testing::Scripted};
    /// # let mut chat = GenerativeModel::new("m").backend(Scripted::default()).start_chat();
    /// chat.set_history([Content::user("Hello"), Content::model("Hello!")]);
    /// assert_eq!(chat.history().len(), 2);
    /// ```
    pub fn set_history(&mut self, history: impl Into<Vec<Content>>) {
        let mut contents = history.into();
        fill_roles(&mut contents);
        remove_empty_parts(&mut contents);
        self.commit(Event::Replaced { contents });
    }

    /// Removes the history, and forgets the rest of the conversation, like [`set_history`](Self::set_history) with an
    /// empty list. The settings stay.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let mut chat = GenerativeModel::new("m").backend(Scripted::always("Hi!")).start_chat();
    /// chat.send_message("Hello").await?;
    /// chat.clear();
    /// assert!(chat.history().is_empty() && chat.last().is_none());
    /// # Ok(()) }
    /// ```
    pub fn clear(&mut self) {
        self.set_history([]);
    }

    /// Returns the contents that left the history to keep within the [budget](Self::context_budget), oldest first. The
    /// next request does not send them.
    ///
    /// A program that shows the whole conversation shows them before the history. A summary in the history replaces
    /// them; the user wrote neither its prompt nor its text.
    pub fn dropped(&self) -> &[Content] {
        self.state.dropped().contents()
    }

    /// Returns the last response, complete or not. There is none before the first response to a message, after an
    /// [undo](Self::rewind), and after [`set_history`](Self::set_history).
    ///
    /// It has what the history does not contain: the finish reason, the safety ratings, the sources, and the token
    /// counts, which cover all requests of the turn.
    ///
    /// ```
    /// use generativeai::protocol::response::FinishReason;
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let mut chat = GenerativeModel::new("m").backend(Scripted::always("1,345 metres.")).start_chat();
    /// chat.send_message("How tall is Ben Nevis?").await?;
    ///
    /// let last = chat.last().expect("a turn completed");
    /// assert_eq!(last.finish_reason(), Some(&FinishReason::Stop));
    /// let tokens = last.usage_metadata.as_ref().and_then(|usage| usage.total_token_count);
    /// println!("{} tokens", tokens.unwrap_or_default());
    /// # Ok(()) }
    /// ```
    pub fn last(&self) -> Option<&GenerateContentResponse> {
        self.state.last().map(AsRef::as_ref)
    }

    /// Returns the last turn if it did not complete.
    ///
    /// The next message is sent without it. [`keep_partial`](Self::keep_partial) adds it to the history,
    /// [`retry`](Self::retry) sends it again, and [`rewind`](Self::rewind) undoes it.
    ///
    /// ```
    /// use generativeai::{GenerativeModel, Reason, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::default().then_fail(&["Ben Nevis is "]).then_text("1,345 metres.");
    /// # let mut chat = GenerativeModel::new("m").backend(script).start_chat();
    /// chat.send_message("How tall is Ben Nevis?").await.unwrap_err();
    ///
    /// let turn = chat.unfinished().expect("the turn failed");
    /// match &turn.reason {
    ///     Reason::Failed(error) if error.is_retryable() => drop(chat.retry().await?),
    ///     // Nothing else to wait for: keep the partial reply, or forget the turn.
    ///     _ => if !chat.keep_partial() { chat.rewind(); },
    /// }
    /// assert!(chat.unfinished().is_none());
    /// # Ok(()) }
    /// ```
    pub fn unfinished(&self) -> Option<&Unfinished> {
        self.state.unfinished()
    }

    /// Returns the function calls that the next message has to answer, with a
    /// [`FunctionResponse`](crate::protocol::content::FunctionResponse) each: the API rejects a request that leaves
    /// one unanswered.
    ///
    /// These are the calls of the last reply that were not run within the turn, because
    /// [automatic calls](Self::automatic_function_calling) are off or reached their limit, or because a function is
    /// declared without code.
    ///
    /// ```
    /// use generativeai::protocol::content::{FunctionResponse, Part};
    /// use generativeai::protocol::tools::FunctionDeclaration;
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # use serde_json::json;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::default().then_call("ask", json!({"text": "Which unit?"})).then_text("1,345 metres.");
    /// let ask = FunctionDeclaration::new("ask", "Asks the user a question.");
    /// let mut chat = GenerativeModel::new("m").tools(ask).start_chat();
    /// # let mut chat = chat.backend(script);
    /// chat.send_message("How tall is Ben Nevis?").await?;
    ///
    /// // One message answers all calls.
    /// let answer = |call| Part::from(FunctionResponse::to(call, json!("metres")));
    /// let answers: Vec<Part> = chat.pending_calls().into_iter().map(answer).collect();
    /// let reply = chat.send_message(answers).await?;
    ///
    /// assert_eq!(reply.text()?, "1,345 metres.");
    /// assert!(chat.pending_calls().is_empty());
    /// # Ok(()) }
    /// ```
    pub fn pending_calls(&self) -> Vec<&FunctionCall> {
        let history = self.history();
        let unfinished = self.unfinished();
        if let Some(turn) = unfinished.filter(|turn| matches!(turn.reason, Reason::CallsReturned)) {
            let received = turn.received.iter();
            return received.flat_map(|reply| reply.function_calls()).collect();
        }
        let is_reply = |content: &Content| content.role == Some(Role::Model);
        let Some(reply) = history.iter().rposition(is_reply) else {
            return Vec::new();
        };
        unanswered(calls_of(&history[reply]), &history[reply + 1..])
    }

    /// Returns whether the turn that ends with the content at an index of the history was interrupted, and entered
    /// the history through [`keep_partial`](Self::keep_partial).
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_chunks(["Once upon ", "a time"]));
    /// let mut chat = model.start_chat();
    /// let mut reply = chat.send_message("Tell me a story").stream();
    /// reply.next().await;
    /// drop(reply);
    /// chat.keep_partial();
    ///
    /// assert!(chat.is_interrupted(1) && !chat.is_interrupted(0));
    /// # Ok(()) }
    /// ```
    pub fn is_interrupted(&self, index: usize) -> bool {
        self.state.interrupted().binary_search(&index).is_ok()
    }

    /// Undoes the unfinished turn if there is one, otherwise the last turn, and returns its message and its reply.
    /// Returns `None` for an empty conversation.
    ///
    /// A turn is undone as a whole, including its rounds of function calls. If no reply was received, the returned
    /// reply has no parts. [`redo`](Self::redo) reverses this.
    ///
    /// This is how a chat window edits a message: undo the turn, change the returned message, and send it again.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_text("Four."));
    /// let mut chat = model.start_chat();
    /// chat.send_message("What is two and two?").await?;
    ///
    /// let (sent, received) = chat.rewind().expect("a turn");
    ///
    /// assert_eq!(received.parts[0].as_text(), Some("Four."));
    /// assert!(chat.history().is_empty() && chat.rewind().is_none());
    /// # Ok(()) }
    /// ```
    pub fn rewind(&mut self) -> Option<(Content, Content)> {
        let length = match self.unfinished() {
            Some(_) => self.history().len(),
            None => last_turn(self.history())?,
        };
        self.close_turn();
        self.commit(Event::Rewound { length });
        self.state.undone()
    }

    /// Redoes the turn that was [undone](Self::rewind) last, and returns whether there was one.
    ///
    /// Turns can be redone until something new enters the history: a turn completes or is
    /// [kept](Self::keep_partial), or the history is [replaced](Self::set_history). A message that fails does not
    /// prevent a redo. An unfinished turn can be redone only until the next message is sent.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_text("Four."));
    /// let mut chat = model.start_chat();
    /// chat.send_message("What is two and two?").await?;
    /// chat.rewind();
    ///
    /// assert!(chat.redo());
    /// assert_eq!(chat.history().len(), 2);
    /// assert!(!chat.redo());
    /// # Ok(()) }
    /// ```
    pub fn redo(&mut self) -> bool {
        let can_redo = self.state.undone().is_some();
        if can_redo {
            self.close_turn();
            self.commit(Event::Redone);
        }
        can_redo
    }

    /// Adds the unfinished turn to the history, and returns whether it did.
    ///
    /// The part of the reply that was received becomes the reply, which
    /// [`is_interrupted`](Self::is_interrupted). Function calls without a response get one that reports the
    /// interruption, since the API rejects a request with an unanswered call. If nothing was received, the turn stays
    /// unfinished.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m")
    /// #     .backend(Scripted::default().then_chunks(["Once upon ", "a time…"]));
    /// let mut chat = model.start_chat();
    /// let mut reply = chat.send_message("Tell me a story").stream();
    /// reply.next().await;
    /// drop(reply); // the user pressed Ctrl-C
    ///
    /// assert!(chat.history().is_empty());
    /// assert!(chat.keep_partial());
    /// assert_eq!(chat.history()[1].parts[0].as_text(), Some("Once upon "));
    /// # Ok(()) }
    /// ```
    pub fn keep_partial(&mut self) -> bool {
        let Some(turn) = self.unfinished() else {
            return false;
        };
        let contents = turn.partial_contents();
        if contents.len() < 2 {
            return false;
        }
        let (reason, received) = (turn.reason.clone(), turn.received.clone());
        if self.has_unrecorded_end() {
            self.commit(Event::Unfinished { reason, received });
        }
        let interrupted = vec![contents.len() - 1];
        self.commit(Event::Added {
            contents,
            interrupted,
        });
        true
    }

    /// Returns an independent copy without a journal. [`set_journal`](Self::set_journal) can give it its own.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let mut chat = GenerativeModel::new("m").backend(Scripted::always("Hello!")).start_chat();
    /// chat.send_message("Hi").await?;
    /// let mut other = chat.fork();
    /// other.send_message("Tell me a joke.").await?;
    ///
    /// assert_eq!((chat.history().len(), other.history().len()), (2, 4));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            writer: None,
            ..self.clone()
        }
    }
}

/// Journal.
impl ChatSession {
    /// Stores the conversation in a journal from now on, starting with its contents so far. Turns that were undone
    /// before are not stored.
    ///
    /// Each message is stored before it is sent, and the result of the turn when it is over. Changes that do not wait,
    /// such as [`rewind`](Self::rewind), are stored before the next message, or by [`save`](Self::save).
    ///
    /// If another writer modified the journal, for example a clone of this conversation, the next message fails with
    /// [`Conflict`](ErrorKind::Conflict) and is not sent. If the journal fails in another way, the conversation
    /// continues in memory: [`unsaved`](Self::unsaved) returns the error, and the next write stores the missing events.
    #[must_use]
    pub fn journal(mut self, journal: impl Journal + 'static) -> Self {
        self.set_journal(journal);
        self
    }

    /// Stores the conversation in a journal from now on, like [`journal`](Self::journal). An earlier journal of the
    /// conversation is not used any more.
    pub fn set_journal(&mut self, journal: impl Journal + 'static) {
        let mut writer = Writer::new(journal, 0);
        let events = self.state.snapshot().into_events();
        for event in events.expect("a state is consistent") {
            writer.note(event);
        }
        self.writer = Some(writer);
    }

    /// Continues the conversation that a journal contains, and appends to the journal from now on.
    ///
    /// History, unfinished turn and undone turns are as they were. A turn without a final event was
    /// [`Interrupted`](Reason::Interrupted). Settings that were made for its message are lost. The model, its tools
    /// and the other settings are those of this value.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) if an event does not fit those before it. The message contains its number,
    /// counted from 1.
    ///
    /// `generativeai-store` does this for its sessions. [`Journal`] has an example with a journal in memory.
    pub fn resume(
        mut self,
        journal: impl Journal + 'static,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<Self> {
        self.state = State::default();
        let mut written = 0;
        for event in events {
            written += 1;
            self.state.apply(event).map_err(|invalid| {
                let message = format!("event {written} of the journal {invalid}");
                Error::new(ErrorKind::Corrupt, message)
            })?;
        }
        self.writer = Some(Writer::new(journal, written));
        if self.state.has_empty_contents() {
            self.remove_empty_contents();
        }
        Ok(self)
    }

    /// Removes contents without parts, which older versions stored and the API rejects. The turns that were undone are
    /// forgotten.
    fn remove_empty_contents(&mut self) {
        let snapshot = self.state.snapshot().without_empty_contents();
        let events = snapshot.into_events();
        let contents = Vec::new();
        self.commit(Event::Replaced { contents });
        for event in events.expect("a state is consistent") {
            self.commit(event);
        }
    }

    /// Writes all pending events to the [journal](Self::journal), including the part of the reply that an interrupted turn
    /// received. Does nothing without a journal.
    ///
    /// # Errors
    /// The error of the journal. Nothing is lost: the events stay pending.
    ///
    /// A program calls it before it ends, and after changes that no message follows, such as [`rewind`](Self::rewind):
    ///
    /// ```
    /// # use generativeai::{BoxFuture, Entry, GenerativeModel, Journal, Result, testing::Scripted};
    /// # #[derive(Debug)]
    /// # struct Nowhere;
    /// # impl Journal for Nowhere {
    /// #     fn append(&self, _: u64, _: Vec<Entry>) -> BoxFuture<Result<()>> { Box::pin(async { Ok(()) }) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::always("Hello!"));
    /// # let mut chat = model.start_chat().journal(Nowhere);
    /// chat.send_message("Hi").await?;
    /// chat.rewind();
    /// chat.save().await?;
    /// assert!(chat.unsaved().is_none());
    /// # Ok(()) }
    /// ```
    pub async fn save(&mut self) -> Result<()> {
        self.close_turn();
        let mut write = self.begin_write();
        let written = write.result().await;
        self.end_write(written)
    }

    /// Returns the error of the last write to the [journal](Self::journal), if it failed.
    ///
    /// `None` does not mean that everything is stored: changes that do not wait are stored with the next message. A
    /// program that must not lose a turn checks this after each message, and reports the error to its user.
    pub fn unsaved(&self) -> Option<&Error> {
        self.writer.as_ref()?.failed()
    }
}

impl ChatSession {
    /// Applies an event, and notes it for the journal.
    pub(super) fn commit(&mut self, event: Event) {
        // Without a journal the event moves into the state, and nothing is copied.
        if let Some(writer) = &mut self.writer {
            writer.note(event.clone());
        }
        let applied = self.state.apply(event);
        applied.expect("an event of a live conversation fits its state");
    }

    /// Stores what the open turn received up to a token: from there it continues, also after the program ended.
    pub(super) fn commit_hop(&mut self, received: Arc<GenerateContentResponse>) {
        let reason = Reason::Interrupted;
        let received = Some(received);
        self.commit(Event::Unfinished { reason, received });
        if let Some(writer) = &mut self.writer {
            writer.reopen();
        }
    }

    /// Ends the open turn for a reason: it stays unfinished. Calls that have no response get one that reports the
    /// interruption.
    pub(super) fn end_turn(&mut self, reason: Reason) {
        for event in self.state.end_round() {
            self.commit(event);
        }
        let turn = self.state.unfinished();
        let received = turn.and_then(|turn| turn.received.clone());
        if let Some(checkpoint) = turn.and_then(Unfinished::earlier_checkpoint) {
            self.commit_hop(checkpoint);
        }
        self.commit(Event::Unfinished { reason, received });
    }

    /// Notes for the journal that the turn it knows as open was interrupted.
    pub(super) fn close_turn(&mut self) {
        if self.has_unrecorded_end() {
            self.end_turn(Reason::Interrupted);
        }
    }

    /// Returns whether the journal knows the turn as open and not how far it came. The events of a round that waits for
    /// approval contain everything.
    fn has_unrecorded_end(&self) -> bool {
        let is_open = self.writer.as_ref().is_some_and(Writer::is_open);
        is_open && self.held_round().is_none()
    }

    /// Returns the round whose calls wait for approval, or are approved and have not started.
    pub(super) fn held_round(&self) -> Option<&Round> {
        self.unfinished()?.held_round()
    }

    /// Begins to write pending events to the journal.
    pub(super) fn begin_write(&mut self) -> Write {
        self.writer.as_mut().map(Writer::begin).unwrap_or_default()
    }

    /// Records the result of a write, for [`unsaved`](Self::unsaved).
    pub(super) fn end_write(&mut self, written: Option<Result<()>>) -> Result<()> {
        match (&mut self.writer, written) {
            (Some(writer), Some(written)) => writer.end(written),
            _ => Ok(()),
        }
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
