//! All output of the program: answers to stdout, everything else to stderr.

mod clean;
mod markdown;
mod progress;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anyhow::anyhow;
use clap::ValueEnum;

use crate::advice;
use crate::exit::ReaderGone;
use clean::Clean;
use markdown::{Look, Markdown};
pub(crate) use progress::Progress;

/// The one place that writes.
///
/// On a terminal an answer is shown without anything that could drive the terminal, and a reply of a
/// model is drawn as the Markdown it is; into a pipe or a file they go as they are. What goes to
/// stderr is always made harmless.
#[derive(Debug)]
pub(crate) struct Printer {
    answers: Answers,
    coloured: bool,
    /// Whether a terminal shows a sign that something is waited for.
    waiting: bool,
}

/// A text without anything in it that could drive a terminal.
pub(crate) fn harmless(text: &str) -> String {
    Clean::default().push(text)
}

/// Tells what another program said on its stderr, from wherever that is heard.
pub(crate) fn overheard(line: &str) {
    // If nobody listens to stderr, there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{}", harmless(line));
}

#[derive(Debug)]
struct Answers {
    /// What makes answers harmless, if a terminal shows them.
    clean: Option<Clean>,
    /// What draws replies, if a terminal shows them.
    markdown: Option<Markdown>,
    /// Whether the answer stands at the beginning of a line.
    line_begins: bool,
}

/// When colours are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Wherever the answer goes
    Always,
    /// Nowhere
    Never,
}

impl Printer {
    /// Makes the printer for stdout and stderr as they are.
    pub(crate) fn new() -> Self {
        let mut printer = Self {
            answers: Answers {
                clean: None,
                markdown: None,
                line_begins: true,
            },
            coloured: false,
            waiting: false,
        };
        printer.colour(Colour::Auto);
        printer
    }

    /// Says when colours are shown. Where they are always shown, a pipe too gets what a terminal
    /// would show.
    pub(crate) fn colour(&mut self, when: Colour) {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = io::stdout().is_terminal();
        let drawn = (terminal && !dumb) || when == Colour::Always;
        let styled = match when {
            Colour::Auto => drawn && !set("NO_COLOR"),
            Colour::Always => true,
            Colour::Never => false,
        };
        let look = Look {
            width: width(),
            styled,
        };
        self.answers.clean = (terminal || drawn).then(Clean::default);
        self.answers.markdown = drawn.then(|| Markdown::new(look));
        self.coloured = styled;
    }

    /// Shows replies as they are from now on: they are data, not Markdown.
    pub(crate) fn as_they_are(&mut self) {
        self.answers.markdown = None;
    }

    /// Shows the next piece of an answer, at once.
    pub(crate) fn answer(&mut self, piece: &str) -> anyhow::Result<()> {
        self.go_on();
        told(self.answers.write(&mut io::stdout().lock(), piece))
    }

    /// Shows the next piece of a model's reply, as far as it is known how it looks.
    pub(crate) fn reply(&mut self, piece: &str) -> anyhow::Result<()> {
        let drawn = self.answers.draw(piece);
        if !drawn.is_empty() {
            self.go_on();
        }
        told(self.answers.put(&mut io::stdout().lock(), &drawn))
    }

    /// Ends an answer or a reply: the next thing shown begins a line.
    pub(crate) fn end_answer(&mut self) -> anyhow::Result<()> {
        self.go_on();
        told(self.answers.end(&mut io::stdout().lock()))
    }

    /// Whether what is shown on stderr may be coloured.
    pub(crate) fn coloured(&self) -> bool {
        self.coloured
    }

    /// Shows that something is waited for, where replies are drawn; what is shown next takes its place.
    pub(crate) fn wait(&mut self) {
        let drawn = self.answers.markdown.is_some() && io::stdout().is_terminal();
        if drawn && self.answers.line_begins && io::stderr().is_terminal() && !self.waiting {
            self.waiting = true;
            self.ask("…");
        }
    }

    /// Takes the sign away, if one is shown.
    fn go_on(&mut self) {
        if std::mem::take(&mut self.waiting) {
            self.ask("\r\x1b[K");
        }
    }

