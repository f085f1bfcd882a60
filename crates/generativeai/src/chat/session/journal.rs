//! The journal of a conversation, and the events that enter it.

use std::sync::Arc;

use super::ChatSession;
use crate::chat::event::Event;
use crate::chat::journal::{Journal, Write, Writer};
use crate::chat::reason::Reason;
use crate::chat::round::Round;
use crate::chat::state::State;
use crate::chat::unfinished::Unfinished;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::response::GenerateContentResponse;

impl ChatSession {
    /// Stores the conversation in a journal from now on, starting with its contents so far. Turns that were undone
    /// before can still be redone.
    ///
    /// Each message is stored before it is sent, and the result of the turn when it is over. Changes by methods that
    /// are not `async`, such as [`rewind`](Self::rewind), are stored before the next message, or by
    /// [`save`](Self::save).
    ///
    /// If another writer modified the journal, for example a clone of this conversation, the next message fails with
    /// [`Conflict`](ErrorKind::Conflict) and is not sent. A turn that takes several requests, for function calls or
    /// for a long reply, fails before its next request. If the journal fails in another way, the conversation
    /// continues in memory: [`unsaved`](Self::unsaved) returns the error, and the next write stores the missing events.
    #[must_use]
    pub fn journal(mut self, journal: impl Journal + 'static) -> Self {
        self.set_journal(journal);
        self
    }

    /// Stores the conversation in a journal from now on, like [`journal`](Self::journal). An earlier journal of the
    /// conversation is no longer used.
    pub fn set_journal(&mut self, journal: impl Journal + 'static) {
        let mut writer = Writer::new(journal, 0);
        self.state
            .events()
            .into_iter()
            .for_each(|event| writer.note(event));
        self.writer = Some(writer);
    }

    /// Continues the conversation that a journal contains, and appends to the journal from now on.
    ///
    /// History, unfinished turn and undone turns are as they were. A turn without a final event was
    /// [`Interrupted`](Reason::Interrupted). Settings made for its message are lost. The model, its tools
    /// and the other settings come from this value.
    ///
    /// `events` are all events of the journal, in order. [`Journal`] has an example with a journal in memory;
    /// `generativeai-store` does this for its sessions.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) if an event does not fit those before it. The message contains its number,
    /// counted from 1.
    pub fn resume(
        mut self,
        journal: impl Journal + 'static,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<Self> {
        self.state = State::default();
        let mut written = 0;
        for event in events {
            written += 1;
            self.state.apply(event).map_err(|invalid| {
                let message = format!("event {written} of the journal {invalid}");
                Error::new(ErrorKind::Corrupt, message)
            })?;
        }
        self.writer = Some(Writer::new(journal, written));
        if self.state.has_empty_contents() {
            self.remove_empty_contents();
        }
        Ok(self)
    }

    /// Removes contents without parts, which older versions stored and the API rejects. Undone turns are discarded.
    ///
    /// The journal gets the events that do this, as lengths in later events no longer include these contents.
    fn remove_empty_contents(&mut self) {
        let snapshot = self.state.snapshot().without_empty_contents();
        let events = snapshot.into_events();
        let contents = Vec::new();
        self.commit(Event::Replaced { contents });
        for event in events.expect("a state is consistent") {
            self.commit(event);
        }
    }

    /// Writes all pending events to the [journal](Self::journal), including the received part of an interrupted reply.
    /// Does nothing without a journal.
    ///
    /// A program calls it before it ends, and after changes that no message follows, such as [`rewind`](Self::rewind):
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::always("Hello!"));
    /// # let mut chat = model.start_chat().journal(());
    /// chat.send_message("Hi").await?;
    /// chat.rewind();
    /// chat.save().await?;
    /// assert!(chat.unsaved().is_none());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The error of the journal. Nothing is lost: the events stay pending, and the next write repeats them.
    pub async fn save(&mut self) -> Result<()> {
        self.close_turn();
        match self.begin_write() {
            Some(write) => {
                let written = write.await;
                self.end_write(written)
            }
            None => Ok(()),
        }
    }

    /// Returns the error of the last write to the [journal](Self::journal), if it failed.
    ///
    /// `None` does not mean that everything is stored: changes by methods that are not `async` are stored with the next
    /// message. A program that must not lose a turn checks this after each message, and reports the error to its user.
    pub fn unsaved(&self) -> Option<&Error> {
        self.writer.as_ref()?.failed()
    }
}

