//! State of a conversation, and the only code that changes it.
//!
//! A running turn, a replayed journal and a loaded file all produce [`Event`]s, and [`State::apply`] interprets them.
//! So the rules of a turn are written once, and a journal that is replayed leads to the state that wrote it.

use std::iter::once;
use std::mem;
use std::sync::Arc;

use super::event::{Event, InvalidEvent};
use super::history::recorded_content;
use super::round::Round;
use super::snapshot::{SavedTurn, Snapshot, check_indices};
use super::unfinished::{Transient, Unfinished};
use crate::protocol::content::{Content, Transcript};
use crate::protocol::response::GenerateContentResponse;

/// State of a conversation.
///
/// [`apply`](Self::apply) changes it, whether the event comes from a running turn, from a journal or from a saved
/// conversation. Between two events a running turn records its progress, such as each chunk, with the methods from
/// [`carry`](Self::carry) to [`receive_chunk`](Self::receive_chunk). These change only the unfinished turn. All fields
/// are private to this file.
///
/// | Event | History | Open turn | Turns that can be redone |
/// | --- | --- | --- | --- |
/// | `Opened` | | replaced by a new one | unfinished ones are discarded |
/// | `Exchanged` | | gets a round | |
/// | `Called`, `Decided`, `Started`, `Answered` | | its open round advances; the last answer ends it | |
/// | `Completed` | gets the turn | removed | discarded |
/// | `Unfinished` | | gets its reason and the received reply | |
/// | `Added` | gets the contents | removed | discarded |
/// | `Replaced` | becomes the contents | removed | discarded |
/// | `Rewound` | loses its last turn, unless a turn is open | removed | one more |
/// | `Redone` | gets the turn back, if it had completed | restored, if it was unfinished | one less |
/// | `Compacted` | loses its beginning, gets a summary | | |
#[derive(Clone, Default)]
pub(super) struct State {
    /// Contents that the next request sends before its message.
    history: Arc<Transcript>,
    /// Indices of the contents in the history at which interrupted turns end, in ascending order.
    interrupted: Vec<usize>,
    /// Response of the last turn that entered the history, until the next turn is opened.
    last: Option<Arc<GenerateContentResponse>>,
    /// Open turn, which did not complete yet. Boxed: it is large, and an idle conversation has none.
    unfinished: Option<Box<Unfinished>>,
    /// Undone turns, which can be redone; the last undone one is last.
    undone: Vec<Undone>,
    /// Contents that left the history to keep within the context budget.
    dropped: Arc<Vec<Content>>,
    /// Number of contents at the start of the history that are a summary of dropped ones.
    summary: usize,
}

/// Undone turn.
#[derive(Clone)]
enum Undone {
    /// Turn of the history.
    Turn {
        /// Contents of the turn, which are appended to the history when it is redone.
        contents: Vec<Content>,
        /// Indices into `contents` at which interrupted turns end.
        interrupted: Vec<usize>,
        /// Number of contents at the start that are a summary.
        summary: usize,
    },
    /// Turn that did not complete.
    Unfinished(Box<Unfinished>),
}

