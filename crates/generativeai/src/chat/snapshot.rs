//! Snapshots: the contents of a conversation at one moment, and the events that lead to them.
//!
//! A saved file is loaded, and a journal that starts late is filled, by applying these events. So both follow the rules
//! of [`State::apply`](super::state::State::apply), and a damaged file is refused by the same checks as a damaged
//! journal.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{Event, InvalidEvent};
use super::reason::{Reason, recorded};
use super::round::{Round, RoundDecisions};
use super::unfinished::Unfinished;
use crate::protocol::content::Content;
use crate::protocol::response::GenerateContentResponse;

/// Contents of a conversation, for a saved file and for the start of a journal.
pub(super) struct Snapshot {
    pub(super) history: Vec<Content>,
    /// Indices into the history at which interrupted turns end.
    pub(super) interrupted: Vec<usize>,
    /// Response of the last turn in the history.
    pub(super) last: Option<Arc<GenerateContentResponse>>,
    pub(super) unfinished: Option<SavedTurn>,
    /// Contents that left the history to keep within the context budget.
    pub(super) dropped: Vec<Content>,
    /// Number of contents at the start of the history that are a summary.
    pub(super) summary: usize,
}

impl Snapshot {
    /// Removes empty parts, and the contents that have no other parts. The indices are moved accordingly.
    ///
    /// Files and journals of older versions have such contents.
    pub(super) fn without_empty_contents(mut self) -> Self {
        let contents = self.history.iter_mut().chain(&mut self.dropped);
        contents.for_each(Content::remove_empty_parts);
        let is_kept = |content: &Content| !content.is_empty();
        self.dropped.retain(is_kept);
        if self.history.iter().all(is_kept) {
            return self;
        }
        // In a damaged file an index may be beyond the history. It then stays beyond it, and `into_events` refuses it.
        let kept_before = |index: usize| {
            let before = self.history.iter().take(index);
            before.filter(|content| is_kept(content)).count()
                + index.saturating_sub(self.history.len())
        };
        self.summary = kept_before(self.summary);
        self.interrupted
            .retain(|&index| self.history.get(index).is_none_or(is_kept));
        self.interrupted = self
            .interrupted
            .iter()
            .map(|&index| kept_before(index))
            .collect();
        self.history.retain(is_kept);
        self
    }

    /// Returns the events that lead to these contents. They do not include the last response.
    ///
    /// The first event adds the dropped contents and the history without its summary. The second one drops the former
    /// and inserts the summary, like the compaction that led to this snapshot.
    ///
    /// # Errors
    /// The parts do not fit each other, as in a damaged file.
    pub(super) fn into_events(self) -> Result<Vec<Event>, InvalidEvent> {
        let Self {
            history,
            interrupted,
            dropped,
            ..
        } = self;
        if self.summary > history.len() {
            let message = "has a summary that is longer than the history";
            return Err(InvalidEvent(message));
        }
        check_indices(&interrupted, self.summary..history.len())?;
        let length = dropped.len();
        let (mut summary, mut contents) = (history, dropped);
        contents.extend(summary.split_off(self.summary));
        // Cannot underflow: `check_indices` has refused an index within the summary.
        let moved = |index| length + index - self.summary;
        let mut events = Vec::new();
        if !contents.is_empty() {
            events.push(Event::Added {
                contents,
                interrupted: interrupted.into_iter().map(moved).collect(),
            });
        }
        if length > 0 || !summary.is_empty() {
            events.push(Event::Compacted { length, summary });
        }
        if let Some(turn) = self.unfinished {
            events.extend(turn.into_events());
        }
        Ok(events)
    }
}

/// Saved form of an unfinished turn.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SavedTurn {
    sent: Content,
    /// Rounds of function calls. The member has the field's former name.
    #[serde(rename = "exchanged", default, skip_serializing_if = "Vec::is_empty")]
    rounds: Vec<Content>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    received: Option<Arc<GenerateContentResponse>>,
    /// The received reply up to its last continuation token, if more was received after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkpoint: Option<Arc<GenerateContentResponse>>,
    /// Decisions on the calls of the received reply, if they wait for approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) approval: Option<RoundDecisions>,
    #[serde(flatten, with = "recorded")]
    reason: Reason,
}

impl From<&Unfinished> for SavedTurn {
    fn from(turn: &Unfinished) -> Self {
        // A held round is saved as its reply and its decisions, and is opened again by loading. Functions that run do
        // not continue after loading, so any other round is saved with a response to each call.
        let approval = turn.held_round().and_then(Round::decisions).cloned();
        let (rounds, received) = match approval {
            Some(_) => (turn.rounds.clone(), turn.received.clone()),
            None => (turn.closed_rounds(), turn.open_reply().cloned()),
        };
        Self {
            sent: turn.sent.clone(),
            rounds,
            received,
            checkpoint: turn.earlier_checkpoint(),
            approval,
            reason: turn.reason.clone(),
        }
    }
}

impl SavedTurn {
    /// Returns the events that lead to the turn.
    pub(super) fn into_events(self) -> Vec<Event> {
        let (sent, rounds) = (self.sent, self.rounds);
        let mut events = vec![Event::Opened { sent, rounds }];
        // Otherwise the reason needs an event.
        let mut follows_from_decisions = false;
        if let (Some(RoundDecisions { id, decisions }), Some(received)) =
            (self.approval, &self.received)
        {
            let received = Arc::clone(received);
            events.push(Event::Called { id, received });
            if !decisions.is_empty() {
                events.push(Event::Decided { decisions });
            }
            follows_from_decisions = matches!(
                self.reason,
                Reason::AwaitingApproval(_) | Reason::Interrupted
            );
        } else if self.checkpoint.is_some() {
            // This event makes its reply the checkpoint, the next one adds the content received later.
            events.push(Event::Unfinished {
                reason: Reason::Interrupted,
                received: self.checkpoint,
            });
        }
        if !follows_from_decisions {
            events.push(Event::Unfinished {
                reason: self.reason,
                received: self.received,
            });
        }
        events
    }
}

/// Checks that the indices of interrupted turns are ascending and within a range.
pub(super) fn check_indices(indices: &[usize], range: Range<usize>) -> Result<(), InvalidEvent> {
    let is_ascending = indices.is_sorted_by(|one, next| one < next);
    if is_ascending && indices.iter().all(|index| range.contains(index)) {
        Ok(())
    } else {
        Err(InvalidEvent("marks contents that do not exist"))
    }
}
