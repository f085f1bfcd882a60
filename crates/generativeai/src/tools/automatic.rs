//! Settings for running functions automatically within a turn.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::approval::{ApprovalPolicy, Decision};
use crate::protocol::content::{FunctionCall, FunctionResponse};

/// Settings for running the functions that the model calls, within a turn.
///
/// A *round* is one reply that calls functions, together with the responses to all its calls. The calls of
/// a round run concurrently; the responses are sent in the order of the calls. Rounds repeat until the model
/// replies without a call. Setters of chats also accept `true` for the defaults, and `false` to run no functions.
///
/// Each round is another request, which sends the whole history and has its own cost. The token counts of the reply
/// include all rounds. Functions run on the task that awaits the message; dropping its future drops them.
///
/// ```
/// use std::time::Duration;
/// use generativeai::{AutomaticFunctionCalling, OnRoundLimit};
///
/// let careful = AutomaticFunctionCalling::default()
///     .max_rounds(3)
///     .on_round_limit(OnRoundLimit::ForceText)
///     .time_limit(Duration::from_secs(10));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AutomaticFunctionCalling {
    /// Maximum number of rounds in a turn. Default: 10.
    ///
    /// A limit ends a loop in which the model calls the same function again and again. With 0 no function runs: the
    /// first call reaches the limit.
    pub max_rounds: u32,
    /// Action when the model still calls functions after the last round. Default:
    /// [`OnRoundLimit::ReturnCalls`].
    pub on_round_limit: OnRoundLimit,
    /// Action when a function fails. Default: [`OnFailure::Answer`].
    pub on_failure: OnFailure,
    /// Maximum duration of one call. Default: none.
    ///
    /// A call that takes longer is dropped, and is treated as failed. A handler that is not `async` runs to the end.
    /// Needs a tokio runtime with its timer.
    pub time_limit: Option<Duration>,
    /// Maximum duration of one decision of the [policy](Self::approve). Default: none, since a person may take hours.
    ///
    /// A call that is not decided in time is denied. Needs a tokio runtime with its timer.
    pub approval_time_limit: Option<Duration>,
    pub(crate) policy: Option<Arc<dyn ApprovalPolicy>>,
    enabled: bool,
    observer: Option<Observer>,
}

/// Callback for the steps of function calls. Clones share it.
#[derive(Clone)]
struct Observer(Arc<dyn Fn(FunctionEvent<'_>) + Send + Sync>);

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// Action when the model still calls functions after the last round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnRoundLimit {
    /// Returns the reply with its calls to the caller.
    ///
    /// The caller can ask a user whether the model may continue:
    ///
    /// ```
    /// use generativeai::protocol::content::Part;
    /// use generativeai::{AutomaticFunctionCalling, Function, GenerativeModel, Toolbox};
    /// # use generativeai::{protocol::content::FunctionCall, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let call = || FunctionCall::new("delete", Default::default());
    /// # let script = Scripted::default().then_parts([call(), call()]).then_text("Deleted.");
    /// let delete = Function::new("delete", "Deletes the file.", || "done");
    /// let tools = Toolbox::from([delete]);
    /// let model = GenerativeModel::new("m").tools(&tools);
    /// # let model = model.backend(script);
    /// // With 0 rounds every call is returned.
    /// let ask_first = AutomaticFunctionCalling::default().max_rounds(0);
    /// let mut chat = model.start_chat().automatic_function_calling(ask_first);
    /// chat.send_message("Delete the file.").await?;
    ///
    /// // After the user agreed. One message answers all calls.
    /// let mut answers: Vec<Part> = Vec::new();
    /// for call in chat.pending_calls() {
    ///     answers.push(tools.answer(call).await.into());
    /// }
    /// assert_eq!(chat.send_message(answers).await?.text()?, "Deleted.");
    /// # Ok(()) }
    /// ```
    ///
    /// The turn stays unfinished. A message that answers all [pending calls](crate::ChatSession::pending_calls)
    /// continues it.
    #[default]
    ReturnCalls,
    /// Forbids calls in the request after the last round, so that the model answers from the results so far. If the
    /// model calls a function nevertheless, the turn fails as with [`Fail`](Self::Fail).
    ForceText,
    /// Fails the turn with an error of kind [`Function`](crate::ErrorKind::Function).
    /// The turn is unfinished, with the rounds so far.
    Fail,
}

/// Action when a function that the model calls fails.
///
/// A function fails when it returns an error, panics, exceeds the time limit, gets arguments that do not
/// fit its parameters, or does not exist.
///
/// ```
/// use generativeai::{AutomaticFunctionCalling, ErrorKind, Function, GenerativeModel, OnFailure};
/// # use generativeai::testing::Scripted;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// # let script = Scripted::default().then_call("now", serde_json::json!({}));
/// let now = Function::new("now", "Returns the time.", || Err::<String, _>("the clock is broken"));
/// let strict = AutomaticFunctionCalling::default().on_failure(OnFailure::Fail);
/// let model = GenerativeModel::new("m").tools(now);
/// # let model = model.backend(script);
/// let mut chat = model.start_chat().automatic_function_calling(strict);
///
/// let error = chat.send_message("What time is it?").await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Function);
/// assert_eq!(format!("{error:#}"), "function `now` failed: the clock is broken");
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// Answers the call with `{"error": "…"}` and continues the turn: models often correct
    /// a call when they read the error.
    #[default]
    Answer,
    /// Fails the turn with the error of the function. Other calls of the round still complete.
    Fail,
}

