//! The printer: writes answers to stdout and everything else to stderr.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::time::Duration;

use anyhow::anyhow;
use clap::ValueEnum;
use tokio::time::timeout;

use super::markdown::{Layout, Markdown, wrapped, wrapped_row};
use super::progress::Progress;
use super::sanitizer::{Sanitizer, sanitize};
use crate::environment;
use crate::exit::ReaderGone;
use crate::hint::{self, Place};

/// Text that is shown while the program waits for a reply.
const WAITING: &str = "…";

/// Width without a terminal, in columns.
const DEFAULT_WIDTH: usize = 80;

/// Causes of a connection error that name only a layer of the network stack. The cause after them is the problem.
const LAYERS: [&str; 2] = ["client error (Connect)", "tcp connect error"];

/// The only writer to stdout and stderr.
///
/// On a terminal, answers are sanitized and replies of a model are rendered as Markdown. Pipes and files
/// receive them unchanged. Output to stderr is always sanitized.
#[derive(Debug)]
pub(crate) struct Printer {
    answers: Answers,
    colored: bool,
    /// Whether the terminal shows that the program waits for a reply.
    waiting: bool,
    /// Whether to omit hints.
    quiet: bool,
    /// Place where hints are read.
    place: Place,
}

/// State of the output to stdout.
#[derive(Debug)]
struct Answers {
    /// Sanitizes answers, if a terminal shows them.
    sanitizer: Option<Sanitizer>,
    /// Renders replies, if a terminal shows them.
    markdown: Option<Markdown>,
    /// Whether the next character starts a line.
    at_line_start: bool,
}

/// When to use colors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always, also in pipes and files
    Always,
    /// Never
    Never,
}

impl Printer {
    /// Creates a printer for stdout and stderr.
    pub(crate) fn new() -> Self {
        let mut printer = Self {
            answers: Answers {
                sanitizer: None,
                markdown: None,
                at_line_start: true,
            },
            colored: false,
            waiting: false,
            quiet: false,
            place: Place::default(),
        };
        printer.set_color(Color::Auto);
        printer
    }

    /// Sets when to use colors. With `Always`, pipes and files receive what a terminal would show.
    pub(crate) fn set_color(&mut self, when: Color) {
        let dumb = environment::is_dumb_terminal();
        let terminal = io::stdout().is_terminal();
        // A dumb terminal has no styles. Its output is not rendered, but still sanitized.
        let rendered = (terminal && !dumb) || when == Color::Always;
        let styled = match when {
            Color::Auto => rendered && !environment::is_set("NO_COLOR"),
            Color::Always => true,
            Color::Never => false,
        };
        let layout = Layout {
            width: width(),
            styled,
        };
        self.answers.sanitizer = (terminal || rendered).then(Sanitizer::default);
        self.answers.markdown = rendered.then(|| Markdown::new(layout));
        self.colored = styled;
    }

    /// Sets whether hints are omitted.
    pub(crate) fn set_quiet(&mut self, quiet: bool) {
        self.quiet = quiet;
    }

    /// Sets the place where hints are read.
    pub(crate) fn set_place(&mut self, place: Place) {
        self.place = place;
    }

    /// Stops rendering replies, because they are data and not Markdown.
    pub(crate) fn disable_markdown(&mut self) {
        self.answers.markdown = None;
    }

    /// Returns whether replies are rendered.
    pub(crate) fn renders_replies(&self) -> bool {
        self.answers.markdown.is_some()
    }

    /// Returns whether replies are rendered at a terminal that shows stderr as well.
    pub(crate) fn renders(&self) -> bool {
        let both = io::stdout().is_terminal() && io::stderr().is_terminal();
        both && self.renders_replies()
    }

    /// Writes the next piece of an answer.
    pub(crate) fn answer(&mut self, piece: &str) -> anyhow::Result<()> {
        self.clear_waiting();
        checked(self.answers.write(&mut io::stdout().lock(), piece))
    }

