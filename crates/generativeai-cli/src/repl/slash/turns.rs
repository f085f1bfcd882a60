//! Commands that change or show the turns of the conversation.

use std::mem;

use generativeai::Compaction;
use generativeai::protocol::content::Content;

use crate::approval;
use crate::attachment::{self, mention};
use crate::repl::editor;
use crate::repl::input::Input;
use crate::repl::line::Line;
use crate::repl::next::Next;
use crate::repl::state::{Ending, Repl};
use crate::reply::is_cut;
use crate::transcript::{self, excerpt};

/// Message that asks a model to continue a truncated reply. Used if the service sent no continuation token.
const CONTINUE: &str = "Continue exactly where you stopped, without repeating anything.";

impl Repl<'_> {
    /// Undoes turns, by default the last one.
    pub(super) fn undo_turns(&mut self, count: &str) {
        let Some(count) = self.count_of(count, 1) else {
            return;
        };
        let mut done = 0;
        while done < count
            && let Some(message) = self.undo_last()
        {
            let text = excerpt(&message);
            self.printer.note(format_args!("undone: {text}"));
            done += 1;
        }
        match done {
            0 => self.no_messages(),
            1 => self.printer.note("(/redo restores it)"),
            _ => self
                .printer
                .note(format_args!("(/redo {done} restores them)")),
        }
    }

    /// Undoes the last turn and returns its message. Calls of it that wait for approval are not run.
    fn undo_last(&mut self) -> Option<Content> {
        self.leave_waiting();
        self.conversation().undo()
    }

    /// Restores undone turns, by default the last one.
    pub(super) fn redo_turns(&mut self, count: &str) {
        let Some(count) = self.count_of(count, 1) else {
            return;
        };
        for done in 0..count {
            match self.conversation().redo() {
                Some(message) => {
                    let text = excerpt(&message);
                    self.printer.note(format_args!("restored: {text}"));
                }
                None if done == 0 => return self.printer.note("nothing to redo"),
                None => break,
            }
        }
    }

    /// Sends the last message again. If that fails, its earlier reply is restored.
    pub(super) fn regenerate(&mut self) -> anyhow::Result<()> {
        match self.undo_last() {
            // If another process added messages, this one is still in the history: it does not become a draft.
            Some(message) => self.send_instead(message, ""),
            None => {
                self.no_messages();
                Ok(())
            }
        }
    }

    /// Sends a message instead of the turn that was just undone. If that fails, restores the turn.
    fn send_instead(&mut self, message: Content, draft: &str) -> anyhow::Result<()> {
        let ending = self.converse(Next::Message(message), draft)?;
        // After a conflict, the last undone turn may be one that another process has undone.
        if ending == Ending::Discarded && self.conversation().redo().is_some() {
            self.printer.note("(the previous reply is kept)");
        }
        Ok(())
    }

    /// Continues the last reply: from its continuation token if it has one, and otherwise with a message to the model.
    /// If calls wait for approval, asks about them.
    pub(super) fn continue_reply(&mut self) -> anyhow::Result<()> {
        if self.conversation().can_continue() {
            return self.converse(Next::Retry, "").map(drop);
        }
        let chat = &self.conversation().chat;
        if !approval::waiting(chat).is_empty() {
            return self.decide_waiting();
        }
        let Some(last) = chat.history().len().checked_sub(1) else {
            self.no_messages();
            return Ok(());
        };
        // Without a last response, for example after an undo, it is not known how the reply ended.
        if chat.last().is_some_and(|last| !is_cut(last)) && !chat.is_interrupted(last) {
            self.printer.note("the last reply is complete");
            return Ok(());
        }
        self.send(Content::user(CONTINUE)).map(drop)
    }

    /// Edits the last message, in the user's editor or at the prompt, and sends it instead. It is not undone before
    /// that.
    pub(super) fn edit_message(&mut self) -> anyhow::Result<()> {
        let Some(message) = self.conversation().with_part().undo() else {
            self.no_messages();
            return Ok(());
        };
        let text = attachment::text_of(&message);
        let edited = match editor::command() {
            Some(editor) => self
                .signals
                .ignore_interrupts_during(|| editor::edit(&editor, text))?,
            None if self.prompt.can_edit() => {
                self.insert_draft(text);
                self.printer
                    .note("(edit the message and press Enter; Ctrl-C keeps the original)");
                self.editing = Some(message);
                return Ok(());
            }
            None => anyhow::bail!(editor::NO_EDITOR),
        };
        let edited = edited.trim();
        if edited.is_empty() || edited == text.trim() {
            self.unchanged();
            return Ok(());
        }
        self.printer.note(format_args!("you: {edited}"));
        self.send_edited(&message, edited)
    }

    /// Sends the last message with another text. If that fails, the original and its reply are restored.
    ///
    /// The files of the original are sent again, and those that only the new text mentions. Files attached to the next
    /// message stay attached.
    pub(in crate::repl) fn send_edited(
        &mut self,
        original: &Content,
        text: &str,
    ) -> anyhow::Result<()> {
        let original_text = attachment::text_of(original);
        if text == original_text.trim() {
            self.unchanged();
            return Ok(());
        }
        let sent = mention::find(original_text);
        let mut added = mention::find(text);
        added.retain(|mention| !sent.contains(mention));
        let next = mem::take(&mut self.attachments);
        let attached = self.attach_mentions(added);
        let added = mem::replace(&mut self.attachments, next);
        attached?;
        self.undo_last();
        self.send_instead(attachment::edited(original, &added, text), text)
    }

    /// Ends editing at the prompt if something other than a message was entered.
    pub(in crate::repl) fn cancel_edit(&mut self, input: &Input) {
        let line = match input {
            Input::Line(line) => Line::parse(line),
            _ => Line::Empty,
        };
        if !matches!(line, Line::Message(_)) && self.editing.take().is_some() {
            self.unchanged();
        }
    }

    fn unchanged(&mut self) {
        self.printer.note("(unchanged)");
    }

    /// Shows the messages of the conversation, or the last ones.
    pub(super) fn show_history(&mut self, count: &str) -> anyhow::Result<()> {
        let paragraphs = transcript::paragraphs(self.conversation());
        if paragraphs.is_empty() {
            self.no_messages();
            return Ok(());
        }
        let Some(count) = self.count_of(count, paragraphs.len()) else {
            return Ok(());
        };
        self.show_paragraphs(&paragraphs[paragraphs.len().saturating_sub(count)..])
    }

    /// Sets the maximum number of tokens of a request. From then on, older turns are summarized when a request exceeds
    /// it, or dropped if they fill the context. `off` removes the maximum.
    pub(super) fn compact(&mut self, argument: &str) {
        if let "off" | "0" = argument {
            self.conversation().set_budget(None);
            self.printer.note("requests are no longer shortened");
            return;
        }
        let Some(tokens) = self.count_of(argument, 0) else {
            return;
        };
        // Requests within a budget may have a shorter history than the one that the token belongs to.
        self.conversation().settle();
        // 0 if there is no argument.
        let tokens = match tokens {
            0 if self.conversation().chat.history().is_empty() => return self.no_messages(),
            0 => self.default_budget(),
            _ => u32::try_from(tokens).unwrap_or(u32::MAX),
        };
        let compaction = self.compaction();
        self.conversation().set_budget(Some((tokens, compaction)));
        let verb = match compaction {
            Compaction::Drop => "dropped, since the context has no room for a summary,",
            _ => "summarized",
        };
        self.printer.note(format_args!(
            "older turns will be {verb} when a request exceeds {tokens} tokens (/compact off ends this)"
        ));
    }

    pub(super) fn no_messages(&mut self) {
        self.printer.note("no messages yet");
    }

    /// Parses a count. Reports an argument that is not a positive number.
    fn count_of(&mut self, argument: &str, default: usize) -> Option<usize> {
        if argument.is_empty() {
            return Some(default);
        }
        let count = argument.parse().ok().filter(|&count| count > 0);
        if count.is_none() {
            self.printer.note(format_args!(
                "`{argument}` is not a positive number: give a count, such as 2"
            ));
        }
        count
    }
}
