//! The step of a turn in which functions run: their responses are recorded, and written to the journal meanwhile.

use std::ops::DerefMut;
use std::pin::pin;

use futures_util::future::{Either, select};

use super::super::event::Event;
use super::super::journal::{Write, Writer};
use super::super::running::Running;
use super::super::session::ChatSession;
use super::{Step, Turn};
use crate::error::Result;
use crate::protocol::content::FunctionResponse;

/// Progress of functions that run.
pub(super) enum Progress {
    /// The call at an index has its response.
    Responded(usize, FunctionResponse),
    /// Responses were written to the journal.
    Written(Result<()>),
    /// All functions have ended, and no write is in progress.
    Ended,
}

impl Running {
    /// Waits until a function or the write in progress ends.
    pub(super) async fn progress(&mut self, write: &mut Option<Write>) -> Progress {
        let responded = |response| match response {
            Some((index, response)) => Progress::Responded(index, response),
            None => Progress::Ended,
        };
        match write {
            None => responded(self.next().await),
            // After the last response `next` returns `None` at once, which would end the round before its last write.
            Some(write) if self.is_over() => Progress::Written(write.await),
            // `select` drops the future that is not ready. Both can be cancelled, so neither a write nor a response is
            // lost.
            Some(write) => match select(write, pin!(self.next())).await {
                Either::Left((written, _)) => Progress::Written(written),
                Either::Right((response, _)) => responded(response),
            },
        }
    }
}

impl<C: DerefMut<Target = ChatSession>> Turn<C> {
    /// Records the progress of the functions of the round.
    pub(super) fn record(&mut self, progress: Progress) {
        match progress {
            Progress::Responded(index, response) => self.respond(index, response),
            Progress::Ended => self.end_functions(),
            Progress::Written(written) => {
                self.chat.end_write(written).ok();
                self.write_responses();
            }
        }
    }

    /// Records the response to a call, at once, so that it is not lost if the turn is dropped.
    fn respond(&mut self, index: usize, response: FunctionResponse) {
        self.chat.commit(Event::answered(index, response));
        if self.write.is_none() {
            self.write_responses();
        }
    }

    /// Writes the recorded responses to the journal, while other functions run.
    fn write_responses(&mut self) {
        // After a failure the responses stay pending until the round ends. Otherwise a journal that fails at once would
        // be called again and again while the functions run.
        let writer = self.chat.writer.as_ref();
        let has_pending = writer.is_some_and(Writer::has_pending) && self.chat.unsaved().is_none();
        self.write = None;
        if has_pending {
            self.write();
        }
    }

    /// Continues after the last function of a round has ended.
    fn end_functions(&mut self) {
        let failure = match &mut self.step {
            Step::Run(running) => running.failure(),
            _ => None,
        };
        match failure {
            Some(error) => self.close(error),
            None => self.finish_round(),
        }
    }

    /// Adds the round to the turn, once all of its calls have a response.
    fn finish_round(&mut self) {
        self.step = Step::Request;
        self.write();
    }
}
