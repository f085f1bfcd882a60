//! What a conversation has yet to write into its journal, and when it does.

use std::mem;
use std::sync::Arc;

use super::ChatSession;
use super::journal::{Entry, Event, Journal};
use crate::error::{Error, Result};

/// The journal of a conversation, and what is not written there yet.
///
/// A clone is a second writer: it stands at the same place and has the same entries to write.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    journal: Arc<dyn Journal>,
    /// How many entries are written, as far as this writer knows.
    written: u64,
    /// What is to be written next. It stays until that is known to have worked, so that a write whose
    /// answer was lost is made again with the same ids.
    pending: Vec<Entry>,
    /// Of the turn that has no outcome yet: how many exchanged contents are recorded.
    open: Option<usize>,
    /// Why the last attempt to write did not work.
    failed: Option<Error>,
}

impl Recorder {
    pub(super) fn new(journal: impl Journal + 'static, written: u64) -> Self {
        Self {
            journal: Arc::new(journal),
            written,
            pending: Vec::new(),
            open: None,
            failed: None,
        }
    }

    pub(super) fn note(&mut self, event: Event) {
        self.pending.push(Entry::new(event));
    }

    async fn write(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let entries = self.pending.clone();
        let written = self.journal.append(self.written, entries).await;
        self.failed = written.clone().err();
        written?;
        self.written += mem::take(&mut self.pending).len() as u64;
        Ok(())
    }
}

impl ChatSession {
    /// Writes the conversation down from now on; what was said already is written first.
    ///
    /// Each message is written before it is sent, and the outcome once the turn is over; changes that
    /// wait for nothing, as [`rewind`](Self::rewind), are written before the next message, or by
    /// [`save`](Self::save). If somebody else wrote into the journal since, as a clone of this
    /// conversation would, the message is not sent: the error is of kind
    /// [`Conflict`](crate::ErrorKind::Conflict). If the journal cannot write, the conversation goes on
    /// in memory, [`unsaved`](Self::unsaved) says why, and what is missing is written when it can be.
    #[must_use]
    pub fn journal(mut self, journal: impl Journal + 'static) -> Self {
        let mut recorder = Recorder::new(journal, 0);
        if !self.history().is_empty() {
            let contents = self.history().to_vec();
            recorder.note(Event::Added { contents });
        }
        self.recorder = Some(recorder);
        if self.unfinished.is_some() {
            self.record_opened();
            self.record_outcome();
        }
        self
    }

    /// Writes into the [journal](Self::journal) what is not written yet; without a journal there is
    /// nothing to write.
    ///
    /// A turn that was dropped is written with the reply as far as it came.
    ///
    /// # Errors
    /// What the journal fails with. Everything stays, to be written later.
    pub async fn save(&mut self) -> Result<()> {
        self.record_outcome();
        self.write().await
    }

    /// Why the last attempt to write into the [journal](Self::journal) did not work; `None` once
    /// everything is written.
    pub fn unsaved(&self) -> Option<&Error> {
        self.recorder.as_ref()?.failed.as_ref()
    }

    /// Writes what is pending. What the journal fails with is kept for `unsaved`.
    pub(super) async fn write(&mut self) -> Result<()> {
        match &mut self.recorder {
            Some(recorder) => recorder.write().await,
            None => Ok(()),
        }
    }

    /// Records that the unfinished turn is about to be sent.
    pub(super) fn record_opened(&mut self) {
        if let (Some(recorder), Some(turn)) = (&mut self.recorder, &self.unfinished) {
            recorder.open = Some(turn.exchanged.len());
            recorder.note(Event::Opened {
                sent: turn.sent.clone(),
                exchanged: turn.exchanged.clone(),
            });
        }
    }

    /// Records the rounds of the open turn that are not recorded yet.
    pub(super) fn record_exchanged(&mut self) {
        if let (Some(recorder), Some(turn)) = (&mut self.recorder, &self.unfinished)
            && let Some(recorded) = &mut recorder.open
            && let Some(contents) = turn.exchanged.get(*recorded..)
            && !contents.is_empty()
        {
            *recorded = turn.exchanged.len();
            let contents = contents.to_vec();
            recorder.note(Event::Exchanged { contents });
        }
    }

    /// Records how the open turn stands: it did not complete, or not yet.
    pub(super) fn record_outcome(&mut self) {
        let (Some(recorder), Some(turn)) = (&mut self.recorder, &self.unfinished) else {
            return;
        };
        let Some(recorded) = recorder.open.take() else {
            return;
        };
        let mut turn = turn.clone();
        turn.close_round();
        if let Some(contents) = turn.exchanged.get(recorded..)
            && !contents.is_empty()
        {
            let contents = contents.to_vec();
            recorder.note(Event::Exchanged { contents });
        }
        recorder.note(Event::Unfinished {
            reason: turn.reason,
            received: turn.received,
        });
    }

    /// Records what happens while a turn is open.
    pub(super) fn record_within(&mut self, event: impl FnOnce() -> Event) {
        if let Some(recorder) = &mut self.recorder {
            recorder.note(event());
        }
    }

    /// Records what ends the open turn, if there is one, in another way.
    pub(super) fn record(&mut self, event: impl FnOnce(&Self) -> Event) {
        if self.recorder.is_some() {
            let event = event(self);
            if let Some(recorder) = &mut self.recorder {
                recorder.open = None;
                recorder.note(event);
            }
        }
    }
}
