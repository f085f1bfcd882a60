//! The prompt: reads lines from the terminal, with editing, history and completion.

mod completion;
mod keys;
mod marker;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::{Context, anyhow};
use reedline::{
    ColumnarMenu, EditCommand, FileBackedHistory, HistoryItem, MenuBuilder, Reedline, ReedlineMenu,
    Signal, ValidationResult, Validator,
};

use super::editor;
use crate::exit::Exit;
use crate::render::Printer;
use crate::signals::Signals;
use crate::terminal;
use crate::{environment, state_file};
use completion::{CommandHighlighter, PromptCompleter};
use keys::{Keys, QuoteValidator};
use marker::Marker;

/// Maximum number of entries of the history.
const MAX_HISTORY: usize = 1_000;

/// Input of the user at the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A message or a command, which may have several lines.
    Line(String),
    /// Ctrl-C at an empty prompt, or at a prompt without editing, whose text is not known.
    Interrupt,
    /// Ctrl-C that discarded the typed text.
    Discarded,
    /// Ctrl-D, or the end of stdin.
    End,
    /// A signal requires the program to exit.
    Exit(Exit),
}

/// Reader of lines from the terminal.
pub(super) enum Prompt {
    /// A line editor, which draws on the terminal itself.
    Editor {
        editor: Box<Reedline>,
        /// Whether the prompt contains text. reedline reports Ctrl-C without the text that it discards.
        has_text: Arc<AtomicBool>,
    },
    /// Lines as the terminal delivers them, if stdout or stderr is not a terminal to draw on.
    Plain,
}

impl Prompt {
    /// Creates the prompt.
    pub(super) fn new(signals: &Signals, printer: &mut Printer) -> anyhow::Result<Self> {
        let can_draw = io::stdout().is_terminal() && io::stderr().is_terminal();
        if !can_draw || environment::is_dumb_terminal() {
            return Ok(Self::Plain);
        }
        let has_text = Arc::default();
        let mut editor = Reedline::create()
            .with_ansi_colors(printer.colored())
            .with_highlighter(Box::new(CommandHighlighter {
                has_text: Arc::clone(&has_text),
            }))
            .with_completer(Box::new(PromptCompleter::default()))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(
                ColumnarMenu::default()
                    .with_name(keys::MENU)
                    .with_marker(marker::PROMPT),
            )))
            .with_edit_mode(Box::new(Keys::default()))
            .with_validator(Box::new(QuoteValidator))
            .with_break_signal(signals.wake_flag())
            .use_bracketed_paste(true);
        let history = state_file::open("history")
            .and_then(|(path, _)| Ok(FileBackedHistory::with_file(MAX_HISTORY, path)?));
        match history {
            Ok(history) => {
                // Lines that start with a blank are not stored, as in shells with `ignorespace`.
                editor = editor
                    .with_history(Box::new(history))
                    .with_history_exclusion_prefix(Some(" ".to_owned()));
            }
            Err(error) => printer.note(format_args!("(no prompt history: {error:#})")),
        }
        let editor = Box::new(editor);
        Ok(Self::Editor { editor, has_text })
    }

    /// Inserts text into the next prompt, where the user can edit it.
    pub(super) fn insert(&mut self, text: &str) {
        if let Self::Editor { editor, .. } = self {
            editor.run_edit_commands(&[EditCommand::InsertString(keys::drawable(text))]);
        }
    }

    /// Adds a line to the history that was not entered at the prompt.
    pub(super) fn remember(&mut self, line: &str) {
        if let Self::Editor { editor, .. } = self {
            // An error is ignored: the prompt works without its history as well.
            let _ = editor
                .history_mut()
                .save(HistoryItem::from_command_line(line));
        }
    }

    /// Returns whether text can be edited at the prompt.
    pub(super) fn can_edit(&self) -> bool {
        matches!(self, Self::Editor { .. })
    }

    /// Reads the next message or command.
    pub(super) fn next(
        &mut self,
        signals: &Signals,
        printer: &mut Printer,
    ) -> anyhow::Result<Input> {
        if let Some(exit) = signals.exit() {
            return Ok(Input::Exit(exit));
        }
        // A Ctrl-C before the prompt is shown is not meant for it.
        signals.clear();
        let (editor, has_text) = match self {
            Self::Editor { editor, has_text } => (editor, has_text),
            Self::Plain => return plain(signals, printer),
        };
        let signal = loop {
            match editor.read_line(&Marker) {
                Ok(Signal::HostCommand(command)) if command == keys::SUSPEND => terminal::suspend(),
                Ok(Signal::HostCommand(command)) if command == keys::EDIT => {
                    signals.ignore_interrupts_during(|| edit(editor, printer));
                }
                Ok(signal) => break signal,
                Err(error) => return read_failed(error, signals),
            }
        };
        let input = match signal {
            Signal::Success(line) => Input::Line(line),
            Signal::CtrlD => Input::End,
            Signal::CtrlC if has_text.load(Relaxed) => Input::Discarded,
            Signal::CtrlC => Input::Interrupt,
            Signal::ExternalBreak(_) => signals.exit().map_or(Input::Interrupt, Input::Exit),
            _ => Input::Line(String::new()),
        };
        // If the history cannot be written now, it is written after a later line.
        let _ = editor.sync_history();
        Ok(input)
    }
}

/// Edits the text of the prompt in the user's text editor. If that fails, reports the error and keeps the text.
fn edit(editor: &mut Reedline, printer: &mut Printer) {
    let text = editor.current_buffer_contents();
    let edited = editor::command().ok_or_else(|| anyhow!(editor::NO_EDITOR));
    match edited.and_then(|command| editor::edit(&command, text)) {
        Ok(edited) => {
            let edited = keys::drawable(edited.trim_end());
            editor.run_edit_commands(&[EditCommand::Clear, EditCommand::InsertString(edited)]);
        }
        Err(error) => {
            // The prompt is drawn again below the error. The rest of its text may be below the cursor.
            printer.control("\n\x1b[J");
            printer.error(&error);
        }
    }
}

/// Reads a line as the terminal delivers it, or a message of several lines in quotes.
fn plain(signals: &Signals, printer: &mut Printer) -> anyhow::Result<Input> {
    let mut text = String::new();
    printer.ask(marker::PROMPT);
    terminal::wait_for_line(|| signals.is_stopped());
    loop {
        let line = match terminal::read_line(|| signals.is_stopped()) {
            Ok(Some(line)) => line,
            Ok(None) => {
                // The terminal has shown `^C`, and by default has discarded the typed text.
                printer.control("\n");
                let interrupt = match text.is_empty() {
                    true => Input::Interrupt,
                    false => Input::Discarded,
                };
                return Ok(signals.exit().map_or(interrupt, Input::Exit));
            }
            Err(error) => return read_failed(error, signals),
        };
        text += &line;
        match QuoteValidator.validate(&text) {
            _ if text.is_empty() => return Ok(Input::End),
            ValidationResult::Incomplete if !line.is_empty() => printer.ask(marker::CONTINUATION),
            _ => return Ok(Input::Line(text)),
        }
    }
}

/// Returns the input after a read error: of a closed terminal, the exit.
fn read_failed(error: io::Error, signals: &Signals) -> anyhow::Result<Input> {
    let exit = signals.exit_soon().map(Input::Exit);
    exit.ok_or(error).context("cannot read from the terminal")
}
