//! Text of limited length.

use std::fmt;

/// Maximum length in bytes of the text of one value: more than any context holds.
const MAX_BYTES: usize = 8 << 20;

/// Text whose length is limited. Writing more is an error.
#[derive(Default)]
pub(super) struct BoundedText(pub(super) String);

impl fmt::Write for BoundedText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() > MAX_BYTES - self.0.len() {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}
