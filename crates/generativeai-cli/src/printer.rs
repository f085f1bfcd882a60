//! All output of the program: answers to stdout, everything else to stderr.

mod clean;
mod progress;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anyhow::anyhow;

use crate::advice;
use crate::exit::ReaderGone;
use clean::Clean;
pub(crate) use progress::Progress;

/// The one place that writes.
///
/// On a terminal an answer is shown without anything that could drive the terminal; into a pipe or a
/// file it goes as the model gave it. What goes to stderr is always made harmless.
#[derive(Debug)]
pub(crate) struct Printer {
    answers: Answers,
}

#[derive(Debug)]
struct Answers {
    /// What makes answers harmless, if a terminal shows them.
    clean: Option<Clean>,
    /// Whether the answer stands at the beginning of a line.
    line_begins: bool,
}

impl Printer {
    /// Makes the printer for stdout and stderr as they are.
    pub(crate) fn new() -> Self {
        let clean = io::stdout().is_terminal().then(Clean::default);
        Self {
            answers: Answers {
                clean,
                line_begins: true,
            },
        }
    }

    /// Shows the next piece of an answer, at once.
    pub(crate) fn answer(&mut self, piece: &str) -> anyhow::Result<()> {
        let written = self.answers.write(&mut io::stdout().lock(), piece);
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => ReaderGone.into(),
            _ => anyhow!(error).context("cannot write the answer"),
        })
    }

    /// Ends an answer: the next thing shown begins a line.
    pub(crate) fn end_answer(&mut self) -> anyhow::Result<()> {
        if let Some(clean) = &mut self.answers.clean {
            *clean = Clean::default();
        }
        if self.answers.line_begins {
            Ok(())
        } else {
            self.answer("\n")
        }
    }

    /// Tells something beside the answer, on lines of its own.
    pub(crate) fn note(&mut self, text: impl Display) {
        let text = Clean::default().push(&text.to_string());
        // If nobody listens to stderr, there is nobody to tell.
        let _ = writeln!(io::stderr().lock(), "{text}");
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

impl Answers {
    fn write(&mut self, out: &mut impl Write, piece: &str) -> io::Result<()> {
        let cleaned = self.clean.as_mut().map(|clean| clean.push(piece));
        let text = cleaned.as_deref().unwrap_or(piece);
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
