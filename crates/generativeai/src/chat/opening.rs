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

use super::reason::Reason;
use super::round::{calls_of, names, responses_of, unanswered};
use super::state::State;
use super::unfinished::{Transient, Unfinished};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Settings, correction};
use crate::protocol::content::Content;
use crate::tools::Decision;

/// Turn that is about to be opened or continued.
#[expect(
    clippy::large_enum_variant,
    reason = "a message contains the whole enum in a box"
)]
pub(super) enum Opening {
    /// The turn is opened. Its received reply is the beginning that an earlier attempt received, with the token from
    /// which it continues.
    Turn(Unfinished),
    /// The held round continues: with decisions, by the index of their call, while other calls continue to wait.
    /// Without decisions the policy decides on the calls that wait.
    Held(Option<BTreeMap<usize, Decision>>, Transient),
}

impl Opening {
    /// Returns the settings of the message.
    pub(super) fn settings(&mut self) -> &mut Settings {
        let transient = match self {
            Self::Turn(turn) => &mut turn.transient,
            Self::Held(_, transient) => transient,
        };
        transient.settings.get_or_insert_default()
    }

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
            return Ok(Self::Turn(Unfinished::new(message, Vec::new())));
        };
        let missing = unanswered(calls_of(&reply), std::slice::from_ref(&message));
        if !missing.is_empty() {
            let message = format!(
                "the message leaves the calls of {} unanswered: answer all pending calls in one message",
                names(&missing)
            );
            return Err(Error::new(ErrorKind::Request, message));
        }
        let mut next = turn.restarted();
        // The reply with the calls and the message with their responses become a round of the same turn.
        next.received = None;
        next.rounds.extend([reply, message]);
        // The caller decided to continue, so the limit of rounds counts from here.
        next.transient.rounds_run = 0;
        // `Turn::return_calls` stored the counts of the whole turn in this reply, so earlier ones are not added again.
        let received = turn.received.as_ref();
        next.transient.usage = received.and_then(|received| received.usage_metadata.clone());
        Ok(Self::Turn(next))
    }

    /// Returns a retry of an unfinished turn: its message, its completed rounds and its settings. A round whose calls
    /// wait for approval continues.
    ///
    /// An interrupted call is not run again, since it may have taken effect: its response reports the
    /// interruption to the model.
    pub(super) fn again(turn: &Unfinished) -> Self {
        if turn.held_round().is_some() {
            return Self::Held(None, turn.transient.clone());
        }
        let mut next = turn.restarted();
        next.transient.corrections.clear();
        if next.received.is_none() {
            // The retry begins another reply, and the failed one was billed as well.
            next.transient.usage = turn.total_usage();
        }
        Self::Turn(next)
    }

    /// Returns another attempt at a turn whose reply did not pass the check of its message. Its requests contain the
    /// reply and the cause.
    pub(super) fn corrected(turn: &Unfinished, error: &Error) -> Self {
        let mut next = turn.restarted();
        next.received = None;
        next.transient.usage = turn.total_usage();
        // The failed replies follow the contents of the turn in each request, and never enter the history.
        next.transient.corrections.extend(turn.reply());
        next.transient.corrections.push(correction(error));
        Self::Turn(next)
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
        Ok(Self::Held(Some(decided), turn.transient.clone()))
    }
}
