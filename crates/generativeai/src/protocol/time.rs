//! Points and spans of time, kept as they are written.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::protocol::wire::Wire;

/// A point in time as the service writes it: RFC 3339, such as `2026-11-23T12:00:00.5Z`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(String);

/// A span of time as the service writes it: seconds with an `s` behind, such as `3.5s`.
///
/// ```
/// use generativeai::protocol::time::Duration;
///
/// let hour = Duration::from(std::time::Duration::from_secs(3600));
/// assert_eq!(hour.as_str(), "3600s");
/// assert_eq!(Duration::from("3.5s").to_std(), Some(std::time::Duration::from_millis(3500)));
/// assert_eq!(Duration::from("soon").to_std(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Duration(String);

impl Duration {
    /// The span in the form of the standard library; `None` if it is malformed, negative or too long.
    pub fn to_std(&self) -> Option<std::time::Duration> {
        let seconds = self.0.strip_suffix('s')?;
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
            return None;
        }
        let nanos = format!("{fraction:0<9}").parse().ok()?;
        Some(std::time::Duration::new(whole.parse().ok()?, nanos))
    }
}

impl From<std::time::Duration> for Duration {
    fn from(span: std::time::Duration) -> Self {
        let (seconds, nanos) = (span.as_secs(), span.subsec_nanos());
        if nanos == 0 {
            return Self(format!("{seconds}s"));
        }
        let fraction = format!("{nanos:09}");
        Self(format!("{seconds}.{}s", fraction.trim_end_matches('0')))
    }
}

macro_rules! written {
    ($name:ident) => {
        impl $name {
            /// The text as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Wire for $name {}

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

written!(Timestamp);
written!(Duration);

#[cfg(test)]
mod tests {
    use std::time;

    use super::*;

    #[test]
    fn a_span_is_written_as_short_as_it_can_be_and_read_back() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "0.000000001s"),
            (1_500_000_000, "1.5s"),
            (60_000_000_000, "60s"),
        ] {
            let span = time::Duration::from_nanos(nanos);
            assert_eq!(Duration::from(span).as_str(), text);
            assert_eq!(Duration::from(text).to_std(), Some(span));
        }
    }

    #[test]
    fn a_span_that_makes_no_sense_is_none() {
        for text in [
            "",
            "s",
            "3",
            "-3s",
            "+3s",
            ".5s",
            "1e3s",
            "3.5.5s",
            "0.0000000001s",
            "٣s",
        ] {
            assert_eq!(Duration::from(text).to_std(), None, "{text}");
        }
        assert_eq!(Duration::from("99999999999999999999s").to_std(), None);
    }
}
