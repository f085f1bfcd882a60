//! Other conversations: copies of this one, and chats that were kept.

use generativeai_store::Session;

use super::Talk;
use crate::chat::conversation::Conversation;
use crate::chat::{kept, saving};

impl Talk<'_> {
    pub(super) fn fork(&mut self, number: &str) {
        let among = self.conversations.len();
        match number.parse::<usize>() {
            _ if number.is_empty() => {
                let mut copy = self.conversation().clone();
                copy.saved = None;
                let work = kept::fork(&mut copy);
                let work = saving::until(self.signals.stop(), work, self.printer);
                match self.runtime.block_on(work) {
                    Some(Ok(())) => {}
                    Some(Err(error)) => self
                        .printer
                        .note(format_args!("(this conversation is not kept: {error})")),
                    None => self.printer.note("(this conversation is not kept)"),
                }
                self.conversations.push(copy);
                let here = self.current + 1;
                self.current = among;
                self.printer.note(format_args!(
                    "this is conversation {} now; /fork {here} goes back to {here}, as it was",
                    among + 1
                ));
            }
            Ok(chosen) if (1..=among).contains(&chosen) => {
                self.current = chosen - 1;
                self.printer
                    .note(format_args!("this is conversation {chosen} again"));
            }
            _ => self.printer.note(format_args!(
                "there is no conversation {number}: they are 1 to {among}"
            )),
        }
    }

    /// Shows the name of this chat, or goes on with that of another name, or begins it.
    pub(super) fn session(&mut self, name: &str) -> anyhow::Result<()> {
        if name.is_empty() {
            return self.tell_session();
        }
        let model = self.conversation().chat.model().clone();
        let automatic = self.conversation().chat.calls_functions();
        let work = kept::named(name, &model);
        let work = saving::until(self.signals.stop(), work, self.printer);
        let Some(opened) = self.runtime.block_on(work) else {
            self.printer.note("(this chat goes on)");
            return Ok(());
        };
        let mut opened = opened?;
        let here = self.current + 1;
        let id = |conversation: &Conversation| conversation.session.as_ref().map(Session::id);
        let mut known = self.conversations.iter();
        let known = known.position(|known| id(known) == id(&opened));
        self.current = known.unwrap_or(self.conversations.len());
        if known.is_none() {
            opened.calls_functions(automatic);
            kept::take_up(&mut opened, self.printer);
            self.conversations.push(opened);
        }
        let contents = self.conversation().chat.history().len();
        let number = self.current + 1;
        self.printer.note(match contents {
            0 => format!("this is conversation {number} now, a new chat; /fork {here} goes back"),
            _ => format!(
                "this is conversation {number} now; /history shows it, /fork {here} goes back"
            ),
        });
        Ok(())
    }

    fn tell_session(&mut self) -> anyhow::Result<()> {
        let Some(session) = self.conversation().session.clone() else {
            self.printer.note("this chat is not kept");
            return Ok(());
        };
        let work = session.info();
        let work = saving::until(self.signals.stop(), work, self.printer);
        if let Some(info) = self.runtime.block_on(work) {
            self.printer.note(info?.name);
        }
        Ok(())
    }
}
