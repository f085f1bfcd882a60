//! Whether and when a request is tried again: a pure function of what happened.

use std::time::{Duration, SystemTime};

use crate::backend::Retry;

/// What is known when an attempt has failed with something that another may mend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    /// How many attempts were made.
    pub(super) attempts: u32,
    /// How long the service asks to wait.
    pub(super) asked: Option<Duration>,
    /// What is left until the deadline.
    pub(super) left: Option<Duration>,
    /// A number by chance, at least 0 and less than 1.
    pub(super) chance: f64,
}

/// How long to wait before the next attempt, or `None` to give up.
///
/// Full jitter: any wait up to a bound that doubles. What the service asks for is the least.
pub(super) fn wait(retry: &Retry, now: Situation) -> Option<Duration> {
    if now.attempts >= retry.max_attempts {
        return None;
    }
    let asked = now.asked.unwrap_or_default();
    if asked > retry.longest_retry_after {
        return None;
    }
    let wait = bound(retry, now.attempts).mul_f64(now.chance).max(asked);
    now.left.is_none_or(|left| wait < left).then_some(wait)
}

/// The longest wait after so many attempts.
fn bound(retry: &Retry, attempts: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
    retry.initial.saturating_mul(doubled).min(retry.maximum)
}

/// Reads a `Retry-After` header: seconds, or a date. `None` for what is neither.
pub(super) fn retry_after(value: &str, date: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let when = httpdate::parse_http_date(value).ok()?;
    Some(when.duration_since(date).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn after(attempts: u32) -> Situation {
        Situation {
            attempts,
            asked: None,
            left: None,
            chance: 1.0,
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
    fn chance_chooses_below_the_bound() {
        let half = Situation {
            chance: 0.5,
            ..after(2)
        };
        let none = Situation {
            chance: 0.0,
            ..after(2)
        };

        assert_eq!(wait(&Retry::default(), half), Some(SECOND / 2));
        assert_eq!(wait(&Retry::default(), none), Some(Duration::ZERO));
    }

    #[test]
    fn the_last_attempt_is_the_last() {
        assert!(wait(&Retry::default(), after(3)).is_some());
        assert_eq!(wait(&Retry::default(), after(4)), None);
        assert_eq!(wait(&Retry::default().max_attempts(0), after(1)), None);
    }

    #[test]
    fn what_the_service_asks_for_is_the_least_up_to_a_minute() {
        let asked = |seconds| Situation {
            asked: Some(seconds * SECOND),
            ..after(1)
        };

        assert_eq!(wait(&Retry::default(), asked(3)), Some(3 * SECOND));
        assert_eq!(wait(&Retry::default(), asked(60)), Some(60 * SECOND));
        assert_eq!(wait(&Retry::default(), asked(61)), None);
        assert_eq!(wait(&Retry::default(), asked(0)), Some(SECOND / 2));
    }

    #[test]
    fn nobody_waits_for_a_deadline() {
        let left = |left| Situation {
            left: Some(left),
            ..after(1)
        };

        assert_eq!(wait(&Retry::default(), left(SECOND)), Some(SECOND / 2));
        assert_eq!(wait(&Retry::default(), left(SECOND / 2)), None);
        assert_eq!(wait(&Retry::default(), left(Duration::ZERO)), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let date = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").expect("a date");
        let read = |value| retry_after(value, date);

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