impl ChatSession {
    /// Applies an event, and notes it for the journal.
    pub(in crate::chat) fn commit(&mut self, event: Event) {
        // Without a journal the event moves into the state, and nothing is copied.
        if let Some(writer) = &mut self.writer {
            writer.note(event.clone());
        }
        let applied = self.state.apply(event);
        applied.expect("an event of a live conversation fits its state");
    }

    /// Records the received reply of a turn that continues. If it ends with a continuation token, the turn continues
    /// from there, in another process as well.
    pub(in crate::chat) fn commit_hop(&mut self, received: Arc<GenerateContentResponse>) {
        let reason = Reason::Interrupted;
        let received = Some(received);
        self.commit(Event::Unfinished { reason, received });
        if let Some(writer) = &mut self.writer {
            // The event is a final one in the journal, in case the program ends here. This turn continues.
            writer.reopen();
        }
    }

    /// Removes the continuation token of the received reply, so that a retry begins the reply again.
    pub(in crate::chat) fn forget_checkpoint(&mut self) {
        let turn = self.state.unfinished();
        let turn = turn.filter(|turn| turn.checkpoint().is_some());
        let Some(mut received) = turn.and_then(|turn| turn.received.clone()) else {
            return;
        };
        for candidate in &mut Arc::make_mut(&mut received).candidates {
            candidate.continuation_token = None;
        }
        // A reply without a token may follow one with a token, which remains the checkpoint. Only an event without a
        // reply removes it.
        self.commit(Event::Unfinished {
            reason: Reason::Interrupted,
            received: None,
        });
        self.commit_hop(received);
    }

    /// Ends the open turn with a reason, so that it stays unfinished. Calls that have no response get one that reports
    /// the interruption.
    pub(in crate::chat) fn end_turn(&mut self, reason: Reason) {
        for event in self.state.end_of_round() {
            self.commit(event);
        }
        let turn = self.state.unfinished();
        let received = turn.and_then(|turn| turn.received.clone());
        if let Some(checkpoint) = turn.and_then(Unfinished::earlier_checkpoint) {
            // The last event contains chunks after the token, from which no retry can continue.
            self.commit_hop(checkpoint);
        }
        self.commit(Event::Unfinished { reason, received });
    }

    /// Records that a turn was interrupted, if the journal does not contain its end.
    pub(in crate::chat) fn close_turn(&mut self) {
        if self.has_unrecorded_end() {
            self.end_turn(Reason::Interrupted);
        }
    }

    /// Returns whether the journal lacks the end of a turn, and with it the received part of the reply.
    ///
    /// A round that waits for approval has no such end: its events contain everything.
    pub(in crate::chat) fn has_unrecorded_end(&self) -> bool {
        let is_open = self.writer.as_ref().is_some_and(Writer::is_open);
        is_open && self.held_round().is_none()
    }

    /// Returns the round whose calls wait for approval, or are approved and have not started.
    pub(in crate::chat) fn held_round(&self) -> Option<&Round> {
        self.unfinished()?.held_round()
    }

    /// Begins to write pending events to the journal, if there are any.
    pub(in crate::chat) fn begin_write(&mut self) -> Option<Write> {
        self.writer.as_mut()?.begin()
    }

    /// Records the result of a write, for [`unsaved`](Self::unsaved).
    pub(in crate::chat) fn end_write(&mut self, written: Result<()>) -> Result<()> {
        match &mut self.writer {
            Some(writer) => writer.end(written),
            None => written,
        }
    }
}
