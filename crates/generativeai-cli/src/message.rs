//! The message given on the command line and on stdin.

use std::io::{self, BufRead, IsTerminal};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use rustix::fs::{FileType, fstat};

use crate::exit::UsageError;
use crate::file::read_at_most;
use crate::render::Printer;

/// Maximum number of bytes read from stdin: more text than the context of a model has room for.
const MAX_INPUT: u64 = 16 << 20;

/// Time without input on an open stdin, after which the wait is reported. If stdin is a socket, the message is sent
/// without it then: programs such as Node.js pass a socket that nobody writes to or closes.
const SILENCE: Duration = Duration::from_secs(3);

/// Returns the message to send, or `None` for a session at the terminal.
///
/// Words are joined by spaces. Piped input follows them as a separate paragraph, or replaces the word `-`. With words
/// and without `-`, the input of a socket is optional: it is awaited for at most [`SILENCE`]. The error for an empty
/// message contains an example with the `command`.
pub(crate) fn message(
    words: &[String],
    command: &str,
    printer: &mut Printer,
) -> anyhow::Result<Option<String>> {
    let stdin = io::stdin();
    let message = match words {
        [] if stdin.is_terminal() => return Ok(None),
        [] => read_all()?,
        words if words.iter().any(|word| word == "-") => {
            with_input(words, || Ok(reported(read_all()?, printer)))?
        }
        words if stdin.is_terminal() => words.join(" "),
        words => {
            let words = words.join(" ");
            if words.trim().is_empty() {
                return Err(empty(command));
            }
            let input = read_optional(printer)?;
            paragraphs(&[words, reported(input.unwrap_or_default(), printer)])
        }
    };
    if message.trim().is_empty() {
        return Err(empty(command));
    }
    Ok(Some(message))
}

/// Returns the input next to the words of a message. Reports an empty pipe or file, since the words may ask about it. A
/// socket may be one that nobody writes to.
fn reported(input: String, printer: &mut Printer) -> String {
    if input.trim().is_empty() && stdin_is(&[FileType::Fifo, FileType::RegularFile]) {
        printer.hint("(the piped input is empty)");
    }
    input
}

/// Returns the text on stdin.
///
/// # Errors
/// Stdin is a terminal, or contains no text.
pub(crate) fn piped() -> anyhow::Result<String> {
    let input = match io::stdin().is_terminal() {
        true => String::new(),
        false => read_all()?,
    };
    if input.trim().is_empty() {
        let message = "no input: name a file, or pipe text in";
        return Err(UsageError(message.to_owned()).into());
    }
    Ok(input)
}

/// Returns whether stdin is a pipe, a socket or a file. A terminal and `/dev/null` are not: they are character devices.
pub(crate) fn is_piped() -> bool {
    stdin_is(&[FileType::Fifo, FileType::RegularFile, FileType::Socket])
}

fn stdin_is(kinds: &[FileType]) -> bool {
    fstat(io::stdin()).is_ok_and(|stat| kinds.contains(&FileType::from_raw_mode(stat.st_mode)))
}

fn empty(command: &str) -> anyhow::Error {
    let message = format!("the message is empty: write one, as in genai {command} \"Hello\"");
    UsageError(message).into()
}

/// Joins the words of a message; the input replaces `-`, as a separate paragraph.
fn with_input(
    words: &[String],
    input: impl FnOnce() -> anyhow::Result<String>,
) -> anyhow::Result<String> {
    let dashes = words.iter().filter(|word| *word == "-").count();
    if dashes > 1 {
        let message = "stdin can be read only once: use `-` once";
        return Err(UsageError(message.to_owned()).into());
    }
    let mut texts: Vec<String> = words
        .split(|word| word == "-")
        .map(|words| words.join(" "))
        .collect();
    // One dash divides the words into exactly two texts, so this is between them.
    texts.insert(1, input()?);
    Ok(paragraphs(&texts))
}

/// Joins the texts that are not blank, as paragraphs.
fn paragraphs(texts: &[String]) -> String {
    let texts: Vec<_> = texts
        .iter()
        .filter(|text| !text.trim().is_empty())
        .map(String::as_str)
        .collect();
    texts.join("\n\n")
}

/// Reads the text on stdin.
///
/// # Errors
/// Stdin cannot be read, exceeds the maximum size, or is not text.
fn read_all() -> anyhow::Result<String> {
    let bytes = read_at_most(io::stdin().lock(), MAX_INPUT).context("cannot read stdin")?;
    let max = MAX_INPUT >> 20;
    let too_long = || UsageError(format!("the input is too long: the maximum is {max} MiB"));
    Ok(text(bytes.ok_or_else(too_long)?)?)
}

/// Reads the text on stdin. Returns `None` if it is a socket and nothing arrives within [`SILENCE`].
fn read_optional(printer: &mut Printer) -> anyhow::Result<Option<String>> {
    let (started, first) = channel();
    let (sender, all) = channel();
    // A read from stdin cannot have a time limit, so it runs in a thread. If stdin stays silent, that thread blocks
    // until the program ends.
    thread::spawn(move || {
        // `read_all` returns the error, if there is one.
        let _ = started.send(io::stdin().lock().fill_buf().is_ok());
        let _ = sender.send(read_all());
    });
    let is_silent = first.recv_timeout(SILENCE).is_err();
    if is_silent && stdin_is(&[FileType::Socket]) {
        printer.note(
            "(stdin is open but silent, so it was not read: add `-` to wait for it, \
             or redirect it from /dev/null)",
        );
        return Ok(None);
    }
    let silence = if is_silent { Duration::ZERO } else { SILENCE };
    let all = all.recv_timeout(silence).or_else(|error| {
        if error == RecvTimeoutError::Timeout {
            printer.note(
                "(reading stdin until it is closed; Ctrl-C stops, and `< /dev/null` omits it)",
            );
        }
        all.recv()
    });
    all.context("cannot read stdin")?.map(Some)
}

/// Converts the input to text, without its byte order mark.
///
/// # Errors
/// The input is not UTF-8, or contains a zero byte.
fn text(bytes: Vec<u8>) -> Result<String, UsageError> {
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        UsageError(format!(
            "the input is not UTF-8 text (invalid byte at offset {at})"
        ))
    })?;
    match text.find('\0') {
        Some(at) => Err(UsageError(format!(
            "the input is not text (zero byte at offset {at})"
        ))),
        None => {
            if text.starts_with('\u{feff}') {
                text.remove(0);
            }
            Ok(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(words: &[&str]) -> Result<String, String> {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        with_input(&words, || Ok("piped".to_owned())).map_err(|error| error.to_string())
    }

    #[test]
    fn a_dash_is_replaced_by_the_input() {
        assert_eq!(joined(&["-"]).as_deref(), Ok("piped"));
        assert_eq!(
            joined(&["Explain", "this:", "-"]).as_deref(),
            Ok("Explain this:\n\npiped")
        );
        assert_eq!(
            joined(&["-", "What is it?"]).as_deref(),
            Ok("piped\n\nWhat is it?")
        );
        assert!(joined(&["-", "-"]).is_err());
    }

    #[test]
    fn input_that_is_not_text_is_refused_with_its_position() {
        for plain in ["plain", "\u{feff}plain"] {
            assert_eq!(text(plain.into()).ok().as_deref(), Some("plain"));
        }
        let refused = |bytes: &[u8]| text(bytes.to_vec()).expect_err("not text").to_string();
        assert!(refused(b"ab\xff").contains("invalid byte at offset 2"));
        assert!(refused(b"a\0b").contains("zero byte at offset 1"));
    }
}
