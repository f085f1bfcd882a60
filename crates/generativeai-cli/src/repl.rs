//! A session at the terminal: reads lines at a prompt, sends messages and runs slash commands.

mod approve;
mod context;
mod conversations;
mod editor;
mod input;
mod level;
mod line;
mod next;
mod persist;
mod slash;
mod state;
mod type_ahead;

use tokio::runtime::Runtime;

use crate::conversation::Conversation;
use crate::exit::{Exit, ReaderGone};
use crate::hint::Place;
use crate::render::Printer;
use crate::signals::Signals;
use crate::terminal;
use input::{Input, Prompt};
use line::{Command, Line};
use state::Repl;
pub(crate) use state::ReplOptions;

/// Runs a session until the user quits.
pub(crate) fn run(
    runtime: &Runtime,
    conversation: Conversation,
    options: ReplOptions,
    signals: Signals,
    printer: &mut Printer,
) -> anyhow::Result<Exit> {
    terminal::restore_on_panic();
    printer.set_place(Place::Session);
    let prompt = Prompt::new(&signals, printer)?;
    printer.note("/help lists the commands; Ctrl-D quits.");
    let mut repl = Repl::new(runtime, signals, prompt, printer, conversation, options);
    repl.recover();
    repl.show_resumed();
    if let Err(error) = repl.decide_waiting() {
        repl.printer.error(&error);
    }
    let exit = read_lines(&mut repl);
    repl.close(exit)
}

/// Reads and executes lines until the user quits or a signal ends the program. Ctrl-C quits only if it is pressed twice
/// in a row at an empty prompt.
fn read_lines(repl: &mut Repl<'_>) -> anyhow::Result<Exit> {
    let mut warned = false;
    loop {
        let input = next_input(repl)?;
        repl.cancel_edit(&input);
        match input {
            Input::Line(line) => {
                if !execute(repl, &line)? {
                    return Ok(Exit::Success);
                }
            }
            Input::Discarded => {}
            Input::Interrupt if warned => return Ok(Exit::Success),
            Input::Interrupt => {
                repl.printer.note("(press Ctrl-C again or Ctrl-D to quit)");
                warned = true;
                continue;
            }
            Input::End => return Ok(Exit::Success),
            Input::Exit(exit) => return Ok(exit),
        }
        warned = false;
    }
}

/// Returns the next line that was typed before the prompt. Without one, or while the last message is edited, reads a
/// line at the prompt.
fn next_input(repl: &mut Repl<'_>) -> anyhow::Result<Input> {
    repl.read_entered();
    for line in repl.type_ahead.take_cleared() {
        repl.printer.note(format_args!("(not sent: {line})"));
        repl.prompt.remember(&line);
    }
    if repl.editing.is_some() {
        return repl.prompt.next(&repl.signals, repl.printer);
    }
    // After a signal that ends the program, the queued lines are not sent.
    if repl.signals.exit().is_none()
        && let Some(line) = repl.type_ahead.next_line()
    {
        repl.printer.note(format_args!("> {line}"));
        let more = repl.type_ahead.len();
        if more > 0 {
            repl.printer
                .note(format_args!("({more} more queued; Esc clears)"));
        }
        repl.prompt.remember(&line);
        return Ok(Input::Line(line));
    }
    let draft = repl.type_ahead.take_draft();
    repl.prompt.insert(&draft);
    repl.prompt.next(&repl.signals, repl.printer)
}

/// Executes a line. An error is reported and does not end the session. Returns `false` to quit.
fn execute(repl: &mut Repl<'_>, line: &str) -> anyhow::Result<bool> {
    let result = match Line::parse(line) {
        Line::Empty => Ok(()),
        Line::Message(message) => match repl.editing.take() {
            Some(original) => repl.send_edited(&original, message),
            None => repl.send_text(message),
        },
        Line::Command(Command::Quit, _) => return Ok(false),
        Line::Command(command, argument) => slash::run(repl, command, argument),
        Line::UnexpectedArgument(command) => {
            let note = format_args!("/{command} takes no argument: try /help");
            repl.printer.note(note);
            Ok(())
        }
        Line::Unknown(command, suggestion) => {
            match suggestion {
                Some(suggestion) => repl.printer.note(format_args!(
                    "unknown command /{command}: did you mean /{suggestion}?"
                )),
                None => repl.printer.note(format_args!(
                    "unknown command /{command}: try /help, or //{command} to send it"
                )),
            }
            Ok(())
        }
    };
    match result {
        Err(error) if !error.is::<ReaderGone>() => repl.printer.error(&error),
        result => result?,
    }
    repl.persist();
    Ok(true)
}
