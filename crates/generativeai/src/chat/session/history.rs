//! Methods that read the history, undo and redo turns, and keep partial replies.

use super::ChatSession;
use crate::chat::event::Event;
use crate::chat::history::{fill_roles, last_turn, remove_empty_parts};
use crate::chat::reason::Reason;
use crate::chat::round::{calls_of, unanswered};
use crate::chat::unfinished::Unfinished;
use crate::protocol::content::{Content, FunctionCall, Role};
use crate::protocol::response::GenerateContentResponse;

impl ChatSession {
    /// Returns the history: the contents of complete turns, which the next request sends before its message.
    ///
    /// With a [budget](Self::context_budget) the next message may drop the oldest turns. They are then in
    /// [`dropped`](Self::dropped).
    ///
    /// A turn has a message with the role `user` and a reply with the role `model`. Between them are the rounds of
    /// function calls. A round is a content of the model with the calls, and a content with the role `user` that
    /// contains the responses.
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

    /// Replaces the history, and discards the rest of the conversation: the [last response](Self::last), the
    /// [unfinished turn](Self::unfinished), and undone or [dropped](Self::dropped) turns.
    ///
    /// Contents are stored as given, with two exceptions. Missing roles are set: function responses get the role
    /// `user`, and otherwise `user` and `model` alternate from the first role that is known. Parts without data, empty
    /// text of the model and contents without parts are left out, since the API rejects them.
    ///
    /// Roles that the API does not have are kept, and the API then rejects each request. [`check`](Self::check) reports
    /// them early.
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

    /// Removes the history, and discards the rest of the conversation, like [`set_history`](Self::set_history) with an
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
    /// To show the whole conversation, show them before the history. With [`Compaction::Summarize`] the history begins
    /// with the prompt for the summary and the summary. The user wrote neither of them.
    ///
    /// [`Compaction::Summarize`]: crate::Compaction::Summarize
    pub fn dropped(&self) -> &[Content] {
        self.state.dropped()
    }

    /// Returns the last response, complete or not. There is none before the first response to a message, after an
    /// [undo](Self::rewind), and after [`set_history`](Self::set_history).
    ///
    /// Unlike the history it contains the finish reason, the safety ratings, the sources and the token counts. In a
    /// turn with function calls the counts are the sum over all of its requests, each of which sends the history again.
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
    ///     // Nothing else to wait for: keep the part that a stream received, or forget the turn.
    ///     _ => if !chat.keep_partial() { chat.rewind(); },
    /// }
    /// assert!(chat.unfinished().is_none());
    /// # Ok(()) }
    /// ```
    pub fn unfinished(&self) -> Option<&Unfinished> {
        self.state.unfinished()
    }

    /// Returns the function calls that the next message has to answer, with a
    /// [`FunctionResponse`](crate::protocol::content::FunctionResponse) for each of them. The API rejects a request
    /// with an unanswered call.
    ///
    /// These calls of the last reply were not run within the turn: [automatic calls](Self::automatic_function_calling)
    /// are off or reached their limit, or a function is declared without code.
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

    /// Undoes the unfinished turn if any, otherwise the last turn, and returns its message and its reply.
    /// Returns `None` for an empty conversation.
    ///
    /// A turn is undone as a whole, including its rounds of function calls. The effects of the functions remain. If no
    /// reply was received, the returned reply has no parts. [`redo`](Self::redo) reverses this.
    ///
    /// To let a user edit a message, undo its turn, change the returned message, and send it again.
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
        // Closing the turn moves a reply whose functions run to the rounds.
        let unfinished = self.unfinished().map(Unfinished::pair);
        // The journal gets the received part first, so that a redo after a restart restores it.
        self.close_turn();
        self.commit(Event::Rewound { length });
        unfinished.or_else(|| self.state.undone())
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
    /// The received part of the reply becomes the reply of the turn, and [`is_interrupted`](Self::is_interrupted) is
    /// true for its index. Function calls without a response get one that reports whether the function was interrupted
    /// or the call was not answered, since the API rejects a request with an unanswered call. If nothing was received,
    /// the turn stays unfinished. An awaited request receives its reply in one piece, so a failed one leaves no part of
    /// it.
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
        // Only the message: a turn without any reply does not enter the history.
        if contents.len() < 2 {
            return false;
        }
        let (reason, received) = (turn.reason.clone(), turn.received.clone());
        // `Added` makes the received part of the turn the last response, and a journal has no part of a dropped turn
        // yet.
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
