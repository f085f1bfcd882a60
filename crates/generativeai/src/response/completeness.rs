//! Check that a reply is complete, and the error for a reply that is not.
//!
//! The service reports a failed reply with HTTP status 200, so a reply has to be checked before it enters a history, as
//! does the summary that replaces the beginning of one (`chat/budget.rs`).
//! The first row that applies decides:
//!
//! | The reply | Error |
//! | --- | --- |
//! | has feedback that the prompt was blocked | `Blocked` |
//! | has no candidate | `Empty` |
//! | ended with a reason other than `STOP` and `MAX_TOKENS` that is not accepted | `Stopped` |
//! | is a stream without a finish reason | `Truncated` |
//! | has no parts with content | `Empty` |
//! | ends within the arguments of a call | `Truncated` |

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::Part;
use crate::protocol::response::{
    BlockReason, FinishReason, GenerateContentResponse, PromptFeedback,
};

/// Maximum number of unknown members in an error message.
const MAX_NAMES: usize = 5;

impl GenerateContentResponse {
    /// Checks that the received reply is complete and may enter a history.
    ///
    /// The prompt was not blocked, the finish reason is a regular end or accepted, and there is content with complete
    /// function calls. A reply in one piece (not `streamed`) may lack a finish reason: it cannot have been cut off.
    ///
    /// # Errors
    /// See the table of this module.
    pub(crate) fn check_complete(
        &self,
        streamed: bool,
        is_accepted: impl Fn(&FinishReason) -> bool,
    ) -> Result<()> {
        if self.is_blocked() {
            return Err(self.blocked_error());
        }
        if self.candidates.is_empty() {
            return Err(self.empty_error());
        }
        let reason = self
            .finish_reason()
            .filter(|reason| !reason.is_unspecified());
        match reason {
            // Before the content is checked: a stopped reply often has none, and the reason explains why.
            Some(reason) if reason.is_stop() && !is_accepted(reason) => {
                return Err(self.stopped_error(reason));
            }
            None if streamed => return self.check_whole_stream(),
            _ => {}
        }
        let parts = self.first_parts();
        if !parts.iter().any(Part::has_content) {
            return Err(self.empty_error());
        }
        let mut calls = parts.iter().filter_map(Part::as_function_call);
        match calls.find(|call| !call.is_complete()) {
            Some(call) => Err(Error::new(
                ErrorKind::Truncated,
                format!(
                    "the reply ended within the arguments of the call of `{}`",
                    call.name()
                ),
            )),
            None => Ok(()),
        }
    }

    /// Checks that a stream that is over ended with a finish reason. A connection that is closed early looks like the
    /// end of the stream, and the finish reason shows the difference.
    pub(crate) fn check_whole_stream(&self) -> Result<()> {
        let finished = |reason: &FinishReason| !reason.is_unspecified();
        if self.candidates.is_empty() {
            Err(self.empty_error())
        } else if self.finish_reason().is_some_and(finished) {
            Ok(())
        } else {
            let message = "the stream ended without a finish reason: the reply is incomplete";
            Err(Error::new(ErrorKind::Truncated, message))
        }
    }

    /// Returns the error for a blocked prompt.
    pub(crate) fn blocked_error(&self) -> Error {
        let feedback = self.prompt_feedback.as_deref();
        let reason = feedback.and_then(PromptFeedback::known_reason);
        let message = feedback.and_then(PromptFeedback::message);
        // Both members are optional in the API.
        let why = match (reason.map(BlockReason::as_str), message) {
            (Some(reason), Some(message)) => format!("{reason}: {message}"),
            (Some(why), None) | (None, Some(why)) => why.to_owned(),
            (None, None) => "no reason was given".to_owned(),
        };
        Error::new(ErrorKind::Blocked, format!("the prompt was blocked: {why}"))
    }

    /// Returns the error for a stopped reply. It contains the explanation of the service, otherwise a general one.
    pub(crate) fn stopped_error(&self, reason: &FinishReason) -> Error {
        let explanation = self
            .candidates
            .first()
            .and_then(|candidate| candidate.finish_message.as_deref())
            .or(reason.meaning());
        let message = match explanation {
            Some(explanation) => format!("the model stopped with {reason}: {explanation}"),
            None => format!("the model stopped with {reason}"),
        };
        Error::new(ErrorKind::Stopped, message)
    }

    /// Returns the error for a response without content. It names what the response does contain, such as token counts
    /// or the members of another API.
    pub(crate) fn empty_error(&self) -> Error {
        let message = match (self.candidates.first(), self.finish_reason()) {
            (None, _) if self.usage_metadata.is_some() => {
                "the response has usage but no candidate".into()
            }
            (None, _) if !self.unknown.is_empty() => {
                let names = self.unknown.iter().map(|(name, _)| format!("`{name}`"));
                let names: Vec<_> = names.take(MAX_NAMES).collect();
                format!(
                    "the response has no candidate, but the unknown {}: it may be that of another API",
                    names.join(", ")
                )
            }
            (None, _) => "the response has no candidate".into(),
            (Some(_), Some(reason)) => match reason.meaning() {
                Some(meaning) => {
                    format!("the reply has no content; it ended with {reason}: {meaning}")
                }
                None => format!("the reply has no content; it ended with {reason}"),
            },
            (Some(_), None) => "the reply has no content and no finish reason".to_owned(),
        };
        Error::new(ErrorKind::Empty, message)
    }
}