impl State {
    /// Applies an event. This is the only function that changes a conversation.
    ///
    /// # Errors
    /// The event does not fit the state, as in a damaged journal. The state is unchanged.
    pub(super) fn apply(&mut self, event: Event) -> Result<(), InvalidEvent> {
        match event {
            Event::Opened { sent, rounds } => {
                self.open(Unfinished::new(sent, rounds));
                Ok(())
            }
            Event::Exchanged { mut contents } => {
                contents.iter_mut().for_each(Content::remove_empty_parts);
                let turn = self.open_turn()?;
                turn.rounds.extend(contents);
                // The received reply is the first content of the round. The next request gets a new reply.
                turn.received = None;
                turn.checkpoint = None;
                turn.round = None;
                Ok(())
            }
            Event::Called { id, received } => self.open_turn()?.call(id, received),
            Event::Decided { decisions } => self
                .open_turn()?
                .advance_round(|round| round.decide(decisions)),
            Event::Started => self.open_turn()?.advance_round(Round::start),
            Event::Answered { call, answer } => self
                .open_turn()?
                .advance_round(|round| round.answer(call, &answer)),
            Event::Completed { response } => self.complete(response),
            Event::Unfinished { reason, received } => {
                let turn = self.open_turn()?;
                turn.reason = reason;
                turn.received = received;
                if turn.received.is_none() {
                    // `ChatSession::forget_checkpoint` relies on this.
                    turn.checkpoint = None;
                }
                // A turn commits this event after each hop as well, and continues.
                turn.mark_checkpoint();
                Ok(())
            }
            Event::Added {
                contents,
                interrupted,
            } => self.add(contents, interrupted),
            Event::Replaced { contents } => {
                *self = Self::default();
                self.enter(contents);
                self.history.write_json();
                Ok(())
            }
            Event::Rewound { length } => self.rewind(length),
            Event::Redone => self.redo(),
            Event::Compacted { length, summary } => self.compact(length, summary),
        }
    }

    /// Opens a turn. It replaces any other unfinished turn.
    fn open(&mut self, turn: Unfinished) {
        self.last = None;
        self.unfinished = Some(Box::new(turn));
        // An undone turn that did not complete is discarded, since a chat has one unfinished turn. Undone turns of the
        // history stay until something enters it: if this turn fails, they can still be redone.
        self.undone
            .retain(|undone| matches!(undone, Undone::Turn { .. }));
    }

    /// Adds the open turn to the history, with the content of its final response as the reply.
    fn complete(&mut self, response: Arc<GenerateContentResponse>) -> Result<(), InvalidEvent> {
        // Older versions completed turns whose reply has no content, and the lengths in their later events include it.
        // So such a reply is accepted here, and `ChatSession::resume` removes it.
        let reply = recorded_content(&response);
        let reply = reply.ok_or(InvalidEvent("completes a turn without a reply"))?;
        let turn = self.unfinished.take().ok_or(NOT_OPEN)?;
        let contents = once(turn.sent).chain(turn.rounds);
        self.enter(contents.chain([reply]));
        self.last = Some(response);
        Ok(())
    }

    /// Adds contents to the history: the unfinished turn if any, otherwise an older conversation.
    fn add(
        &mut self,
        contents: Vec<Content>,
        mut interrupted: Vec<usize>,
    ) -> Result<(), InvalidEvent> {
        check_indices(&interrupted, 0..contents.len())?;
        let turn = self.unfinished.take();
        if interrupted.is_empty() && turn.is_some() {
            // Older journals have no indices. There a kept turn ends with the last content.
            interrupted.extend(contents.len().checked_sub(1));
        }
        self.last = turn.and_then(|turn| turn.received);
        self.mark(&interrupted);
        self.enter(contents);
        self.history.write_json();
        Ok(())
    }

    /// Undoes the unfinished turn, or removes everything from the history but the first `length` contents.
    fn rewind(&mut self, length: usize) -> Result<(), InvalidEvent> {
        let current = self.history().len();
        let fits = match self.unfinished {
            Some(_) => length == current,
            None => length < current,
        };
        if !fits {
            return Err(InvalidEvent(
                "undoes a turn that the history does not end with",
            ));
        }
        self.undone.push(match self.unfinished.take() {
            Some(turn) => Undone::Unfinished(turn),
            None => {
                // The indices are in ascending order, so those of the undone turn are the last ones.
                let first = self.interrupted.partition_point(|&index| index < length);
                let interrupted = self.interrupted.split_off(first);
                // A summary is the first turn of the history, so it can be undone like any other.
                let summary = self.summary.saturating_sub(length);
                self.summary -= summary;
                Undone::Turn {
                    contents: Arc::make_mut(&mut self.history).split_off(length),
                    interrupted: interrupted.iter().map(|index| index - length).collect(),
                    summary,
                }
            }
        });
        self.last = None;
        Ok(())
    }

