//! Judging a reply: whether it is complete, and if not, why not.

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::response::{
    BlockReason, FinishReason, GenerateContentResponse, PromptFeedback,
};

impl FinishReason {
    /// Whether the reason says nothing: it counts as absent.
    pub fn is_unspecified(&self) -> bool {
        match self {
            FinishReason::Unspecified => true,
            FinishReason::Unknown(name) => name.is_empty(),
            _ => false,
        }
    }

    /// Whether the model was stopped before the end. A reason this version does not know stops.
    pub fn is_stop(&self) -> bool {
        !self.is_end() && !self.is_unspecified()
    }
}

impl PromptFeedback {
    /// Whether the prompt was blocked: there is a reason, or at least a message that tells one.
    pub fn is_block(&self) -> bool {
        match &self.block_reason {
            None | Some(BlockReason::Unspecified) => self.block_reason_message.is_some(),
            Some(reason) => !reason.as_str().is_empty(),
        }
    }
}

impl GenerateContentResponse {
    /// Whether the prompt was blocked.
    pub fn is_blocked(&self) -> bool {
        self.prompt_feedback
            .as_ref()
            .is_some_and(|feedback| feedback.is_block())
    }

    /// The error that says why the prompt was blocked.
    pub(crate) fn blocked(&self) -> Error {
        let feedback = self.prompt_feedback.as_deref();
        let reason = feedback.and_then(|said| said.block_reason.as_ref());
        let message = feedback.and_then(|said| said.block_reason_message.as_deref());
        let why = match (reason.map(BlockReason::as_str), message) {
            (Some(reason), Some(message)) => format!("{reason}: {message}"),
            (Some(why), None) | (None, Some(why)) => why.to_owned(),
            (None, None) => "no reason".to_owned(),
        };
        Error::new(ErrorKind::Blocked, format!("the prompt was blocked: {why}"))
    }

    /// Whether a stream that is over ended as a stream does: with a finish reason.
    pub(crate) fn whole_stream(&self) -> Result<()> {
        let finished = |reason: &FinishReason| !reason.is_unspecified();
        if self.candidates.is_empty() {
            Err(self.empty())
        } else if self.finish_reason().is_some_and(finished) {
            Ok(())
        } else {
            let message = "the stream ended before the reply did: no finish reason came";
            Err(Error::new(ErrorKind::Truncated, message))
        }
    }

    /// Whether the reply, all that came of it, may enter a history: it is not blocked, it has
    /// content, and a finish reason that is an end or one of the `accepted`.
    pub(crate) fn complete(&self, streamed: bool, accepted: &[FinishReason]) -> Result<()> {
        if self.is_blocked() {
            return Err(self.blocked());
        }
        if self.candidates.is_empty() {
            return Err(self.empty());
        }
        let reason = self
            .finish_reason()
            .filter(|reason| !reason.is_unspecified());
        match reason {
            Some(reason) if reason.is_stop() && !accepted.contains(reason) => {
                return Err(self.stopped(reason));
            }
            None if streamed => return self.whole_stream(),
            _ => {}
        }
        let content = self
            .candidates
            .first()
            .and_then(|candidate| candidate.content.as_ref());
        if content.is_none_or(|content| content.parts.is_empty()) {
            return Err(self.empty());
        }
        Ok(())
    }

    /// The error that says for what reason the model stopped, and what that means.
    pub(crate) fn stopped(&self, reason: &FinishReason) -> Error {
        let said = self
            .candidates
            .first()
            .and_then(|candidate| candidate.finish_message.as_ref());
        let message = match said.map(String::as_str).or(reason.meaning()) {
            Some(said) => format!("the model stopped with {reason}: {said}"),
            None => format!("the model stopped with {reason}"),
        };
        Error::new(ErrorKind::Stopped, message)
    }

    /// The error that says what came in place of a reply.
    pub(crate) fn empty(&self) -> Error {
        let message = match (self.candidates.first(), self.finish_reason()) {
            (None, _) if self.usage_metadata.is_some() => {
                "the answer held usage, but no candidate".into()
            }
            (None, _) => "the answer held no candidate".into(),
            (Some(_), Some(reason)) => match reason.meaning() {
                Some(meaning) => {
                    format!("the reply has no parts; it ended with {reason}: {meaning}")
                }
                None => format!("the reply has no parts; it ended with {reason}"),
            },
            (Some(_), None) => "the reply has no parts, and no finish reason".to_owned(),
        };
        Error::new(ErrorKind::Empty, message)
    }
}