    /// Writes the next piece of a model's reply, as far as it can be rendered.
    pub(crate) fn reply(&mut self, piece: &str) -> anyhow::Result<()> {
        let rendered = self.answers.render(piece);
        if !rendered.is_empty() {
            self.clear_waiting();
        }
        checked(self.answers.put(&mut io::stdout().lock(), &rendered))
    }

    /// Ends an answer or a reply, with a line feed if it lacks one.
    pub(crate) fn end_answer(&mut self) -> anyhow::Result<()> {
        self.clear_waiting();
        checked(self.answers.end(&mut io::stdout().lock()))
    }

    /// Returns whether output to stderr may be colored.
    pub(crate) fn colored(&self) -> bool {
        self.colored
    }

    /// Shows that the program waits for a reply, if replies are rendered. The next output replaces it.
    pub(crate) fn show_waiting(&mut self) {
        if self.renders() && self.answers.at_line_start && !self.waiting {
            self.waiting = true;
            self.control(WAITING);
        }
    }

    /// Shows that a model is loading, at a terminal. The next output replaces it.
    pub(crate) fn show_loading(&mut self, model: &str) {
        if io::stderr().is_terminal() && !environment::is_dumb_terminal() && !self.waiting {
            self.waiting = true;
            self.control(&sanitize(&format!("(loading {model}…)")));
        }
    }

    /// Erases the line that shows the waiting or the loading, if it is shown.
    pub(crate) fn clear_waiting(&mut self) {
        if std::mem::take(&mut self.waiting) {
            self.control("\r\x1b[K");
        }
    }

    /// Writes a question that is answered on the same line.
    pub(crate) fn ask(&mut self, question: impl Display) {
        self.control(&sanitize(&question.to_string()));
    }

    /// Writes a sequence to stderr that may control the terminal.
    pub(crate) fn control(&mut self, text: &str) {
        let mut err = io::stderr().lock();
        // A closed stderr is ignored: there is nowhere left to report it.
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Asks a question that is answered with yes or no.
    pub(crate) fn confirm(&mut self, question: impl Display) -> bool {
        self.ask(question);
        let mut answer = String::new();
        // A read error leaves the answer empty, which means no.
        let _ = io::stdin().read_line(&mut answer);
        matches!(answer.trim(), "y" | "Y" | "yes" | "Yes")
    }

    /// Writes a message for the user to stderr, on its own lines.
    pub(crate) fn note(&mut self, text: impl Display) {
        self.write_note(text, wrapped);
    }

    /// Waits for work, and writes a message for the user if it takes longer than `after`.
    pub(crate) async fn note_after<T>(
        &mut self,
        after: Duration,
        text: impl Display,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = pin!(work);
        match timeout(after, &mut work).await {
            Ok(done) => done,
            Err(_) => {
                self.note(text);
                work.await
            }
        }
    }

    /// Writes rows of columns for the user to stderr, like [`note`](Self::note).
    pub(crate) fn rows(&mut self, text: impl Display) {
        self.write_note(text, wrapped_row);
    }

    fn write_note(&mut self, text: impl Display, wrap: fn(&str, usize) -> String) {
        self.clear_waiting();
        let mut text = sanitize(&text.to_string());
        if io::stderr().is_terminal() {
            let width = terminal_width();
            let lines: Vec<_> = text.lines().map(|line| wrap(line, width)).collect();
            text = lines.join("\n");
        }
        // A closed stderr is ignored: there is nowhere left to report it.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Writes a message that experienced users do not need, unless the printer is quiet.
    pub(crate) fn hint(&mut self, text: impl Display) {
        if !self.quiet {
            self.note(text);
        }
    }

    /// Writes a message while a reply arrives. On a terminal, the reply continues on a new line after it. The output to
    /// a pipe does not change.
    pub(crate) fn note_inline(&mut self, text: impl Display) -> anyhow::Result<()> {
        if self.answers.sanitizer.is_some() {
            self.end_answer()?;
        }
        self.note(text);
        Ok(())
    }

    /// Writes an error with its causes and a hint.
    pub(crate) fn error(&mut self, error: &anyhow::Error) {
        self.note(format_args!("genai: {error}"));
        for cause in error.chain().skip(1) {
            let is_layer = LAYERS.contains(&cause.to_string().as_str());
            if !is_layer || cause.source().is_none() {
                self.note(format_args!("  because: {cause}"));
            }
        }
        if let Some(hint) = hint::for_error(error, self.place) {
            self.note(format_args!("  hint: {hint}"));
        }
    }

    /// Starts showing the progress of a long operation.
    pub(crate) fn progress(&mut self, label: &'static str) -> Progress {
        let width: fn() -> usize = terminal_width;
        Progress::new(label, io::stderr().is_terminal().then_some(width))
    }
}

/// Prints a line to stderr, such as one that an MCP server has logged. Can be called from any thread, without the
/// printer.
pub(crate) fn print_line(line: &str) {
    // A closed stderr is ignored: there is nowhere left to report it.
    let _ = writeln!(io::stderr().lock(), "{}", sanitize(line));
}

/// Returns the width of stdout in columns. A pipe has the default width, so that its output depends on no terminal.
fn width() -> usize {
    match io::stdout().is_terminal() {
        true => terminal_width(),
        false => DEFAULT_WIDTH,
    }
}

/// Returns the width of the terminal in columns, also if stdout is a pipe.
fn terminal_width() -> usize {
    match crossterm::terminal::size() {
        Ok((columns @ 1.., _)) => columns.into(),
        _ => DEFAULT_WIDTH,
    }
}

/// Converts a write error. Rust ignores SIGPIPE, so a write fails with `BrokenPipe` after the reader closed the pipe.
fn checked(written: io::Result<()>) -> anyhow::Result<()> {
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => ReaderGone.into(),
        _ => anyhow!(error).context("cannot write to stdout"),
    })
}

