//! Saving during a session at the terminal: after each line, and at the end.

use generativeai::ErrorKind;

use super::state::Repl;
use crate::exit::Exit;
use crate::storage;

impl Repl<'_> {
    /// Saves pending events, and unlocks the session. Reports when messages stop being saved, and when they are saved
    /// again.
    pub(super) fn persist(&mut self) {
        if self.signals.exit().is_some() {
            // `close` saves them.
            return;
        }
        self.signals.clear();
        let conversation = self.conversations.current_mut();
        // After a failed write, the events are written together with those of the next message.
        if conversation.chat.unsaved().is_none() {
            let work = storage::wait(storage::save(conversation), self.printer);
            let saved = self.runtime.block_on(self.signals.unless_stopped(work));
            if saved.is_none() {
                self.printer
                    .note("(skipped; it is saved with the next message)");
            }
        }
        let unsaved = self.conversations.current().chat.unsaved();
        match unsaved {
            Some(error) if !self.reported_unsaved => {
                storage::report_unsaved(error, self.printer);
                if error.kind() == ErrorKind::Conflict {
                    self.printer
                        .note("(to continue in a new session: /save FILE, and then /load FILE)");
                }
            }
            None if self.reported_unsaved => self.printer.note("(messages are saved again)"),
            _ => {}
        }
        self.reported_unsaved = unsaved.is_some();
        self.lock = None;
    }

    /// Closes all conversations. Pending events are saved unless Ctrl-C is pressed.
    pub(super) fn close(self, mut exit: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
        self.signals.clear();
        for conversation in self.conversations.into_all() {
            let closing = storage::close(conversation, &self.signals, self.printer);
            if !self.runtime.block_on(closing) {
                exit = exit.map(|_| Exit::Interrupted);
            }
        }
        exit
    }
}
