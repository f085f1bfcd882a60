//! Lines typed while the program is busy, for example while a reply arrives. They are queued, and sent one by one.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;

use crate::terminal::{self, KeyMode};

/// Interval between reads of the keyboard. Keys are needed only after the reply, so they can wait.
const READ_EVERY: Duration = Duration::from_millis(30);

/// Start and end of pasted text, in bracketed paste mode.
const PASTE_START: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// Queued lines, and the text typed after them.
#[derive(Debug, Default)]
pub(super) struct TypeAhead {
    lines: VecDeque<String>,
    /// The last line, which was not entered yet.
    draft: String,
    /// Bytes of an incomplete character or escape sequence.
    pending: Vec<u8>,
    /// Whether the following bytes are pasted.
    is_pasting: bool,
    /// Lines that Esc or Ctrl-C removed from the queue, to be reported.
    cleared: Vec<String>,
    /// Whether Ctrl-Z was pressed.
    is_suspended: bool,
}

impl TypeAhead {
    /// Waits for a reply, and queues the lines typed meanwhile.
    pub(super) async fn during<T>(&mut self, reply: impl Future<Output = T>) -> T {
        let Some(mode) = KeyMode::new() else {
            return reply.await;
        };
        let mut reply = pin!(reply);
        loop {
            tokio::select! {
                biased;
                outcome = &mut reply => return outcome,
                () = sleep(READ_EVERY) => {}
            }
            self.read(&mode);
            if std::mem::take(&mut self.is_suspended) {
                terminal::suspend();
            }
        }
    }

    /// Queues the lines entered before a prompt, for example while a model was loaded. The terminal was in line mode
    /// then, in which Enter is a line feed. The prompt would insert it into the text.
    pub(super) fn read_entered(&mut self) {
        if let Some(mode) = KeyMode::if_input() {
            self.read(&mode);
        }
    }

    /// Processes the keys pressed so far.
    fn read(&mut self, mode: &KeyMode) {
        let mut keys = [0; 1_024];
        while let Some(length) = mode.read(&mut keys) {
            self.push(&keys[..length]);
        }
    }

    /// Removes and returns the first queued line.
    pub(super) fn next_line(&mut self) -> Option<String> {
        self.lines.pop_front()
    }

    /// Removes and returns the text after the last Enter.
    pub(super) fn take_draft(&mut self) -> String {
        std::mem::take(&mut self.draft)
    }

    /// Returns the number of queued lines.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Clears the queue. The cleared lines are reported by [`take_cleared`](Self::take_cleared).
    pub(super) fn clear(&mut self) {
        self.cleared.extend(self.lines.drain(..));
    }

    /// Removes and returns the cleared lines.
    pub(super) fn take_cleared(&mut self) -> Vec<String> {
        std::mem::take(&mut self.cleared)
    }