    /// Reverses the last [`rewind`](Self::rewind) that was not reversed yet.
    fn redo(&mut self) -> Result<(), InvalidEvent> {
        let undone = self.undone.pop();
        match undone.ok_or(InvalidEvent("redoes a turn that was not undone"))? {
            Undone::Unfinished(turn) => self.unfinished = Some(turn),
            Undone::Turn {
                contents,
                interrupted,
                summary,
            } => {
                self.mark(&interrupted);
                self.summary += summary;
                Arc::make_mut(&mut self.history).extend(contents);
            }
        }
        Ok(())
    }

    /// Moves the first `length` contents of the history to the dropped ones, and puts a summary in their place.
    fn compact(&mut self, length: usize, mut summary: Vec<Content>) -> Result<(), InvalidEvent> {
        // A summary leaves as a whole: half of it would be a message without its reply.
        if length > self.history().len() || length < self.summary {
            return Err(InvalidEvent(
                "drops contents that the history does not start with",
            ));
        }
        summary.iter_mut().for_each(Content::remove_empty_parts);
        let history = mem::take(&mut self.history);
        let mut old = Arc::unwrap_or_clone(history).into_contents();
        let rest = old.split_off(length);
        // An older summary is replaced: its contents were dropped when it was made.
        Arc::make_mut(&mut self.dropped).extend(old.into_iter().skip(self.summary));
        self.interrupted.retain(|&index| index >= length);
        for index in &mut self.interrupted {
            // Cannot underflow: the indices below `length` were removed.
            *index = *index - length + summary.len();
        }
        self.summary = summary.len();
        let contents: Vec<Content> = summary.into_iter().chain(rest).collect();
        self.history = Arc::new(contents.into());
        Ok(())
    }

    /// Appends contents that are new to the history. From here on, undone turns cannot be redone.
    fn enter(&mut self, contents: impl IntoIterator<Item = Content>) {
        let contents = contents.into_iter().map(|mut content| {
            content.remove_empty_parts();
            content
        });
        Arc::make_mut(&mut self.history).extend(contents);
        self.undone.clear();
    }

    /// Marks interrupted turns among contents that are about to be appended.
    fn mark(&mut self, interrupted: &[usize]) {
        let length = self.history().len();
        let indices = interrupted.iter().map(|index| length + index);
        self.interrupted.extend(indices);
    }

    /// Returns the open turn, for the events of a turn.
    fn open_turn(&mut self) -> Result<&mut Unfinished, InvalidEvent> {
        self.unfinished.as_deref_mut().ok_or(NOT_OPEN)
    }
}

/// Progress of the open turn between two events. A turn that runs is open from its first moment to its last.
impl State {
    /// Sets the settings and counts that an earlier attempt has, for the turn that was just opened.
    pub(super) fn carry(&mut self, transient: Transient) {
        self.running().transient = transient;
    }

    /// Sets the reply to the last request. A further hop is merged into it.
    pub(super) fn receive(&mut self, mut reply: GenerateContentResponse) {
        if self.running().received.is_some() {
            return self.receive_chunk(&reply);
        }
        // Merging orders candidates by their index. A reply in one piece may list them in any order.
        reply.order_candidates();
        let turn = self.running();
        turn.received = Some(Arc::new(reply));
        turn.mark_checkpoint();
    }

    /// Merges a chunk into the reply to the last request.
    pub(super) fn receive_chunk(&mut self, chunk: &GenerateContentResponse) {
        self.running().merge_chunk(chunk);
    }

    /// Returns the turn that is running.
    fn running(&mut self) -> &mut Unfinished {
        self.open_turn().expect("a turn that runs is open")
    }
}

/// Reading.
impl State {
    /// Returns the history.
    pub(super) fn history(&self) -> &[Content] {
        self.history.contents()
    }

    /// Returns the history to share with a request.
    pub(super) fn transcript(&self) -> &Arc<Transcript> {
        &self.history
    }

    /// Returns the contents that left the history to keep within the context budget.
    pub(super) fn dropped(&self) -> &Arc<Vec<Content>> {
        &self.dropped
    }

    /// Returns the number of contents at the start of the history that are a summary.
    pub(super) fn summary(&self) -> usize {
        self.summary
    }