impl Answers {
    /// Writes a piece of an answer that is not Markdown.
    fn write(&mut self, out: &mut impl Write, piece: &str) -> io::Result<()> {
        let sanitized = self
            .sanitizer
            .as_mut()
            .map(|sanitizer| sanitizer.push(piece));
        self.put(out, sanitized.as_deref().unwrap_or(piece))
    }

    /// Adds a piece of a reply, and returns the text to write.
    fn render(&mut self, piece: &str) -> String {
        let sanitized = match &mut self.sanitizer {
            Some(sanitizer) => sanitizer.push(piece),
            None => piece.to_owned(),
        };
        match &mut self.markdown {
            Some(markdown) => {
                markdown.set_width(width());
                markdown.push(&sanitized)
            }
            None => sanitized,
        }
    }

    /// Ends the answer and its line.
    fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        if let Some(sanitizer) = &mut self.sanitizer {
            *sanitizer = Sanitizer::default();
        }
        if let Some(markdown) = &mut self.markdown {
            let rest = markdown.end();
            self.put(out, &rest)?;
        }
        if self.at_line_start {
            Ok(())
        } else {
            self.put(out, "\n")
        }
    }

    fn put(&mut self, out: &mut impl Write, text: &str) -> io::Result<()> {
        if let Some(last) = text.chars().next_back() {
            self.at_line_start = last == '\n';
        }
        out.write_all(text.as_bytes())?;
        // `Stdout` buffers lines: without a flush, a piece would be shown only with the next line feed.
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(sanitizer: Option<Sanitizer>, pieces: &[&str]) -> (String, bool) {
        let mut answers = Answers {
            sanitizer,
            markdown: None,
            at_line_start: true,
        };
        let mut out = Vec::new();
        for piece in pieces {
            answers.write(&mut out, piece).expect("memory is writable");
        }
        let text = String::from_utf8(out).expect("text");
        (text, answers.at_line_start)
    }

    #[test]
    fn an_answer_cannot_control_the_terminal() {
        let pieces = ["safe \x1b[3", "1mred\x1b]0;ti", "tle\x07 end"];

        assert_eq!(
            written(Some(Sanitizer::default()), &pieces),
            ("safe red end".to_owned(), false)
        );
    }

    #[test]
    fn a_pipe_receives_the_answer_unchanged() {
        assert_eq!(
            written(None, &["\x1b[31m", "red\r\n"]),
            ("\x1b[31mred\r\n".to_owned(), true)
        );
    }
}
