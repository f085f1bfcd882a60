//! Snapshots: the contents of a conversation at one moment, and the events that lead to them.
//!
//! A saved file is loaded, and a journal that starts late is filled, by applying these events. So both follow the rules
//! of [`State::apply`](super::state::State::apply), and a damaged file is refused by the same checks as a damaged
//! journal.

use std::ops::Range;
use std::sync::Arc;

use super::event::{Event, InvalidEvent};
use super::reason::Reason;
use super::round::{Approval, Round};
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
    pub(super) unfinished: Option<Unfinished>,
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
            events.extend(events_of(turn));
        }
        Ok(events)
    }
}

/// Returns the events that lead to an unfinished turn.
pub(super) fn events_of(turn: Unfinished) -> Vec<Event> {
    let approval = turn.held_round().and_then(Round::approval).cloned();
    if let (Some(approval), Some(received)) = (approval, turn.received.clone()) {
        return held_events(turn, received, approval);
    }
    let received = turn.open_reply().cloned();
    let checkpoint = turn.earlier_checkpoint();
    let mut events = vec![Event::Opened {
        rounds: turn.closed_rounds(),
        sent: turn.sent,
    }];
    if checkpoint.is_some() {
        // Two events: the first one makes its reply the checkpoint, the second one adds the content received later.
        events.push(Event::Unfinished {
            reason: Reason::Interrupted,
            received: checkpoint,
        });
    }
    events.push(Event::Unfinished {
        reason: turn.reason,
        received,
    });
    events
}

/// Returns the events that lead to a turn whose calls need approval and have not started.
fn held_events(
    turn: Unfinished,
    received: Arc<GenerateContentResponse>,
    approval: Approval,
) -> Vec<Event> {
    let Approval { id, decisions } = approval;
    let mut events = vec![
        Event::Opened {
            sent: turn.sent,
            rounds: turn.rounds,
        },
        Event::Called {
            id,
            received: Arc::clone(&received),
        },
    ];
    if !decisions.is_empty() {
        events.push(Event::Decided { decisions });
    }
    // These two reasons follow from the decisions. Only another one needs an event.
    if !matches!(
        turn.reason,
        Reason::AwaitingApproval(_) | Reason::Interrupted
    ) {
        let received = Some(received);
        events.push(Event::Unfinished {
            reason: turn.reason,
            received,
        });
    }
    events
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
