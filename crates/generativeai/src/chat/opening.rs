//! What a message opens: a new turn, the continuation of one whose calls were returned, or a retry.

use std::sync::Arc;

use super::reason::Reason;
use super::round::{calls_of, names, responses_of, unanswered};
use super::state::State;
use super::unfinished::{Transient, Unfinished};
use crate::error::{Error, ErrorKind, Result};
use crate::model::correction;
use crate::protocol::content::Content;
use crate::protocol::response::GenerateContentResponse;

/// Turn that is about to be opened.
pub(super) struct Opening {
    /// Message of the user.
    pub(super) sent: Content,
    /// Rounds of function calls that an earlier attempt completed: calls and responses in turn.
    pub(super) rounds: Vec<Content>,
    /// Settings of the message, and what an earlier attempt counted.
    pub(super) transient: Transient,
    /// Beginning of the reply that an earlier attempt received, with the token from which it continues.
    pub(super) received: Option<Arc<GenerateContentResponse>>,
}

impl Opening {
    /// Returns what a message opens. If it answers calls that the limit of rounds returned to the caller, it
    /// continues their turn.
    ///
    /// # Errors
    /// The message answers some of the returned calls, but not all.
    pub(super) fn new(state: &State, message: Content) -> Result<Self> {
        let returned = state.unfinished().filter(|turn| {
            matches!(turn.reason, Reason::CallsReturned) && responses_of(&message).next().is_some()
        });
        let Some((turn, reply)) = returned.and_then(|turn| Some((turn, turn.reply()?))) else {
            return Ok(Self {
                sent: message,
                rounds: Vec::new(),
                transient: Transient::default(),
                received: None,
            });
        };
        let missing = unanswered(calls_of(&reply), std::slice::from_ref(&message));
        if !missing.is_empty() {
            let message = format!(
                "the message leaves the calls of {} unanswered: answer all pending calls in one message",
                names(&missing)
            );
            return Err(Error::new(ErrorKind::Request, message));
        }
        let mut this = Self::again(turn);
        this.received = None;
        this.rounds.extend([reply, message]);
        // The caller decided to go on: the rounds are counted from here.
        this.transient.rounds_run = 0;
        // The token counts of the returned reply cover the requests before it.
        let received = turn.received.as_ref();
        this.transient.usage = received.and_then(|received| received.usage_metadata.clone());
        Ok(this)
    }

    /// Returns a retry of an unfinished turn: its message, its completed rounds and its settings.
    ///
    /// A call that was interrupted is not run again, since it may have taken effect: its response reports the
    /// interruption to the model.
    pub(super) fn again(turn: &Unfinished) -> Self {
        let mut transient = turn.transient.clone();
        transient.round = None;
        transient.corrections.clear();
        Self {
            sent: turn.sent.clone(),
            rounds: turn.closed_rounds(),
            transient,
            received: turn.checkpoint(),
        }
    }

    /// Returns another attempt at a turn whose reply did not pass the check of its message: the reply and the cause are
    /// sent to the model.
    pub(super) fn corrected(turn: &Unfinished, error: &Error) -> Self {
        let mut this = Self::again(turn);
        this.received = None;
        this.transient.usage = turn.total_usage();
        let corrections = turn.transient.corrections.iter().cloned();
        this.transient.corrections = corrections.chain(turn.reply()).collect();
        this.transient.corrections.push(correction(error));
        this
    }
}
