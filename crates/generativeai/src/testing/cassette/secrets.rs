//! What must not stand in a cassette: keys, and whatever else is named.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// What stands in a cassette where a secret was.
const STAND_IN: &str = "[secret]";

/// How the keys of Google's services begin, and how many letters follow.
const KEY: (&str, usize) = ("AIza", 35);

/// What is shorter is no key of the environment, but a word like `test`.
const SHORTEST_KEY: usize = 16;

/// What must not stand in a cassette.
#[derive(Clone)]
pub(in crate::testing) struct Secrets(Vec<String>);

impl Secrets {
    /// The keys that the environment has.
    pub(in crate::testing) fn of_environment() -> Self {
        let keys = ["GEMINI_API_KEY", "GOOGLE_API_KEY"]
            .iter()
            .filter_map(|name| std::env::var(name).ok())
            .map(|key| key.trim().to_owned());
        Self(keys.filter(|key| key.len() >= SHORTEST_KEY).collect())
    }

    /// Adds one; an empty one is none.
    pub(in crate::testing) fn add(&mut self, secret: String) {
        if !secret.is_empty() {
            self.0.push(secret);
            // A secret that has another in it goes first, and goes whole.
            self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// Puts the stand-in wherever a secret is, in names as well as in values.
    pub(in crate::testing) fn scrub(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(clean) = self.clean(text) {
                    *text = clean;
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.scrub(value)),
            Value::Object(members) => {
                members.values_mut().for_each(|value| self.scrub(value));
                if members.keys().any(|name| self.stand_in(name)) {
                    let clean = |(name, value): (String, _)| (self.clean(&name).into(), value);
                    *members = std::mem::take(members)
                        .into_iter()
                        .map(clean)
                        .collect::<Map<_, _>>();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Whether a secret stands in a text.
    pub(in crate::testing) fn stand_in(&self, text: &str) -> bool {
        matches!(self.clean(text), Cow::Owned(_))
    }

    fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut clean = Cow::Borrowed(text);
        for secret in &self.0 {
            if clean.contains(secret.as_str()) {
                clean = clean.replace(secret.as_str(), STAND_IN).into();
            }
        }
        while let Some(at) = key_in(&clean) {
            let mut without = clean.into_owned();
            without.replace_range(at..at + KEY.0.len() + KEY.1, STAND_IN);
            clean = without.into();
        }
        clean
    }
}

/// Where a text has a key of Google's.
fn key_in(text: &str) -> Option<usize> {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let is_key = |(at, begin): &(usize, &str)| {
        let rest = &text.as_bytes()[at + begin.len()..];
        rest.len() >= KEY.1 && rest[..KEY.1].iter().all(is_letter)
    };
    text.match_indices(KEY.0).find(is_key).map(|(at, _)| at)
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
    fn a_secret_is_scrubbed_from_names_and_values_at_any_depth() {
        let mut value = json!({"a": ["canary!", {"my canary": "x"}], "b": 1});

        secrets(&["canary"]).scrub(&mut value);

        let clean = json!({"a": ["[secret]!", {"my [secret]": "x"}], "b": 1});
        assert_eq!(value, clean);
    }

    #[test]
    fn of_two_secrets_the_one_that_holds_the_other_goes_whole() {
        assert_eq!(secrets(&["ab", "abc"]).clean("abcab"), "[secret][secret]");
    }

    #[test]
    fn a_key_of_google_need_not_be_named() {
        let key = format!("AIza{}", "x-Y_9".repeat(7));
        let short = &key[..key.len() - 1];

        assert_eq!(secrets(&[]).clean(&format!("{key}!")), "[secret]!");
        assert_eq!(secrets(&[]).clean(short), short);
        assert_eq!(secrets(&[]).clean("AIzaé"), "AIzaé");
    }
}
