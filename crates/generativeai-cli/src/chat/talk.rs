//! A conversation at the terminal.

use generativeai::ChatSession;
use generativeai::protocol::{Content, Part, Role};
use tokio::runtime::Runtime;

use super::prompt::Prompt;
use super::reply::{self, Reply};
use super::spoken::{Command, HELP, Spoken};
use crate::exit::Exit;
use crate::printer::Printer;

/// Talks until it is left.
pub(super) fn talk(
    runtime: &Runtime,
    mut chat: ChatSession,
    printer: &mut Printer,
) -> anyhow::Result<Exit> {
    let mut prompt = Prompt::new()?;
    printer.note("/help tells the commands, Ctrl-D leaves.");
    while let Some(line) = prompt.line()? {
        match Spoken::read(&line) {
            Spoken::Nothing => {}
            Spoken::Message(message) => say(runtime, &mut chat, message, printer)?,
            Spoken::Command(Command::Rewind) => rewind(&mut chat, printer),
            Spoken::Command(Command::History) => tell_history(&chat, printer),
            Spoken::Command(Command::Help) => printer.note(HELP),
            Spoken::Command(Command::Quit) => break,
            Spoken::Unknown(command) => {
                printer.note(format_args!(
                    "there is no command {command}: /help tells those there are"
                ));
            }
        }
    }
    Ok(Exit::Done)
}

/// Says a message and shows the reply. A failure ends the turn, not the conversation.
fn say(
    runtime: &Runtime,
    chat: &mut ChatSession,
    message: &str,
    printer: &mut Printer,
) -> anyhow::Result<()> {
    match runtime.block_on(reply::show(chat.send_message(message), printer)) {
        Ok(Reply::Whole) => {}
        Ok(Reply::Stopped) => keep_what_came(chat, printer),
        Err(error) if error.is::<generativeai::Error>() => {
            printer.failure(&error);
            chat.rewind();
            printer.note("(your message is taken back: the conversation is as it was before)");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Keeps a reply that was stopped; if nothing came of it, the message is taken back.
fn keep_what_came(chat: &mut ChatSession, printer: &mut Printer) {
    let came = chat
        .unfinished()
        .is_some_and(|turn| turn.received.is_some());
    if came {
        chat.keep_partial();
        printer.note("(stopped; what came stays in the conversation)");
    } else {
        chat.rewind();
        printer.note("(stopped before anything came; your message is taken back)");
    }
}

fn rewind(chat: &mut ChatSession, printer: &mut Printer) {
    match chat.rewind() {
        Some((sent, _)) => printer.note(format_args!("taken back: {}", text_of(&sent))),
        None => printer.note("nothing was said yet"),
    }
}

fn tell_history(chat: &ChatSession, printer: &mut Printer) {
    if chat.history().is_empty() {
        printer.note("nothing was said yet");
    }
    for content in chat.history() {
        let who = if content.role == Some(Role::Model) {
            "model"
        } else {
            "you"
        };
        printer.note(format_args!("{who}: {}", text_of(content)));
    }
}

/// What a content says; a part that is no text is named in brackets.
fn text_of(content: &Content) -> String {
    let parts = content.parts.iter().filter(|part| !part.is_thought());
    let text = |part: &Part| match part.as_text() {
        Some(text) => text.to_owned(),
        None => format!("[{}]", part.kind().unwrap_or("nothing")),
    };
    parts.map(text).collect()
}
