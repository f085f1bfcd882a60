//! Events of rounds of function calls, and the changes that they make to their turn.
//!
//! | Event | The round | Reason of the turn |
//! | --- | --- | --- |
//! | `Called` | is opened and held | `AwaitingApproval` |
//! | `Decided` | gets decisions, and is still held | `AwaitingApproval` until all calls are decided |
//! | `Started` | is no longer held; denied calls are answered | `Interrupted` |
//! | `Answered` | gets a response; the last one ends it | `Interrupted` |
//!
//! The reason applies if the process ends at this point. `Interrupted` is also the reason of a turn that runs.

use std::sync::Arc;

use super::event::{Event, InvalidEvent};
use super::history::model_content;
use super::reason::Reason;
use super::round::Round;
use super::unfinished::Unfinished;
use crate::protocol::content::{Content, FunctionResponse};
use crate::protocol::response::GenerateContentResponse;

impl Event {
    /// Creates the event of a reply that calls functions, with a random id for the round.
    ///
    /// # Panics
    /// If the operating system provides no random numbers.
    pub(super) fn called(received: Arc<GenerateContentResponse>) -> Self {
        let id = getrandom::u64().expect("the operating system provides random numbers");
        let id = format!("{id:016x}");
        Self::Called { id, received }
    }

    /// Creates the event of a response to the call at an index.
    pub(super) fn answered(call: usize, response: FunctionResponse) -> Self {
        let answer = Content::user(response);
        Self::Answered { call, answer }
    }
}

impl Unfinished {
    /// Opens the round of a reply that calls functions.
    pub(super) fn call(
        &mut self,
        id: String,
        received: Arc<GenerateContentResponse>,
    ) -> Result<(), InvalidEvent> {
        if self.round.is_some() {
            return Err(InvalidEvent(
                "calls functions before the functions of the last reply have responded",
            ));
        }
        let content = model_content(&received);
        let round = content.as_ref().and_then(Round::of);
        let round = round.ok_or(InvalidEvent("has no function calls"))?;
        // `received` has the counts of the whole turn, so a turn that is resumed has them as well.
        self.transient.usage = received.usage_metadata.clone();
        self.transient.rounds_run += 1;
        self.received = Some(received);
        self.checkpoint = None;
        self.round = Some(round.awaiting_approval(id));
        self.reason = self.reason_to_wait();
        Ok(())
    }

    /// Applies a later step to the open round: decisions, the start, or a response. A round whose calls all have a
    /// response moves to the completed ones.
    pub(super) fn advance_round(
        &mut self,
        step: impl FnOnce(&mut Round) -> Result<(), InvalidEvent>,
    ) -> Result<(), InvalidEvent> {
        let none = InvalidEvent("belongs to a round of function calls that was not opened");
        step(self.round.as_mut().ok_or(none)?)?;
        self.reason = self.reason_to_wait();
        if let Some(round) = self.round.take_if(|round| round.is_answered()) {
            self.rounds.extend(round.close());
            self.received = None;
        }
        Ok(())
    }

    /// Returns the round whose calls need approval and have not started.
    pub(super) fn held_round(&self) -> Option<&Round> {
        self.round.as_ref().filter(|round| round.is_held())
    }

    /// Returns the reason of a turn with an open round.
    fn reason_to_wait(&self) -> Reason {
        let undecided = self.round.iter().flat_map(Round::undecided);
        let waiting: Vec<_> = undecided.map(|(_, call)| call).collect();
        match waiting.is_empty() {
            true => Reason::Interrupted,
            false => Reason::AwaitingApproval(waiting),
        }
    }
}
