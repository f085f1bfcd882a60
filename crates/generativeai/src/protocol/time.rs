//! Timestamps and durations, as the API writes them.
//!
//! Both are strings, which are kept unchanged so that no precision is lost. A [`Duration`] converts from and to the
//! `Duration` of the standard library. To calculate with a [`Timestamp`], parse it with a crate such as `chrono` or
//! `jiff`:
//!
//! ```
//! use generativeai::protocol::time::{Duration, Timestamp};
//!
//! let hour = Duration::from(std::time::Duration::from_secs(3600));
//! assert_eq!(hour.as_str(), "3600s");
//! let noon = Timestamp::from("2026-11-23T12:00:00Z");
//! assert_eq!(noon.as_str(), "2026-11-23T12:00:00Z");
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::protocol::wire::{self, Reader, Wire};

/// Point in time in the format of RFC 3339, such as `2026-11-23T12:00:00.5Z`. The format is not checked.
///
/// ```
/// use generativeai::protocol::files::File;
///
/// let file: File = serde_json::from_str(r#"{"name":"files/abc","expirationTime":"2026-11-25T12:00:00Z"}"#)?;
/// // Timestamps in UTC sort like strings, and any crate for time parses them.
/// assert!(file.expiration_time.unwrap().as_str() > "2026-11-24");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(String);

/// Span of time in seconds, with the suffix `s`, such as `3.5s`. The format is not checked.
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
    /// Converts to the type of the standard library. `None` if the value is malformed, negative or too long.
    pub fn to_std(&self) -> Option<std::time::Duration> {
        let seconds = self.0.strip_suffix('s')?;
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
        // `parse` would accept a sign.
        let is_number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) || fraction.len() > 9 {
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

macro_rules! time_string {
    ($name:ident) => {
        impl $name {
            /// Returns the value as the API writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Wire for $name {
            fn read(reader: &mut Reader<'_>) -> wire::Result<Self> {
                String::read(reader).map(Self)
            }
        }

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

time_string!(Timestamp);
time_string!(Duration);

#[cfg(test)]
mod tests {
    use std::time;

    use super::*;

    #[test]
    fn a_duration_is_written_in_the_shortest_form_and_read_back() {
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
    fn an_invalid_duration_is_none() {
        for text in [
            "",
            "s",
            "3",
            "-3s",
            "+3s",
            ".5s",
            "3.s",
            "1e3s",
            "3.5.5s",
            "0.0000000001s",
            "٣s",
            " 3s",
            "infs",
            "NaNs",
        ] {
            assert_eq!(Duration::from(text).to_std(), None, "{text}");
        }
        assert_eq!(Duration::from("99999999999999999999s").to_std(), None);
    }
}
