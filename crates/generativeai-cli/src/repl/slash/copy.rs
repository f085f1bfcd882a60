//! `/copy`: copies the last reply, or its last code block, to the clipboard.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use generativeai::protocol::content::{Blob, Role};

use crate::code_block;
use crate::repl::state::Repl;

/// Programs that copy their input to the clipboard, with their arguments.
const PROGRAMS: &[&[&str]] = &[
    &["wl-copy"],
    &["xclip", "-selection", "clipboard"],
    &["xsel", "--clipboard", "--input"],
    &["pbcopy"],
];

impl Repl<'_> {
    /// Copies the last reply, with a program or, if the user chose it, with OSC 52. This escape sequence copies through
    /// the terminal, also over SSH, but a terminal that ignores it does not report that.
    pub(super) fn copy_reply(&mut self, argument: &str) -> anyhow::Result<()> {
        let words: Vec<_> = argument.split_whitespace().collect();
        if let Some(word) = words.iter().find(|word| !["code", "osc52"].contains(word)) {
            let note = format_args!("unknown argument `{word}`: use /copy [code] [osc52]");
            self.printer.note(note);
            return Ok(());
        }
        let conversation = self.conversation().with_part();
        let mut replies = conversation.chat.history().iter().rev();
        let reply = replies.find(|content| content.role == Some(Role::Model));
        let Some(reply) = reply.map(|content| content.text()) else {
            self.printer.note("no replies yet");
            return Ok(());
        };
        let text = match words.contains(&"code") {
            true => match code_block::all(&reply).pop() {
                Some(code) => code,
                None => {
                    self.printer.note("the last reply has no code block");
                    return Ok(());
                }
            },
            false => reply,
        };
        let by = if words.contains(&"osc52") {
            // Base64 contains no control characters, so the text cannot end the sequence.
            let base64 = Blob::new("text/plain", &text).data.unwrap_or_default();
            self.printer.control(&format!("\x1b]52;c;{base64}\x07"));
            "the terminal"
        } else {
            copy(&text)?
        };
        let characters = text.chars().count();
        self.printer
            .note(format_args!("copied {characters} characters with {by}"));
        Ok(())
    }
}

/// Copies the text with the first program that succeeds, and returns its name. An installed one may fail: `wl-copy`
/// needs Wayland, and `xclip` X11.
fn copy(text: &str) -> anyhow::Result<&'static str> {
    for words in PROGRAMS {
        let name = words[0];
        let started = Command::new(name)
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut program) = started else {
            continue;
        };
        let stdin = program.stdin.take();
        let mut stdin = stdin.context("the program has no stdin")?;
        let written = stdin.write_all(text.as_bytes());
        // The program reads to the end of its input, so it has to be closed before the wait.
        drop(stdin);
        if written.is_ok() && program.wait().is_ok_and(|status| status.success()) {
            return Ok(name);
        }
    }
    bail!("no clipboard program works: install wl-clipboard, xclip or xsel, or try /copy osc52")
}
