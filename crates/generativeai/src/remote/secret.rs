//! Keys: sent, and never shown.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem;

/// The shortest key that is looked for in what the service says; a shorter one may be any word.
const SHORTEST: usize = 6;

/// What is put in the place of a key.
const HIDDEN: &[u8] = b"[key]";

/// A key, which is not shown.
#[derive(Clone)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key, to be sent.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// The text without the key: the service repeats a wrong key in its answer.
    pub(super) fn hidden_in<'text>(&self, text: Cow<'text, [u8]>) -> Cow<'text, [u8]> {
        let key = self.0.as_bytes();
        if key.len() < SHORTEST || memmem::find(&text, key).is_none() {
            return text;
        }
        let mut clean = Vec::with_capacity(text.len());
        let mut rest = 0;
        for found in memmem::find_iter(&text, key) {
            clean.extend_from_slice(&text[rest..found]);
            clean.extend_from_slice(HIDDEN);
            rest = found + key.len();
        }
        clean.extend_from_slice(&text[rest..]);
        Cow::Owned(clean)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hide(key: &str, text: &str) -> String {
        let clean = Secret::new(key).hidden_in(Cow::Borrowed(text.as_bytes()));
        String::from_utf8(clean.into_owned()).expect("text")
    }

    #[test]
    fn a_key_in_a_text_is_hidden_wherever_it_stands() {
        assert_eq!(hide("key1234", "no key1234, key1234."), "no [key], [key].");
        assert_eq!(hide("key1234", "key123"), "key123");
    }

    #[test]
    fn a_key_that_may_be_any_word_is_not_looked_for() {
        assert_eq!(hide("", "error"), "error");
        assert_eq!(hide("error", "error"), "error");
    }

    #[test]
    fn a_key_is_not_shown() {
        assert!(!format!("{:?}", Secret::new("key1234")).contains("key1234"));
    }
}
