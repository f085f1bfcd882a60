//! What was said is on disk when the next message is typed, or the user is told that it is not.

use super::Talk;
use crate::chat::{kept, saving};
use crate::exit::Exit;

impl Talk<'_> {
    /// Writes what is not written yet, and tells if what is said is not kept, or is again.
    pub(super) fn keep(&mut self) {
        if self.signals.exit().is_some() {
            return;
        }
        self.signals.forget();
        let conversation = &mut self.conversations[self.current];
        // What could not be written is written with the next message, if it can be then.
        if conversation.chat.unsaved().is_none() {
            let work = kept::save(conversation);
            let work = saving::until(self.signals.stop(), work, self.printer);
            if self.runtime.block_on(work).is_none() {
                self.printer.note("(it is kept later, if it can be)");
            }
        }
        let unsaved = self.conversations[self.current].chat.unsaved();
        match unsaved {
            Some(error) if self.saves => kept::missing(error, self.printer),
            None if !self.saves => self.printer.note("(what is said is kept again)"),
            _ => {}
        }
        self.saves = unsaved.is_none();
    }

    /// Ends all conversations, and keeps what is not kept yet unless Ctrl-C comes first.
    pub(super) fn close(mut self, mut ended: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
        self.signals.forget();
        for conversation in std::mem::take(&mut self.conversations) {
            let work = kept::close(conversation);
            let work = saving::until(self.signals.interrupt(), work, self.printer);
            match self.runtime.block_on(work) {
                Some(Ok(())) => {}
                Some(Err(error)) => kept::missing(&error, self.printer),
                None => {
                    self.printer.note("(what was said last is not kept)");
                    ended = ended.map(|_| Exit::Interrupted);
                }
            }
        }
        ended
    }
}