    /// Processes keys, in the form in which a terminal sends them. A character may be split between calls.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend(bytes);
        let pending = std::mem::take(&mut self.pending);
        let mut rest = &pending[..];
        while let Some(length) = self.key(rest) {
            rest = &rest[length..];
        }
        self.pending = rest.to_vec();
    }

    /// Processes the first key, and returns its length in bytes. Returns `None` if it is incomplete.
    fn key(&mut self, bytes: &[u8]) -> Option<usize> {
        let &first = bytes.first()?;
        match first {
            0x1b => return self.escape(bytes),
            b'\r' | b'\n' if self.is_pasting => self.draft.push('\n'),
            b'\r' | b'\n' => self.enter(),
            b'\t' if self.is_pasting => self.draft.push('\t'),
            0x08 | 0x7f => drop(self.draft.pop()),
            // Ctrl-U
            0x15 => self.draft.clear(),
            // Ctrl-Z
            0x1a if !self.is_pasting => self.is_suspended = true,
            0x20..=0x7e => self.draft.push(first.into()),
            0x80.. => {
                let length = match first {
                    0xc0..=0xdf => 2,
                    0xe0..=0xef => 3,
                    0xf0..=0xf7 => 4,
                    _ => 1,
                };
                let char = bytes.get(..length)?;
                // Invalid UTF-8 is ignored.
                self.draft
                    .push_str(str::from_utf8(char).unwrap_or_default());
                return Some(length);
            }
            // Other control characters have no meaning here.
            _ => {}
        }
        Some(1)
    }

    /// Queues the draft, unless it is blank.
    fn enter(&mut self) {
        let line = std::mem::take(&mut self.draft);
        if !line.trim().is_empty() {
            self.lines.push_back(line);
        }
    }

    /// Processes an escape sequence. Esc alone clears the queue.
    fn escape(&mut self, bytes: &[u8]) -> Option<usize> {
        if bytes.starts_with(PASTE_START) {
            self.is_pasting = true;
            return Some(PASTE_START.len());
        }
        if bytes.starts_with(PASTE_END) {
            self.is_pasting = false;
            return Some(PASTE_END.len());
        }
        match bytes.get(1) {
            // A large paste fills the buffer several times. Its end sequence may be split anywhere.
            None if self.is_pasting => None,
            // A terminal sends a sequence in one piece. So a single byte at the end of the input is the key Esc.
            None => {
                self.clear();
                self.draft.clear();
                Some(1)
            }
            // Alt-[, as a terminal sends a sequence in one piece.
            Some(b'[') if bytes.len() == 2 && !self.is_pasting => Some(2),
            // Control sequences are keys such as the arrows. They end with a byte from `@` to `~`.
            Some(b'[') => {
                let end = bytes[2..]
                    .iter()
                    .position(|byte| (0x40..=0x7e).contains(byte))?;
                Some(end + 3)
            }
            Some(b'O') => (bytes.len() >= 3).then_some(3),
            // Alt-Enter starts a new line of the same message.
            Some(b'\r' | b'\n') => {
                self.draft.push('\n');
                Some(2)
            }
            Some(_) => Some(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &str) -> (Vec<String>, String) {
        let mut type_ahead = TypeAhead::default();
        type_ahead.push(keys.as_bytes());
        let mut lines = Vec::new();
        while let Some(line) = type_ahead.next_line() {
            lines.push(line);
        }
        (lines, type_ahead.take_draft())
    }

    fn result(lines: &[&str], draft: &str) -> (Vec<String>, String) {
        (
            lines.iter().map(ToString::to_string).collect(),
            draft.to_owned(),
        )
    }

    #[test]
    fn entered_lines_are_queued_and_the_last_one_is_a_draft() {
        assert_eq!(typed("one\rtwo\r\rthr"), result(&["one", "two"], "thr"));
        assert_eq!(typed("ab\x7fc\x15héé\x7f 你"), result(&[], "hé 你"));
    }

    #[test]
    fn esc_clears_the_queue_and_reports_it() {
        let mut type_ahead = TypeAhead::default();
        type_ahead.push(b"one\rtw");
        type_ahead.push(b"\x1b");

        assert_eq!(
            (type_ahead.len(), type_ahead.take_draft().as_str()),
            (0, "")
        );
        assert_eq!(type_ahead.take_cleared(), ["one"]);
    }

    #[test]
    fn pasted_lines_are_one_message() {
        assert_eq!(
            typed("a \x1b[200~b\rc\x1b[201~ d\r"),
            result(&["a b\nc d"], "")
        );
        assert_eq!(typed("a\x1b\rb\r"), result(&["a\nb"], ""));
    }

    #[test]
    fn the_end_of_a_paste_may_be_split_after_esc() {
        let mut type_ahead = TypeAhead::default();
        type_ahead.push(b"one\r\x1b[200~two\x1b");
        type_ahead.push(b"[201~\r");

        assert_eq!(type_ahead.next_line().as_deref(), Some("one"));
        assert_eq!(type_ahead.next_line().as_deref(), Some("two"));
    }

    #[test]
    fn ctrl_z_suspends_unless_it_is_pasted() {
        let mut type_ahead = TypeAhead::default();

        type_ahead.push(b"\x1b[200~a\x1ab\x1b[201~");
        assert!(!type_ahead.is_suspended);
        type_ahead.push(b"c\x1a");

        assert!(type_ahead.is_suspended);
        assert_eq!(type_ahead.take_draft(), "abc");
    }

    #[test]
    fn other_keys_are_ignored_and_keys_may_be_split() {
        assert_eq!(typed("a\x1b[A\x1bOPb\x1b[1;5Cc\x01"), result(&[], "abc"));
        let mut type_ahead = TypeAhead::default();
        type_ahead.push(b"\x1b[");
        for byte in "é 你\r".as_bytes() {
            type_ahead.push(&[*byte]);
        }
        assert_eq!(type_ahead.next_line().as_deref(), Some("é 你"));
    }
}
