//! What the commands do to the conversation itself.

use generativeai::protocol::content::{Content, Part};

use super::Talk;
use crate::chat::attach::Attached;
use crate::chat::conversation::{in_short, text_of};
use crate::chat::editor;
use crate::chat::spoken::{self, Command};

/// What asks a model to go on with a reply that was cut.
const GO_ON: &str = "Go on exactly where you stopped, without repeating anything.";

impl Talk<'_> {
    /// Does what was typed.
    pub(super) fn command(&mut self, command: Command, rest: &str) -> anyhow::Result<()> {
        match command {
            Command::Undo => self.undo(),
            Command::Redo => self.redo(),
            Command::Regenerate => return self.regenerate(),
            Command::Continue => return self.go_on(),
            Command::Edit => return self.edit(),
            Command::Fork => self.fork(rest),
            Command::Session => return self.session(rest),
            Command::History => self.tell_history(),
            Command::System => return self.system(rest),
            Command::Model => return self.model(rest),
            Command::Tools => self.tell_tools(),
            Command::Attach => return self.attach_named(rest),
            Command::Tokens => self.tokens(rest),
            Command::Save => return self.save(rest),
            Command::Export => return self.export(rest),
            Command::Help => self.printer.note(spoken::help()),
            // Leaving is not up to the conversation.
            Command::Quit => {}
        }
        Ok(())
    }

    fn undo(&mut self) {
        match self.conversation().undo() {
            Some(sent) => {
                let text = in_short(&sent);
                self.printer
                    .note(format_args!("taken back: {text}\n(/redo brings it back)"));
            }
            None => self.nothing_said(),
        }
    }

    fn redo(&mut self) {
        match self.conversation().redo() {
            Some(sent) => {
                let text = in_short(&sent);
                self.printer.note(format_args!("brought back: {text}"));
            }
            None => self.printer.note("nothing was taken back"),
        }
    }

    /// Sends the last message again. What goes wrong leaves the conversation as it is.
    fn regenerate(&mut self) -> anyhow::Result<()> {
        match self.conversation().undo() {
            Some(sent) => self.send_instead(sent),
            None => {
                self.nothing_said();
                Ok(())
            }
        }
    }

    /// Sends a message in place of the turn that was taken back last.
    fn send_instead(&mut self, message: Content) -> anyhow::Result<()> {
        if !self.send(message)? && self.conversation().redo().is_some() {
            self.printer.note("(the last reply is as it was)");
        }
        Ok(())
    }

    fn go_on(&mut self) -> anyhow::Result<()> {
        if self.conversation().chat.history().is_empty() {
            self.nothing_said();
            return Ok(());
        }
        self.send(Content::user(GO_ON)).map(drop)
    }

    /// Lets the last message be changed: in the user's editor, or at the prompt.
    fn edit(&mut self) -> anyhow::Result<()> {
        let Some(sent) = self.conversation().undo() else {
            self.nothing_said();
            return Ok(());
        };
        let text = sent.parts.iter().rev().find_map(Part::as_text);
        let text = text.unwrap_or_default().to_owned();
        let edited = match editor::named() {
            Some(editor) => self.signals.at_once(|| editor::edit(&editor, &text)),
            None if self.prompt.edits() => {
                self.prompt.put(&text);
                self.printer
                    .note("(change the message and press Enter; /redo leaves it as it was)");
                self.attached.extend(Attached::again(&sent));
                return Ok(());
            }
            None => Err(anyhow::anyhow!("no editor is named: set EDITOR")),
        };
        let edited = edited.inspect_err(|_| {
            self.conversations[self.current].redo();
        })?;
        let edited = edited.trim();
        if edited.is_empty() || edited == text {
            self.conversation().redo();
            self.printer.note("(nothing is changed)");
            return Ok(());
        }
        self.printer.note(format_args!("you: {edited}"));
        self.send_instead(with_text(sent, edited))
    }

    fn tell_history(&mut self) {
        let conversation = &self.conversations[self.current];
        if conversation.chat.history().is_empty() {
            self.nothing_said();
            return;
        }
        for (who, content, interrupted) in conversation.said() {
            let mark = if interrupted { " (interrupted)" } else { "" };
            self.printer
                .note(format_args!("{who}: {}{mark}", text_of(content).trim_end()));
        }
    }

    fn nothing_said(&mut self) {
        self.printer.note("nothing was said yet");
    }
}

/// The same message with another text; its files stay.
fn with_text(mut message: Content, text: &str) -> Content {
    let last = message
        .parts
        .iter()
        .rposition(|part| part.as_text().is_some());
    if let Some(at) = last {
        message.parts.remove(at);
    }
    message.parts.push(Part::text(text));
    message
}
