//! Reasons why a turn did not complete.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::protocol::content::FunctionCall;
use crate::protocol::response::FinishReason;

/// Reason why a turn did not complete.
///
/// | Reason | What helps |
/// | --- | --- |
/// | [`Interrupted`](Self::Interrupted), [`Truncated`](Self::Truncated) | [`retry`], or [`keep_partial`] |
/// | [`Failed`](Self::Failed) | [`retry`], if the error [is retryable](Error::is_retryable) |
/// | [`Stopped`](Self::Stopped) | [`keep_partial`], another message, or [`accept_finish_reasons`] |
/// | [`Blocked`](Self::Blocked) | [`rewind`], and another message |
/// | [`CallsReturned`](Self::CallsReturned) | a message that answers the [calls](crate::ChatSession::pending_calls) |
/// | [`AwaitingApproval`](Self::AwaitingApproval) | [`decide`](crate::ChatSession::decide) |
///
/// ```
/// use generativeai::{GenerativeModel, Reason, testing::Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// let backend = Scripted::default().then_fail(&["1,345 "]).then_text("1,345 metres.");
/// let mut chat = GenerativeModel::new("m").backend(backend).start_chat();
/// let failed = chat.send_message("How tall is Ben Nevis?").stream().finish().await;
/// assert!(failed.is_err());
///
/// let unfinished = chat.unfinished().unwrap();
/// let can_retry = match &unfinished.reason {
///     Reason::Interrupted | Reason::Truncated => true,
///     Reason::Failed(error) => error.is_retryable(),
///     _ => false,
/// };
/// assert!(can_retry);
/// assert_eq!(chat.retry().await?.text()?, "1,345 metres.");
/// # Ok(()) }
/// ```
///
/// [`retry`]: crate::ChatSession::retry
/// [`keep_partial`]: crate::ChatSession::keep_partial
/// [`rewind`]: crate::ChatSession::rewind
/// [`accept_finish_reasons`]: crate::SendMessage::accept_finish_reasons
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Reason {
    /// The future or the stream of the turn was dropped, or the program ended while the turn ran.
    Interrupted,
    /// The stream ended without a finish reason: the reply is probably cut off.
    Truncated,
    /// The turn failed with this error.
    ///
    /// Journals and saved chats contain its message and its kind. After loading, all other details are missing. Data of
    /// older versions has no kind: the error is then [`Unreachable`](crate::ErrorKind::Unreachable).
    Failed(#[serde(with = "message")] Error),
    /// The model stopped for a reason that is not a regular end of a reply, such as
    /// [`Safety`](FinishReason::Safety).
    Stopped(FinishReason),
    /// The service blocked the prompt. The [feedback](crate::protocol::response::PromptFeedback) of the received
    /// response contains the reason.
    Blocked,
    /// The [limit of function rounds](crate::AutomaticFunctionCalling::max_rounds) was reached, and the calls were
    /// returned to the caller. A message with a response to each of the
    /// [pending calls](crate::ChatSession::pending_calls) continues the turn.
    CallsReturned,
    /// Function calls wait for a decision. [`ChatSession::decide`](crate::ChatSession::decide) passes the decision and
    /// continues the turn, in this process or in another one.
    ///
    /// The [policy of the chat](crate::AutomaticFunctionCalling::approve) returned
    /// [`Decision::Wait`](crate::Decision::Wait), or the turn was dropped while the policy decided.
    AwaitingApproval(Vec<WaitingCall>),
}

/// Function call that waits for a decision.
///
/// ```
/// use generativeai::{AutomaticFunctionCalling, CallRequest, Decision, Function, GenerativeModel, Reason};
/// use generativeai::testing::Scripted;
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// let backend = Scripted::default().then_call("delete", json!({})).then_text("Deleted.");
/// let delete = Function::new("delete", "Deletes the file.", || "done");
/// let ask = AutomaticFunctionCalling::default().approve(async |_: CallRequest| Decision::Wait);
/// let model = GenerativeModel::new("m").tools(delete).backend(backend);
/// let mut chat = model.start_chat().automatic_function_calling(ask);
/// chat.send_message("Delete the file.").await?;
///
/// let Some(Reason::AwaitingApproval(waiting)) = chat.unfinished().map(|turn| turn.reason.clone()) else {
///     panic!("nothing waits");
/// };
/// println!("Run {}?", waiting[0].call.name());
/// let reply = chat.decide([(waiting[0].id.as_str(), Decision::Run)]).await?;
/// assert_eq!(reply.text()?, "Deleted.");
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WaitingCall {
    /// Identifier for [`ChatSession::decide`](crate::ChatSession::decide). It is random, so it identifies this call in
    /// other processes as well. It is not the optional [id of the API](FunctionCall::id).
    pub id: String,
    /// The call, as the model wrote it.
    pub call: FunctionCall,
}

/// Prints no arguments: they do not belong in logs.
impl fmt::Debug for WaitingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitingCall")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Serde of a reason as two members of an event or of a saved turn: the reason, and the kind of its error.
pub(super) mod recorded {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Reason;
    use crate::error::{Error, ErrorKind};

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Recorded {
        reason: Reason,
        /// Kind of the error, if the reason is an error.
        // A separate member, since older versions read the error as a string. Not an `ErrorKind`: an unknown kind would
        // make the whole event unreadable.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error_kind: Option<serde_json::Value>,
    }

    pub(in crate::chat) fn serialize<S: Serializer>(
        reason: &Reason,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let error_kind = match reason {
            Reason::Failed(error) => serde_json::to_value(error.kind()).ok(),
            _ => None,
        };
        let reason = reason.clone();
        Recorded { reason, error_kind }.serialize(serializer)
    }

    pub(in crate::chat) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Reason, D::Error> {
        let Recorded { reason, error_kind } = Recorded::deserialize(deserializer)?;
        // A kind that a newer version added is ignored.
        let kind = error_kind.and_then(|kind| serde_json::from_value::<ErrorKind>(kind).ok());
        Ok(match (reason, kind) {
            (Reason::Failed(error), Some(kind)) => {
                Reason::Failed(Error::new(kind, error.to_string()))
            }
            (reason, _) => reason,
        })
    }
}

/// Serde of an error as its message.
mod message {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::error::{Error, ErrorKind};

    pub(super) fn serialize<S: Serializer>(
        error: &Error,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(error)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Error, D::Error> {
        let message = String::deserialize(deserializer)?;
        // Older versions stored no kind, and treated every loaded error as retryable.
        Ok(Error::new(ErrorKind::Unreachable, message))
    }
}
