//! The message that was typed with the command or piped in.

use std::io::{self, IsTerminal, Read};

use anyhow::Context;

use crate::exit::Usage;

/// No more than this is read from a pipe, in bytes; the Gemini API takes no more than 20 MB either.
const MOST: u64 = 16 << 20;

/// The message to answer, or `None` for a conversation at the terminal.
pub(super) fn message(words: &[String]) -> anyhow::Result<Option<String>> {
    if words.is_empty() && io::stdin().is_terminal() {
        return Ok(None);
    }
    let message = match words {
        [] => piped()?,
        words => with_piped(words, piped)?,
    };
    if message.trim().is_empty() {
        let message = "the message is empty: say something, as in genai chat \"Hello\"";
        return Err(Usage(message.to_owned()).into());
    }
    Ok(Some(message))
}

/// Joins the words of a message; `-` stands for what is piped in, in a paragraph of its own.
fn with_piped(
    words: &[String],
    piped: impl FnOnce() -> anyhow::Result<String>,
) -> anyhow::Result<String> {
    let mut dashes = words.split(|word| word == "-").map(|words| words.join(" "));
    let first = dashes.next().unwrap_or_default();
    let Some(rest) = dashes.next() else {
        return Ok(first);
    };
    if dashes.next().is_some() {
        return Err(
            Usage("`-` stands for what is piped in, which comes once only".to_owned()).into(),
        );
    }
    let paragraphs = [first, piped()?, rest];
    let said: Vec<_> = paragraphs
        .iter()
        .filter(|text| !text.is_empty())
        .map(String::as_str)
        .collect();
    Ok(said.join("\n\n"))
}

fn piped() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes);
    read.context("cannot read what is piped in")?;
    Ok(text(bytes)?)
}

/// The text that was piped in, if it is text and not too long.
fn text(bytes: Vec<u8>) -> Result<String, Usage> {
    if bytes.len() as u64 > MOST {
        let most = MOST >> 20;
        return Err(Usage(format!(
            "what is piped in is too long: {most} MiB are the most"
        )));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Usage(format!(
            "what is piped in is no text: byte {at} is not UTF-8"
        ))
    })?;
    match text.find('\0') {
        Some(at) => Err(Usage(format!(
            "what is piped in is no text: byte {at} is zero"
        ))),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(words: &[&str]) -> Result<String, String> {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        with_piped(&words, || Ok("piped".to_owned())).map_err(|error| error.to_string())
    }

    #[test]
    fn words_are_one_message() {
        assert_eq!(joined(&["How", "tall?"]).as_deref(), Ok("How tall?"));
    }

    #[test]
    fn a_dash_stands_for_what_is_piped_in() {
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
    fn what_is_no_text_is_refused_with_its_place() {
        assert_eq!(text(b"plain".to_vec()).ok().as_deref(), Some("plain"));
        let refused = |bytes: &[u8]| text(bytes.to_vec()).expect_err("no text").to_string();
        assert!(refused(b"ab\xff").contains("byte 2 is not UTF-8"));
        assert!(refused(b"a\0b").contains("byte 1 is zero"));
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let most = usize::try_from(MOST).expect("a size");

        assert!(text(vec![b'a'; most]).is_ok());
        assert!(text(vec![b'a'; most + 1]).is_err());
    }
}
