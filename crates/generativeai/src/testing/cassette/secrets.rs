//! Secrets that a cassette must not contain: API keys, and strings that the caller adds.
//!
//! The recorder replaces them in each line before it is written. The cassette replaces them in each request before it
//! is compared, so that both have the placeholder at the same place.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// Replacement of a secret.
const PLACEHOLDER: &str = "[secret]";

/// Prefix of Google's API keys.
const KEY_PREFIX: &str = "AIza";

/// Number of letters, digits, `-` and `_` after the prefix.
const KEY_LENGTH: usize = 35;

/// Minimum length of a key from the environment. Shorter values are words such as `test`, which may occur anywhere in a
/// conversation.
const MIN_ENV_KEY_LENGTH: usize = 16;

/// Texts that a cassette must not contain, the longest first.
#[derive(Clone)]
pub(in crate::testing) struct Secrets(Vec<String>);

impl Secrets {
    /// Collects the API keys of the environment.
    pub(in crate::testing) fn from_env() -> Self {
        let keys = ["GEMINI_API_KEY", "GOOGLE_API_KEY"]
            .iter()
            .filter_map(|name| std::env::var(name).ok())
            .map(|key| key.trim().to_owned());
        Self(keys.filter(|key| key.len() >= MIN_ENV_KEY_LENGTH).collect())
    }

    /// Adds a secret. An empty one is ignored.
    pub(in crate::testing) fn add(&mut self, secret: String) {
        if !secret.is_empty() {
            self.0.push(secret);
            // The longest first, so that a secret that contains another one is replaced as a whole.
            self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// Replaces all secrets in a JSON value, in the names of members too.
    pub(in crate::testing) fn redact(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(clean) = self.redacted(text) {
                    *text = clean;
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.redact(value)),
            Value::Object(members) => {
                members.values_mut().for_each(|value| self.redact(value));
                if members.keys().any(|name| self.occur_in(name)) {
                    let clean = |(name, value): (String, _)| (self.redacted(&name).into(), value);
                    *members = std::mem::take(members)
                        .into_iter()
                        .map(clean)
                        .collect::<Map<_, _>>();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Returns whether the text contains a secret.
    pub(in crate::testing) fn occur_in(&self, text: &str) -> bool {
        matches!(self.redacted(text), Cow::Owned(_))
    }

    /// Returns the text with all secrets replaced.
    fn redacted<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut clean = Cow::Borrowed(text);
        for secret in &self.0 {
            if clean.contains(secret.as_str()) {
                clean = clean.replace(secret.as_str(), PLACEHOLDER).into();
            }
        }
        while let Some(at) = find_key(&clean) {
            let mut without = clean.into_owned();
            without.replace_range(at..at + KEY_PREFIX.len() + KEY_LENGTH, PLACEHOLDER);
            clean = without.into();
        }
        clean
    }
}

/// Returns the offset of the first API key of Google in the text.
fn find_key(text: &str) -> Option<usize> {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let is_key = |(at, prefix): &(usize, &str)| {
        let rest = &text.as_bytes()[at + prefix.len()..];
        rest.len() >= KEY_LENGTH && rest[..KEY_LENGTH].iter().all(is_allowed)
    };
    text.match_indices(KEY_PREFIX)
        .find(is_key)
        .map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secrets(named: &[&str]) -> Secrets {
        let mut secrets = Secrets(Vec::new());
        named.iter().for_each(|&one| secrets.add(one.into()));
        secrets
    }

    #[test]
    fn a_secret_is_replaced_in_names_and_values_at_any_depth() {
        let mut value = json!({"a": ["canary!", {"my canary": "x"}], "b": 1});

        secrets(&["canary"]).redact(&mut value);

        let clean = json!({"a": ["[secret]!", {"my [secret]": "x"}], "b": 1});
        assert_eq!(value, clean);
    }

    #[test]
    fn a_secret_that_contains_another_is_replaced_as_a_whole() {
        assert_eq!(
            secrets(&["ab", "abc"]).redacted("abcab"),
            "[secret][secret]"
        );
    }

    #[test]
    fn an_api_key_of_google_is_found_without_being_named() {
        let key = format!("AIza{}", "x-Y_9".repeat(7));
        let short = &key[..key.len() - 1];

        assert_eq!(secrets(&[]).redacted(&format!("{key}!")), "[secret]!");
        assert_eq!(secrets(&[]).redacted(short), short);
        assert_eq!(secrets(&[]).redacted("AIzaé"), "AIzaé");
    }
}
