//! Approval of function calls: policies and their decisions.

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Function;
use super::run::{Contained, contained};
use crate::protocol::content::FunctionCall;
use crate::stream::BoxFuture;

/// Decision on a function call.
///
/// In JSON it is `"run"`, `{"runWith": {…}}`, `{"deny": "reason"}` or `"wait"`.
///
/// ```
/// use generativeai::Decision;
///
/// // A page that asks its user sends the decision as JSON.
/// let decision: Decision = serde_json::from_str(r#"{"deny": "not on a Sunday"}"#)?;
/// assert_eq!(decision, Decision::deny("not on a Sunday"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Decision {
    /// The function runs with the arguments of the call.
    Run,
    /// The function runs with these arguments instead. The call stays as the model wrote it; its response gets the
    /// member `changedArguments` with these arguments, which the model reads.
    RunWith(Map<String, Value>),
    /// The function does not run. The model reads the reason.
    Deny(String),
    /// Nothing is decided yet: the turn waits for [`ChatSession::decide`](crate::ChatSession::decide).
    Wait,
}

impl Decision {
    /// Creates a decision that a function does not run, with the reason that the model reads.
    pub fn deny(reason: impl Into<String>) -> Self {
        Self::Deny(reason.into())
    }
}

/// Function call that needs a decision of an [`ApprovalPolicy`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallRequest {
    /// Identifier for [`ChatSession::decide`](crate::ChatSession::decide), if the call has to wait.
    pub id: String,
    /// The call. The model wrote its name and arguments, so they may contain control characters: escape them before
    /// they are printed.
    pub call: FunctionCall,
    /// The function that would run.
    pub function: Function,
}

/// Policy that decides on each function call before it runs:
/// [`AutomaticFunctionCalling::approve`](crate::AutomaticFunctionCalling::approve) sets it.
///
/// An [`Approval`] is a policy, and so is a closure or a `fn` that takes a [`CallRequest`] and returns a future of a
/// [`Decision`].
///
/// ```
/// use generativeai::{AutomaticFunctionCalling, CallRequest, Decision};
///
/// let careful = AutomaticFunctionCalling::default().approve(async |request: CallRequest| {
///     match request.call.name() {
///         "delete" => Decision::deny("nothing may be deleted"),
///         _ if request.function.is_read_only() => Decision::Run,
///         _ => Decision::Wait,
///     }
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "this is not a policy for function calls",
    note = "a policy is an `Approval`, or a closure with a named type: `async |request: CallRequest| Decision::Run`",
    note = "it is `Fn + Send + Sync + 'static`: keep state that changes in a `Mutex`"
)]
pub trait ApprovalPolicy: Send + Sync + 'static {
    /// Decides on a call. If this panics or exceeds the time limit, the call is denied.
    fn decide(&self, request: CallRequest) -> BoxFuture<Decision>;
}

impl<P, F> ApprovalPolicy for P
where
    P: Fn(CallRequest) -> F + Send + Sync + 'static,
    F: Future<Output = Decision> + Send + 'static,
{
    fn decide(&self, request: CallRequest) -> BoxFuture<Decision> {
        Box::pin(self(request))
    }
}

/// Policy that decides without asking.
///
/// | Policy | Function that changes something | [Read-only](Function::is_read_only) function |
/// | --- | --- | --- |
/// | [`Always`](Self::Always) | runs | runs |
/// | [`ReadOnly`](Self::ReadOnly) | is denied | runs |
/// | [`Never`](Self::Never) | is denied | is denied |
///
/// ```
/// use generativeai::{Approval, AutomaticFunctionCalling, Function, GenerativeModel, testing::Scripted};
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// let backend = Scripted::default().then_call("delete", json!({})).then_text("I may not delete it.");
/// let delete = Function::new("delete", "Deletes the file.", || -> String { unreachable!("it is denied") });
/// let model = GenerativeModel::new("m").tools(delete).backend(backend);
/// let careful = AutomaticFunctionCalling::default().approve(Approval::ReadOnly);
/// let mut chat = model.start_chat().automatic_function_calling(careful);
///
/// assert_eq!(chat.send_message("Delete the file.").await?.text()?, "I may not delete it.");
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Approval {
    /// Runs every call.
    Always,
    /// Denies every call.
    Never,
    /// Runs the calls of functions that are [read-only](Function::is_read_only), and denies the others.
    ReadOnly,
}

impl ApprovalPolicy for Approval {
    fn decide(&self, request: CallRequest) -> BoxFuture<Decision> {
        let decision = match self {
            Self::Always => Decision::Run,
            Self::Never => Decision::deny("functions are not allowed to run"),
            Self::ReadOnly if request.function.is_read_only() => Decision::Run,
            Self::ReadOnly => Decision::deny("only functions that change nothing are allowed"),
        };
        Box::pin(ready(decision))
    }
}

/// Asks a policy for a decision. The call is denied if the policy panics, exceeds the limit, or replaces the arguments
/// by ones that do not fit the function.
pub(crate) fn ask_policy(
    policy: Arc<dyn ApprovalPolicy>,
    request: CallRequest,
    limit: Option<Duration>,
) -> BoxFuture<Decision> {
    let function = request.function.clone();
    Box::pin(async move {
        match contained(move || policy.decide(request), limit).await {
            Contained::Returned(Decision::RunWith(arguments)) => match function.check(&arguments) {
                Ok(()) => Decision::RunWith(arguments),
                Err(error) => Decision::Deny(format!("the changed arguments do not fit: {error}")),
            },
            Contained::Returned(decision) => decision,
            Contained::Exceeded(limit) => {
                Decision::Deny(format!("nobody decided within {limit:?}"))
            }
            Contained::Panicked(_) => Decision::deny("the decision failed"),
        }
    })
}

impl fmt::Debug for dyn ApprovalPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApprovalPolicy")
    }
}
