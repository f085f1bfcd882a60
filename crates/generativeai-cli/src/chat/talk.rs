//! A conversation at the terminal.

mod commands;
mod files;
mod others;
mod saves;
mod who;

use std::time::{Duration, Instant};

use generativeai::protocol::content::Content;
use generativeai::protocol::response::UsageMetadata;
use tokio::runtime::Runtime;

use super::attach::{self, Attached};
use super::conversation::Conversation;
use super::prompt::{Prompt, Typed};
use super::reply::{self, Reply};
use super::screen;
use super::signals::Signals;
use super::spent::Spent;
use super::spoken::{Command, Spoken};
use crate::exit::{Exit, ReaderGone};
use crate::printer::Printer;

/// Talks until it is left; `stats` says whether to tell what each reply cost.
pub(super) fn talk(
    runtime: &Runtime,
    conversation: Conversation,
    stats: bool,
    printer: &mut Printer,
) -> anyhow::Result<Exit> {
    screen::restore_on_panic();
    let signals = Signals::listen(runtime)?;
    let prompt = Prompt::new(&signals, printer)?;
    let mut talk = Talk {
        prompt,
        runtime,
        signals,
        printer,
        conversations: vec![conversation],
        current: 0,
        attached: Vec::new(),
        spent: Spent::default(),
        saves: true,
    };
    talk.spent.told_each_time = stats;
    talk.printer
        .note("/help tells the commands, Ctrl-D leaves.");
    let ended = talk.run();
    talk.close(ended)
}

/// A conversation at the terminal, as it goes on.
struct Talk<'a> {
    runtime: &'a Runtime,
    signals: Signals,
    prompt: Prompt,
    printer: &'a mut Printer,
    /// The conversation, and those it was forked from or into.
    conversations: Vec<Conversation>,
    /// Which of them goes on.
    current: usize,
    /// What goes with the next message.
    attached: Vec<Attached>,
    spent: Spent,
    /// Whether what is said is kept, as far as the user was told.
    saves: bool,
}

/// Whether the conversation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Prompt,
    Leave,
}

impl Talk<'_> {
    fn run(&mut self) -> anyhow::Result<Exit> {
        let mut warned = false;
        loop {
            let typed = self.prompt.next(&self.signals, self.printer)?;
            match typed {
                Typed::Line(line) => {
                    if self.hear(&line)? == Next::Leave {
                        return Ok(Exit::Done);
                    }
                }
                Typed::Nothing => {}
                Typed::Interrupt if warned => return Ok(Exit::Done),
                Typed::Interrupt => {
                    self.printer.note("(Ctrl-C again, or Ctrl-D, leaves)");
                    warned = true;
                    continue;
                }
                Typed::End => return Ok(Exit::Done),
                Typed::Exit(exit) => return Ok(exit),
            }
            warned = false;
        }
    }

    /// Does what was typed. What fails ends there, and not the conversation.
    fn hear(&mut self, line: &str) -> anyhow::Result<Next> {
        let done = match Spoken::read(line) {
            Spoken::Nothing => Ok(()),
            Spoken::Message(message) => self.say(message),
            Spoken::Command(Command::Quit, _) => return Ok(Next::Leave),
            Spoken::Command(command, rest) => self.command(command, rest),
            Spoken::TooMuch(command) => {
                let told = format_args!(
                    "/{command} takes nothing behind it: /help tells what the commands take"
                );
                self.printer.note(told);
                Ok(())
            }
            Spoken::Unknown(command) => {
                self.printer.note(format_args!(
                    "there is no command {command}: /help tells those there are"
                ));
                Ok(())
            }
        };
        match done {
            Err(error) if !error.is::<ReaderGone>() => self.printer.failure(&error),
            done => done?,
        }
        self.keep();
        Ok(Next::Prompt)
    }

    /// Says a message, with the files it mentions and those that wait for it.
    fn say(&mut self, message: &str) -> anyhow::Result<()> {
        for path in attach::mentions::of(message) {
            self.attach(&path)?;
        }
        let content = attach::message(&self.attached, message);
        if self.send(content)? {
            self.attached.clear();
        }
        Ok(())
    }

    /// Sends a message, shows the reply, and says whether any was kept.
    fn send(&mut self, message: Content) -> anyhow::Result<bool> {
        let began = Instant::now();
        let chat = &mut self.conversations[self.current].chat;
        let message = chat.send_message(message);
        let reply = reply::show_until(self.signals.stop(), message, self.printer);
        let quiet = screen::Quiet::begin();
        let reply = self.runtime.block_on(reply);
        drop(quiet);
        self.count(began.elapsed());
        match reply {
            Ok(Reply::Whole) => {
                self.conversation().went_on();
                Ok(true)
            }
            // It was the saving that was stopped: the reply is whole.
            Ok(Reply::Stopped) if self.conversation().chat.unfinished().is_none() => {
                self.conversation().went_on();
                Ok(true)
            }
            Ok(Reply::Stopped) => Ok(self.keep_what_came()),
            Err(error) => {
                self.conversation().chat.rewind();
                if !error.is::<ReaderGone>() {
                    self.printer.failure(&error);
                    let back = "(your message is taken back: the conversation is as it was before)";
                    self.printer.note(back);
                    return Ok(false);
                }
                Err(error)
            }
        }
    }

    /// Keeps a reply that was stopped; if nothing came of it, the message is taken back.
    fn keep_what_came(&mut self) -> bool {
        let kept = self.conversation().keep_what_came();
        if !kept {
            self.conversation().chat.rewind();
        }
        self.printer.note(if kept {
            "(stopped; what came stays in the conversation: /continue lets it go on)"
        } else {
            "(stopped before anything came; your message is taken back)"
        });
        kept
    }

    /// Adds what the last reply used.
    fn count(&mut self, took: Duration) {
        let last = self.conversations[self.current].chat.last();
        let usage: Option<&UsageMetadata> = last.and_then(|last| last.usage_metadata.as_deref());
        self.spent.add(usage, took);
        if self.spent.told_each_time {
            self.printer.note(self.spent.last());
        }
    }

    fn conversation(&mut self) -> &mut Conversation {
        &mut self.conversations[self.current]
    }
}
