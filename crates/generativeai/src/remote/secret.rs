//! API keys: sent to the service, never printed.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

/// Minimum length of a key that is redacted in responses: a shorter one could be any word.
const MIN_REDACTED: usize = 6;

/// Text that replaces a key.
const REPLACEMENT: &str = "[key]";

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
    pub(super) fn redact<'text>(&self, text: Cow<'text, str>) -> Cow<'text, str> {
        if self.0.len() < MIN_REDACTED {
            return text;
        }
        let json = Value::from(self.0.as_str()).to_string();
        let forms = [&json[1..json.len() - 1], &self.0];
        forms
            .into_iter()
            .fold(text, |text, key| match text.contains(key) {
                true => text.replace(key, REPLACEMENT).into(),
                false => text,
            })
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

    fn redact(key: &str, text: &str) -> String {
        Secret::new(key).redact(text.into()).into_owned()
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
