//! The prompt: reads messages from the terminal, where they can be edited and called back.

mod complete;
mod kept;
mod keys;
mod sign;

use std::io::{self, BufRead, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::Context;
use reedline::{
    ColumnarMenu, EditCommand, FileBackedHistory, MenuBuilder, Reedline, ReedlineMenu, Signal,
};

use super::signals::Signals;
use crate::exit::Exit;
use crate::printer::Printer;
use complete::{Colours, Names};
use keys::{Complete, Keys};
use sign::Sign;

/// What came of asking at the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A line, or several.
    Line(String),
    /// Ctrl-C, and nothing was typed.
    Interrupt,
    /// Ctrl-C, which takes back what was typed.
    Nothing,
    /// Ctrl-D, or the end of what is typed.
    End,
    /// The program is to end, since something else says so.
    Exit(Exit),
}

/// Reads messages from the terminal.
pub(super) enum Prompt {
    /// With keys to edit by. It draws on the terminal itself, so that stdout has answers only.
    Edited {
        editor: Box<Reedline>,
        /// Whether anything is typed.
        typed: Arc<AtomicBool>,
    },
    /// Line by line as the terminal gives them, where stdout is no terminal to draw on.
    Plain,
}

impl Prompt {
    /// Makes the prompt.
    pub(super) fn new(signals: &Signals, printer: &mut Printer) -> anyhow::Result<Self> {
        if !io::stdout().is_terminal() || !io::stderr().is_terminal() {
            return Ok(Self::Plain);
        }
        let typed = Arc::default();
        let mut editor = Reedline::create()
            .with_ansi_colors(printer.coloured())
            .with_highlighter(Box::new(Colours {
                typed: Arc::clone(&typed),
            }))
            .with_completer(Box::new(Names::default()))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(
                ColumnarMenu::default()
                    .with_name(keys::MENU)
                    .with_marker(sign::PROMPT),
            )))
            .with_edit_mode(Box::new(Keys::default()))
            .with_validator(Box::new(Complete))
            .with_break_signal(signals.wakes())
            .use_bracketed_paste(true);
        match kept::file().and_then(|path| Ok(FileBackedHistory::with_file(kept::MOST, path)?)) {
            Ok(history) => {
                editor = editor
                    .with_history(Box::new(history))
                    .with_history_exclusion_prefix(Some(" ".to_owned()));
            }
            Err(error) => printer.note(format_args!(
                "(what is typed will not be remembered: {error:#})"
            )),
        }
        let editor = Box::new(editor);
        Ok(Self::Edited { editor, typed })
    }

    /// Puts a text at the next prompt, to be edited.
    pub(super) fn put(&mut self, text: &str) {
        if let Self::Edited { editor, .. } = self {
            editor.run_edit_commands(&[EditCommand::InsertString(keys::harmless(text))]);
        }
    }

    /// Whether a text can be put there.
    pub(super) fn edits(&self) -> bool {
        matches!(self, Self::Edited { .. })
    }

    /// The next message or command.
    pub(super) fn next(
        &mut self,
        signals: &Signals,
        printer: &mut Printer,
    ) -> anyhow::Result<Typed> {
        if let Some(exit) = signals.exit() {
            return Ok(Typed::Exit(exit));
        }
        signals.forget();
        let (editor, typed) = match self {
            Self::Edited { editor, typed } => (editor, typed),
            Self::Plain => return plain(signals, printer),
        };
        let read = match editor.read_line(&Sign) {
            Ok(read) => read,
            Err(error) => {
                let exit = signals.exit_soon().map(Typed::Exit);
                return exit.ok_or(error).context("cannot use the terminal");
            }
        };
        let line = match read {
            Signal::Success(line) => Typed::Line(keys::unquoted(&line)),
            Signal::CtrlD => Typed::End,
            Signal::CtrlC if typed.load(Relaxed) => Typed::Nothing,
            Signal::CtrlC => Typed::Interrupt,
            Signal::ExternalBreak(_) => signals.exit().map_or(Typed::Interrupt, Typed::Exit),
            _ => Typed::Line(String::new()),
        };
        // What cannot be remembered now may be later; the conversation goes on either way.
        let _ = editor.sync_history();
        Ok(line)
    }
}

/// Reads a line as the terminal gives it.
fn plain(signals: &Signals, printer: &mut Printer) -> anyhow::Result<Typed> {
    printer.ask(sign::PROMPT);
    let mut line = String::new();
    match signals
        .at_once(|| io::stdin().lock().read_line(&mut line))
        .context("cannot read from the terminal")?
    {
        0 => Ok(Typed::End),
        _ => Ok(Typed::Line(line)),
    }
}
