//! Decision when a request is retried, as pure functions of the failure. [`Error::is_retryable`] decides whether a
//! failure is retried at all.
//!
//! [`Error::is_retryable`]: crate::Error::is_retryable

use std::time::{Duration, SystemTime};

use crate::backend::Retry;

/// State of a request after an attempt failed with a retryable error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    /// Number of attempts made so far.
    pub(super) attempts: u32,
    /// Wait that the service asks for.
    pub(super) retry_after: Option<Duration>,
    /// Time left until the deadline, if any.
    pub(super) remaining: Option<Duration>,
    /// Random number, at least 0 and less than 1.
    pub(super) jitter: f64,
}

/// Returns the wait before the next attempt, or `None` to give up.
///
/// Exponential backoff with full jitter: the wait is a random part of a bound that doubles with each attempt. So the
/// clients of a service that has failed do not all return at the same moment. The wait that the service asks for is the
/// minimum.
pub(super) fn wait(retry: &Retry, now: Situation) -> Option<Duration> {
    if now.attempts >= retry.max_attempts {
        return None;
    }
    let minimum = now.retry_after.unwrap_or_default();
    // The request fails at once, and the caller finds the wait in the error.
    if minimum > retry.longest_retry_after {
        return None;
    }
    let wait = bound(retry, now.attempts).mul_f64(now.jitter).max(minimum);
    now.remaining
        .is_none_or(|remaining| wait < remaining)
        .then_some(wait)
}

/// Returns the upper bound of the wait after a number of attempts.
fn bound(retry: &Retry, attempts: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
    retry.initial.saturating_mul(doubled).min(retry.maximum)
}

/// Parses a `Retry-After` header (RFC 9110, section 10.2.3): seconds, or a date. `None` if it is neither.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn after(attempts: u32) -> Situation {
        Situation {
            attempts,
            retry_after: None,
            remaining: None,
            jitter: 1.0,
        }
    }

    #[test]
    fn the_bound_doubles_from_half_a_second_to_32() {
        let retry = Retry::default().max_attempts(u32::MAX);
        let bounds: Vec<f64> = [1, 2, 3, 6, 7, 8, 40, u32::MAX - 1]
            .map(|attempts| wait(&retry, after(attempts)).expect("a wait").as_secs_f64())
            .into();

        assert_eq!(bounds, [0.5, 1.0, 2.0, 16.0, 32.0, 32.0, 32.0, 32.0]);
    }

    #[test]
    fn jitter_chooses_a_part_of_the_bound() {
        let half = Situation {
            jitter: 0.5,
            ..after(2)
        };
        let none = Situation {
            jitter: 0.0,
            ..after(2)
        };

        assert_eq!(wait(&Retry::default(), half), Some(SECOND / 2));
        assert_eq!(wait(&Retry::default(), none), Some(Duration::ZERO));
    }

    #[test]
    fn no_attempt_follows_the_last_one() {
        assert!(wait(&Retry::default(), after(3)).is_some());
        assert_eq!(wait(&Retry::default(), after(4)), None);
        assert_eq!(wait(&Retry::default().max_attempts(0), after(1)), None);
    }

    #[test]
    fn the_wait_that_the_service_asks_for_is_the_minimum_up_to_a_minute() {
        let after_header = |seconds| Situation {
            retry_after: Some(seconds * SECOND),
            ..after(1)
        };

        assert_eq!(wait(&Retry::default(), after_header(3)), Some(3 * SECOND));
        assert_eq!(wait(&Retry::default(), after_header(60)), Some(60 * SECOND));
        assert_eq!(wait(&Retry::default(), after_header(61)), None);
        assert_eq!(wait(&Retry::default(), after_header(0)), Some(SECOND / 2));
    }

    #[test]
    fn a_wait_up_to_the_deadline_gives_up() {
        let remaining = |left| Situation {
            remaining: Some(left),
            ..after(1)
        };

        assert_eq!(wait(&Retry::default(), remaining(SECOND)), Some(SECOND / 2));
        assert_eq!(wait(&Retry::default(), remaining(SECOND / 2)), None);
        assert_eq!(wait(&Retry::default(), remaining(Duration::ZERO)), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").expect("a date");
        let read = |value| retry_after(value, now);

        assert_eq!(read("3"), Some(3 * SECOND));
        assert_eq!(read(" 0 "), Some(Duration::ZERO));
        assert_eq!(
            read("999999999999"),
            Some(Duration::from_secs(999_999_999_999))
        );
        assert_eq!(read("99999999999999999999999"), Some(Duration::MAX));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:00 GMT"), Some(23 * SECOND));
        assert_eq!(read("Sunday, 06-Nov-94 08:50:00 GMT"), Some(23 * SECOND));
        assert_eq!(read("Sun Nov  6 08:50:00 1994"), Some(23 * SECOND));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:00 GMT"), Some(Duration::ZERO));
        for neither in ["", "-1", "1.5", "soon", "Sun, 99 Nov 1994 08:49:00 GMT"] {
            assert_eq!(read(neither), None, "{neither:?}");
        }
    }
}
