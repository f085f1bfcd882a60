//! Going on with a conversation that was written down: what each event does.

use super::journal::{Event, Journal};
use super::recorder::Recorder;
use super::{ChatSession, Unfinished};
use crate::error::{Error, ErrorKind, Result};

impl ChatSession {
    /// Goes on with the conversation that a journal holds, and writes on behind its events.
    ///
    /// History, unfinished turn and what can be [restored](Self::restore) are as they were, all but the
    /// settings of the message whose turn is unfinished. A turn that was opened and has no outcome is
    /// [`Interrupted`](super::Reason::Interrupted).
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if an event cannot follow those before it; the message has its number,
    /// from 1.
    pub fn resume(
        mut self,
        journal: impl Journal + 'static,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<Self> {
        self.recorder = None;
        self.set_history(Vec::<crate::protocol::content::Content>::new());
        let mut written = 0;
        for event in events {
            written += 1;
            self.apply(event).map_err(|why| {
                let message = format!("event {written} of the journal {why}");
                Error::new(ErrorKind::Corrupt, message)
            })?;
        }
        self.recorder = Some(Recorder::new(journal, written));
        Ok(self)
    }

    fn apply(&mut self, event: Event) -> Result<(), &'static str> {
        match event {
            Event::Opened { sent, exchanged } => {
                let mut turn = Unfinished::new(sent);
                turn.exchanged = exchanged;
                self.open(Box::new(turn));
            }
            Event::Exchanged { contents } => self.open_turn()?.exchanged.extend(contents),
            Event::Completed { response } => {
                self.open_turn()?.received = Some(response);
                self.complete();
            }
            Event::Unfinished { reason, received } => {
                let turn = self.open_turn()?;
                turn.reason = reason;
                turn.received = received;
            }
            Event::Added { contents } => {
                self.unfinished = None;
                self.last = None;
                self.remember(contents);
            }
            Event::Replaced { contents } => self.set_history(contents),
            Event::Rewound { length } => {
                if length > self.history().len() {
                    return Err("takes back what was never said");
                }
                self.take_back(length);
            }
            Event::Restored => {
                if !self.restore() {
                    return Err("puts back what was not taken back");
                }
            }
            Event::Compacted { length, summary } => {
                if length > self.history().len() {
                    return Err("leaves out what was never said");
                }
                self.compact(length, summary);
            }
        }
        Ok(())
    }

    fn open_turn(&mut self) -> Result<&mut Unfinished, &'static str> {
        self.unfinished
            .as_deref_mut()
            .ok_or("is of a turn that was not opened")
    }
}