    /// Returns the indices of the contents at which interrupted turns end, in ascending order.
    pub(super) fn interrupted(&self) -> &[usize] {
        &self.interrupted
    }

    /// Returns the last response, complete or not.
    pub(super) fn last(&self) -> Option<&Arc<GenerateContentResponse>> {
        match &self.unfinished {
            Some(turn) => turn.received.as_ref(),
            None => self.last.as_ref(),
        }
    }

    /// Returns the events that end a round of function calls that has started: an answer for each missing response.
    ///
    /// A held round does not end: its calls continue to wait for a decision.
    pub(super) fn end_of_round(&self) -> Vec<Event> {
        let round = self.unfinished().and_then(|turn| turn.round.as_ref());
        round
            .filter(|round| !round.is_held())
            .into_iter()
            .flat_map(Round::interrupted)
            .map(|(call, response)| Event::answered(call, response))
            .collect()
    }

    /// Returns the unfinished turn.
    pub(super) fn unfinished(&self) -> Option<&Unfinished> {
        self.unfinished.as_deref()
    }

    /// Returns the message and the reply of the last undone turn.
    pub(super) fn undone(&self) -> Option<(Content, Content)> {
        match self.undone.last()? {
            Undone::Unfinished(turn) => Some(turn.pair()),
            Undone::Turn { contents, .. } => {
                Some((contents.first()?.clone(), contents.last()?.clone()))
            }
        }
    }

    /// Returns whether any content has no parts: in the history, among the dropped contents, or in a turn that can be
    /// redone.
    ///
    /// Only replaying a journal of an older version leads to such contents. They have to stay until the end of the
    /// replay, because the lengths in the events of that journal include them.
    pub(super) fn has_empty_contents(&self) -> bool {
        let undone = self.undone.iter().flat_map(|undone| match undone {
            Undone::Turn { contents, .. } => contents.as_slice(),
            Undone::Unfinished(_) => &[],
        });
        let kept = self.history().iter().chain(&*self.dropped);
        kept.chain(undone).any(Content::is_empty)
    }

    /// Returns the events that lead to this state. They do not include the last response.
    pub(super) fn events(&self) -> Vec<Event> {
        // The turns are redone in a copy, and the events add and undo them again.
        let mut whole = self.clone();
        let current = whole.unfinished.take();
        let mut undoing: Vec<Vec<Event>> = Vec::new();
        let mut length = whole.history().len();
        while whole.redo().is_ok() {
            let unfinished = whole.unfinished.take();
            let opening = unfinished
                .into_iter()
                .flat_map(|turn| SavedTurn::from(&*turn).into_events());
            undoing.push(opening.chain(once(Event::Rewound { length })).collect());
            length = whole.history().len();
        }
        let contents = whole.snapshot().into_events();
        let contents = contents.expect("a state is consistent");
        let undoing = undoing.into_iter().rev().flatten();
        let current = current
            .into_iter()
            .flat_map(|turn| SavedTurn::from(&*turn).into_events());
        contents.into_iter().chain(undoing).chain(current).collect()
    }

    /// Returns a copy without undone turns.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            history: self.history().to_vec(),
            interrupted: self.interrupted.clone(),
            last: self.last.clone(),
            unfinished: self.unfinished().map(SavedTurn::from),
            dropped: self.dropped.to_vec(),
            summary: self.summary,
        }
    }

    /// Creates the state of a saved conversation, by applying the events that lead to it.
    ///
    /// # Errors
    /// The parts of the snapshot do not fit each other.
    pub(super) fn load(mut snapshot: Snapshot) -> Result<Self, InvalidEvent> {
        let last = snapshot.last.take();
        let mut this = Self::default();
        for event in snapshot.without_empty_contents().into_events()? {
            this.apply(event)?;
        }
        // No event contains the response of a turn that is in the history already.
        this.last = last;
        Ok(this)
    }
}

const NOT_OPEN: InvalidEvent = InvalidEvent("belongs to a turn that was not opened");

#[cfg(test)]
mod tests;
