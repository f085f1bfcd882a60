//! First step of a turn: a new turn, the continuation of one whose calls were returned, a retry, or the continuation of
//! a round whose calls wait for approval.
//!
//! In this table "the turn" is the unfinished turn that continues.
//!
//! | Opened by | Message | Rounds | Beginning of the reply |
//! | --- | --- | --- | --- |
//! | a message | the message | none | none |
//! | a message that answers returned calls | of the turn | of the turn, with the calls and the answers | none |
//! | a retry | of the turn | of the turn; a running call is answered with the interruption | up to a token |
//! | decisions about held calls, or a retry of them | of the turn | of the turn; the held round continues | none |
//! | a reply of the wrong shape | of the turn | of the turn | none; the reply and its error are sent |
//!
//! Failed replies that an attempt sends with their errors are sent until the attempt ends. A retry is a new attempt,
//! unless it continues a held round.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::reason::Reason;
use super::round::{calls_of, names, responses_of, unanswered};
use super::state::State;
use super::unfinished::{Transient, Unfinished};
use crate::error::{Error, ErrorKind, Result};
use crate::model::correction;
use crate::protocol::content::Content;
use crate::protocol::response::GenerateContentResponse;
use crate::tools::Decision;

/// Turn that is about to be opened or continued.
pub(super) struct Opening {
    /// First step of the turn.
    pub(super) start: Start,
    /// Settings of the message, and what an earlier attempt counted.
    pub(super) transient: Transient,
}

/// Beginning of a turn.
pub(super) enum Start {
    /// The turn is opened.
    Turn(Beginning),
    /// The held round continues: with decisions, by the index of their call, while other calls continue to wait.
    /// Without decisions the policy decides on the calls that wait.
    Held(Option<BTreeMap<usize, Decision>>),
}

/// Contents of a turn that is about to be opened.
pub(super) struct Beginning {
    /// Message of the user.
    pub(super) sent: Content,
    /// Rounds of function calls that an earlier attempt completed: calls and responses in turn.
    pub(super) rounds: Vec<Content>,
    /// Beginning of the reply that an earlier attempt received, with the token from which it continues.
    pub(super) received: Option<Arc<GenerateContentResponse>>,
}

impl Opening {
    /// Returns the opening of a message. If it answers calls that the limit of rounds returned to the caller, it
    /// continues their turn.
    ///
    /// # Errors
    /// The message answers some of the returned calls, but not all.
    pub(super) fn new(state: &State, message: Content) -> Result<Self> {
        let returned = state.unfinished().filter(|turn| {
            matches!(turn.reason, Reason::CallsReturned) && responses_of(&message).next().is_some()
        });
        let Some((turn, reply)) = returned.and_then(|turn| Some((turn, turn.reply()?))) else {
            let beginning = Beginning {
                sent: message,
                rounds: Vec::new(),
                received: None,
            };
            return Ok(Self::of(beginning, Transient::default()));
        };
        let missing = unanswered(calls_of(&reply), std::slice::from_ref(&message));
        if !missing.is_empty() {
            let message = format!(
                "the message leaves the calls of {} unanswered: answer all pending calls in one message",
                names(&missing)
            );
            return Err(Error::new(ErrorKind::Request, message));
        }
        let mut beginning = Beginning::of(turn);
        // The reply with the calls and the message with their responses become a round of the same turn.
        beginning.received = None;
        beginning.rounds.extend([reply, message]);
        let mut transient = turn.transient.clone();
        // The caller decided to continue, so the limit of rounds counts from here.
        transient.rounds_run = 0;
        // `Turn::return_calls` stored the counts of the whole turn in this reply, so earlier ones are not added again.
        let received = turn.received.as_ref();
        transient.usage = received.and_then(|received| received.usage_metadata.clone());
        Ok(Self::of(beginning, transient))
    }

    /// Returns a retry of an unfinished turn: its message, its completed rounds and its settings. A round whose calls
    /// wait for approval continues.
    ///
    /// An interrupted call is not run again, since it may have taken effect: its response reports the
    /// interruption to the model.
    pub(super) fn again(turn: &Unfinished) -> Self {
        let mut transient = turn.transient.clone();
        if turn.held_round().is_some() {
            let start = Start::Held(None);
            return Self { start, transient };
        }
        transient.corrections.clear();
        Self::of(Beginning::of(turn), transient)
    }

    /// Returns another attempt at a turn whose reply did not pass the check of its message. Its requests contain the
    /// reply and the cause.
    pub(super) fn corrected(turn: &Unfinished, error: &Error) -> Self {
        let mut beginning = Beginning::of(turn);
        beginning.received = None;
        let mut transient = turn.transient.clone();
        transient.usage = turn.total_usage();
        // The failed replies follow the contents of the turn in each request, and never enter the history.
        transient.corrections.extend(turn.reply());
        transient.corrections.push(correction(error));
        Self::of(beginning, transient)
    }

    /// Returns the continuation of a turn whose calls wait for approval, with decisions by the id of the call.
    ///
    /// # Errors
    /// A call does not wait, or is decided twice.
    pub(super) fn decided(
        turn: Option<&Unfinished>,
        decisions: impl IntoIterator<Item = (String, Decision)>,
    ) -> Result<Self> {
        let invalid = |message: String| Error::new(ErrorKind::Request, message);
        let held = turn.and_then(|turn| Some((turn, turn.held_round()?)));
        let Some((turn, round)) = held else {
            let message = "no call waits for approval: it was decided, or its turn was discarded";
            return Err(invalid(message.to_owned()));
        };
        let mut decided = BTreeMap::new();
        for (id, decision) in decisions {
            let mut waiting = round.undecided();
            let Some((index, _)) = waiting.find(|(_, waiting)| waiting.id == id) else {
                return Err(invalid(format!(
                    "no call with the id {id:?} waits for approval: it was decided, or its turn was discarded"
                )));
            };
            if decided.insert(index, decision).is_some() {
                return Err(invalid(format!(
                    "two decisions on the call {id:?}: make one"
                )));
            }
        }
        // There is no event for `Wait`: a call without a decision waits.
        decided.retain(|_, decision| *decision != Decision::Wait);
        Ok(Self {
            start: Start::Held(Some(decided)),
            transient: turn.transient.clone(),
        })
    }

    fn of(beginning: Beginning, transient: Transient) -> Self {
        Self {
            start: Start::Turn(beginning),
            transient,
        }
    }
}

impl Beginning {
    /// Returns the contents of an unfinished turn.
    fn of(turn: &Unfinished) -> Self {
        Self {
            sent: turn.sent.clone(),
            rounds: turn.closed_rounds(),
            received: turn.checkpoint(),
        }
    }
}
