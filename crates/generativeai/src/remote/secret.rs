//! API keys: sent to the service, never printed.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem;
use serde_json::Value;

/// Minimum length of a key that is redacted in responses: a shorter one could be any word.
const MIN_REDACTED: usize = 6;

/// Text that replaces a key.
const REPLACEMENT: &[u8] = b"[key]";

/// An API key or token. `Debug` does not print it.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// Returns the key, in order to send it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// Replaces the key in a text. An error message of the service may quote an invalid key, in JSON with escapes.
    pub(super) fn redact<'text>(&self, text: Cow<'text, [u8]>) -> Cow<'text, [u8]> {
        if self.0.len() < MIN_REDACTED {
            return text;
        }
        let json = Value::from(self.0.as_str()).to_string();
        let escaped = &json[1..json.len() - 1];
        replace(replace(text, escaped.as_bytes()), self.0.as_bytes())
    }
}

/// Replaces a key in the form in which it is given.
fn replace<'text>(text: Cow<'text, [u8]>, key: &[u8]) -> Cow<'text, [u8]> {
    if memmem::find(&text, key).is_none() {
        return text;
    }
    let mut redacted = Vec::with_capacity(text.len());
    let mut rest = 0;
    for found in memmem::find_iter(&text, key) {
        redacted.extend_from_slice(&text[rest..found]);
        redacted.extend_from_slice(REPLACEMENT);
        rest = found + key.len();
    }
    redacted.extend_from_slice(&text[rest..]);
    Cow::Owned(redacted)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redact(key: &str, text: &str) -> String {
        let redacted = Secret::new(key).redact(Cow::Borrowed(text.as_bytes()));
        String::from_utf8(redacted.into_owned()).expect("text")
    }

    #[test]
    fn a_key_is_redacted_wherever_it_occurs() {
        assert_eq!(
            redact("key1234", "no key1234, key1234."),
            "no [key], [key]."
        );
        assert_eq!(redact("key1234", "key123"), "key123");
        let (key, quoted) = (
            r#"key"12\34""#,
            r#"{"message":"no key\"12\\34\", key"12\34"."}"#,
        );
        assert_eq!(redact(key, quoted), r#"{"message":"no [key], [key]."}"#);
    }

    #[test]
    fn a_key_that_could_be_any_word_is_not_redacted() {
        assert_eq!(redact("", "error"), "error");
        assert_eq!(redact("error", "error"), "error");
    }

    #[test]
    fn debug_does_not_print_the_key() {
        assert!(!format!("{:?}", Secret::new("key1234")).contains("key1234"));
    }
}
