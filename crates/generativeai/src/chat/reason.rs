//! Reasons why a turn did not complete.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::protocol::response::FinishReason;

/// Reason why a turn did not complete.
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
    /// A journal and a saved chat store the message alone. After loading, the kind is
    /// [`Unreachable`](crate::ErrorKind::Unreachable) and all other details are missing.
    Failed(#[serde(with = "message")] Error),
    /// The model stopped for a reason that is not a regular end of a reply, such as
    /// [`Safety`](FinishReason::Safety).
    Stopped(FinishReason),
    /// The service blocked the prompt. The feedback of the received response contains the reason.
    Blocked,
    /// The limit of function rounds was reached, and the calls were returned to the caller. A message with a
    /// response to each of the [pending calls](crate::ChatSession::pending_calls) continues the turn.
    CallsReturned,
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
        Ok(Error::new(ErrorKind::Unreachable, message))
    }
}