/// Step of a function call, as passed to an [observer](AutomaticFunctionCalling::observer).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum FunctionEvent<'turn> {
    /// A call was decided on. Without a [policy](AutomaticFunctionCalling::approve) there are no decisions.
    Decided(&'turn FunctionCall, &'turn Decision),
    /// A call is about to run, with the approved arguments. If its function does not exist or cannot read the
    /// arguments, its response is an error. A call that was denied is only [`Decided`](Self::Decided).
    Called(&'turn FunctionCall),
    /// A call that is not denied has its response, which may be an error. A call that cannot run is not
    /// [`Called`](Self::Called) before: the service rejected it, or the journal could not store its start.
    Answered(&'turn FunctionCall, &'turn FunctionResponse),
}

impl AutomaticFunctionCalling {
    /// Sets the maximum number of rounds in a turn. With 0 no function runs.
    #[must_use]
    pub fn max_rounds(mut self, max_rounds: u32) -> Self {
        self.max_rounds = max_rounds;
        self
    }

    /// Sets the action when the model still calls functions after the last round.
    #[must_use]
    pub fn on_round_limit(mut self, on_round_limit: OnRoundLimit) -> Self {
        self.on_round_limit = on_round_limit;
        self
    }

    /// Sets the action when a function fails.
    #[must_use]
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Sets the maximum duration of one call. Needs a tokio runtime with its timer.
    #[must_use]
    pub fn time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = Some(time_limit);
        self
    }

    /// Sets a policy that decides on each call before it runs: an [`Approval`](crate::Approval), or an async closure
    /// that returns a [`Decision`]. Default: none, and every call runs.
    ///
    /// The calls of a round are decided one after the other, in their order, and none of them runs before all are
    /// decided. A policy that panics denies the call, as does one that exceeds
    /// [`approval_time_limit`](Self::approval_time_limit). Calls of functions that do not exist are denied without
    /// asking.
    ///
    /// With [`Decision::Wait`] the turn ends, and stays [unfinished](crate::ChatSession::unfinished) with the reason
    /// [`AwaitingApproval`](crate::Reason::AwaitingApproval): [`decide`](crate::ChatSession::decide) continues it, also
    /// in another process. A turn that is dropped while the policy decides waits as well.
    ///
    /// With a journal, each call, each decision, the start and each response are stored when they happen, so that no
    /// call runs twice. If the start cannot be stored, the calls do not run.
    ///
    /// ```
    /// use generativeai::{Approval, AutomaticFunctionCalling, Function, GenerativeModel};
    /// # use generativeai::testing::Scripted;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::default().then_call("erase", serde_json::json!({})).then_text("I may not.");
    /// let erase = Function::new("erase", "Erases the disk.", || "erased");
    /// let model = GenerativeModel::new("gemini-flash-latest").tools(erase);
    /// # let model = model.backend(script);
    /// let careful = AutomaticFunctionCalling::default().approve(Approval::ReadOnly);
    /// let mut chat = model.start_chat().automatic_function_calling(careful);
    /// assert_eq!(chat.send_message("Erase the disk!").await?.text()?, "I may not.");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn approve(mut self, policy: impl ApprovalPolicy) -> Self {
        self.policy = Some(Arc::new(policy));
        self
    }

    /// Sets the maximum duration of one decision of the [policy](Self::approve), after which the call is denied. Needs
    /// a tokio runtime with its timer.
    #[must_use]
    pub fn approval_time_limit(mut self, limit: Duration) -> Self {
        self.approval_time_limit = Some(limit);
        self
    }

    /// Sets a callback for each decision, call and response as they happen, to show or log them.
    ///
    /// It runs on the task of the turn, which waits for it.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use generativeai::{AutomaticFunctionCalling, Function, FunctionEvent, GenerativeModel};
    /// # use generativeai::testing::Scripted;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::default().then_call("now", serde_json::json!({})).then_text("Half past twelve.");
    /// let log = Arc::new(Mutex::new(Vec::new()));
    /// let lines = log.clone();
    /// let observed = AutomaticFunctionCalling::default().observer(move |event| {
    ///     lines.lock().unwrap().push(match event {
    ///         FunctionEvent::Called(call) => format!("{} …", call.name()),
    ///         FunctionEvent::Answered(call, _) => format!("{} done", call.name()),
    ///         _ => return,
    ///     });
    /// });
    /// let now = Function::new("now", "Returns the time.", || "12:30");
    /// let model = GenerativeModel::new("m").tools(now);
    /// # let model = model.backend(script);
    /// let mut chat = model.start_chat().automatic_function_calling(observed);
    /// chat.send_message("What time is it?").await?;
    ///
    /// assert_eq!(*log.lock().unwrap(), ["now …", "now done"]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn observer(
        mut self,
        observer: impl Fn(FunctionEvent<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.observer = Some(Observer(Arc::new(observer)));
        self
    }

    /// Returns the settings, or `None` if they were created from `false`.
    pub(crate) fn enabled(self) -> Option<Self> {
        self.enabled.then_some(self)
    }

    /// Passes an event to the observer, if any.
    pub(crate) fn observe(&self, event: FunctionEvent<'_>) {
        if let Some(Observer(observer)) = &self.observer {
            observer(event);
        }
    }
}

impl Default for AutomaticFunctionCalling {
    fn default() -> Self {
        Self {
            max_rounds: 10,
            on_round_limit: OnRoundLimit::default(),
            on_failure: OnFailure::default(),
            time_limit: None,
            approval_time_limit: None,
            policy: None,
            enabled: true,
            observer: None,
        }
    }
}

impl From<bool> for AutomaticFunctionCalling {
    fn from(enabled: bool) -> Self {
        Self {
            enabled,
            ..Self::default()
        }
    }
}
