//! Points and spans of time, kept as they are written.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::wire::Wire;

/// A point in time as the service writes it: RFC 3339, such as `2026-11-23T12:00:00.5Z`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(String);

/// A span of time as the service writes it: seconds with an `s` behind, such as `3.5s`.
///
/// ```
/// use generativeai::protocol::Duration;
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