    /// Asks for something that is typed on the same line.
    pub(crate) fn ask(&mut self, what: &str) {
        let mut err = io::stderr().lock();
        // If nobody listens to stderr, there is nobody to ask.
        let _ = err.write_all(what.as_bytes()).and_then(|()| err.flush());
    }

    /// Tells something beside the answer, on lines of its own.
    pub(crate) fn note(&mut self, text: impl Display) {
        self.go_on();
        let mut text = Clean::default().push(&text.to_string());
        if io::stderr().is_terminal() {
            let width = width();
            let lines: Vec<_> = text
                .lines()
                .map(|line| markdown::wrapped(line, width))
                .collect();
            text = lines.join("\n");
        }
        // If nobody listens to stderr, there is nobody to tell.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Tells something in the middle of an answer: on a terminal below what is shown of it, where a pipe
    /// gets the answer in one piece.
    pub(crate) fn beside(&mut self, text: impl Display) -> anyhow::Result<()> {
        if self.answers.clean.is_some() {
            self.end_answer()?;
        }
        self.note(text);
        Ok(())
    }

    /// Tells an error: what happened, why, and what can be done.
    pub(crate) fn failure(&mut self, error: &anyhow::Error) {
        self.note(format_args!("genai: {error}"));
        for cause in error.chain().skip(1) {
            self.note(format_args!("  because: {cause}"));
        }
        if let Some(advice) = advice::on(error) {
            self.note(format_args!("  {advice}"));
        }
    }

    /// Shows how far something has come.
    pub(crate) fn progress(&mut self, what: &'static str) -> Progress {
        Progress::new(what, io::stderr().is_terminal())
    }
}

/// How many columns the terminal has.
fn width() -> usize {
    const USUAL: usize = 80;
    if !io::stdout().is_terminal() {
        return USUAL;
    }
    match crossterm::terminal::size() {
        Ok((columns @ 1.., _)) => columns.into(),
        _ => USUAL,
    }
}

/// What writing came to: that nobody reads any longer is told apart.
fn told(written: io::Result<()>) -> anyhow::Result<()> {
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => ReaderGone.into(),
        _ => anyhow!(error).context("cannot write the answer"),
    })
}

impl Answers {
    /// Writes a piece of an answer.
    fn write(&mut self, out: &mut impl Write, piece: &str) -> io::Result<()> {
        let cleaned = self.clean.as_mut().map(|clean| clean.push(piece));
        self.put(out, cleaned.as_deref().unwrap_or(piece))
    }

    /// What is to be written of a reply with its next piece.
    fn draw(&mut self, piece: &str) -> String {
        let cleaned = match &mut self.clean {
            Some(clean) => clean.push(piece),
            None => piece.to_owned(),
        };
        match &mut self.markdown {
            Some(markdown) => {
                markdown.set_width(width());
                markdown.push(&cleaned)
            }
            None => cleaned,
        }
    }

    /// Ends the answer, and its line.
    fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        if let Some(clean) = &mut self.clean {
            *clean = Clean::default();
        }
        if let Some(markdown) = &mut self.markdown {
            let drawn = markdown.end();
            self.put(out, &drawn)?;
        }
        if self.line_begins {
            Ok(())
        } else {
            self.put(out, "\n")
        }
    }

    fn put(&mut self, out: &mut impl Write, text: &str) -> io::Result<()> {
        if let Some(last) = text.chars().next_back() {
            self.line_begins = last == '\n';
        }
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(clean: Option<Clean>, pieces: &[&str]) -> (String, bool) {
        let mut answers = Answers {
            clean,
            markdown: None,
            line_begins: true,
        };
        let mut out = Vec::new();
        for piece in pieces {
            answers
                .write(&mut out, piece)
                .expect("memory can be written to");
        }
        (String::from_utf8(out).expect("text"), answers.line_begins)
    }

    #[test]
    fn a_terminal_is_not_driven_by_an_answer() {
        let pieces = ["safe \x1b[3", "1mred\x1b]0;ti", "tle\x07 end"];

        assert_eq!(
            shown(Some(Clean::default()), &pieces),
            ("safe red end".to_owned(), false)
        );
    }

    #[test]
    fn a_pipe_gets_the_answer_as_it_is() {
        assert_eq!(
            shown(None, &["\x1b[31m", "red\r\n"]),
            ("\x1b[31mred\r\n".to_owned(), true)
        );
    }
}
