//! Injected faults, with which users test how their programs handle errors.
//!
//! The faults of a request are chosen when it arrives, from the number of requests before it and a seeded random
//! generator. So a failing test can be repeated exactly, as long as it sends its requests in the same order.

mod parse;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;

use crate::error::ApiError;

/// Faults that the server injects into requests to a model, so that programs can be tested against
/// them.
///
/// Parsed from a comma-separated list. Each fault may state how often it happens: `x2` limits it to
/// the first two requests, `@0.5` applies it to a random half of the requests. Both may be combined,
/// `x` first. The same list, `seed` included, injects the same faults into the same sequence of
/// requests.
///
/// If several faults apply to one request, delays add up. Of rejections, cuts and error events the first of each kind
/// in the list applies.
///
/// | fault | effect |
/// | --- | --- |
/// | `429`, `500`, `503` | the request fails with this code; 429 asks the client to wait one second |
/// | `delay=250ms`, `delay=2s` | the response starts that much later |
/// | `cut`, `cut=3` | a stream loses its connection after one chunk, or after three |
/// | `error`, `error=500` | a stream ends with an error event after one chunk: 503, or this code |
/// | `seed=7` | seed of the random choices; default 0 |
///
/// ```
/// use generativeai_server::Faults;
///
/// let faults: Faults = "503x2, delay=100ms@0.5, seed=7".parse()?;
/// assert!("flood".parse::<Faults>().is_err());
/// # Ok::<(), generativeai::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<Rule>,
    sequence: Mutex<Sequence>,
}

/// Position in the sequence of requests.
#[derive(Debug, Default)]
struct Sequence {
    requests: u64,
    random: fastrand::Rng,
}

/// One item of the list.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rule {
    fault: Fault,
    /// Number of requests from the first one that the rule applies to.
    first_requests: u64,
    /// Share of these requests, 0 to 1.
    probability: f64,
}

/// Effect of a rule on one request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Fails the request.
    Reject(StatusCode),
    /// Delays the response.
    Delay(Duration),
    /// Drops the connection of a stream after this number of chunks.
    Cut(usize),
    /// Ends a stream with an error event after one chunk.
    ErrorEvent(StatusCode),
}

/// The faults of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct InjectedFaults {
    /// Time to wait before the response starts.
    pub(crate) delay: Duration,
    /// Number of chunks after which the connection is dropped.
    pub(crate) cut_after: Option<usize>,
    rejection: Option<StatusCode>,
    error_event: Option<StatusCode>,
}

impl InjectedFaults {
    /// Returns the injected error of the request.
    pub(crate) fn rejection(&self) -> Option<ApiError> {
        self.rejection.map(injected)
    }

    /// Returns the error event that replaces the second chunk of a stream.
    pub(crate) fn error_event(&self) -> Option<ApiError> {
        self.error_event.map(injected)
    }
}

impl Faults {
    /// Chooses the faults of the next request.
    pub(crate) fn choose(&self) -> InjectedFaults {
        let mut injected = InjectedFaults::default();
        let mut sequence = self.sequence.lock().unwrap_or_else(PoisonError::into_inner);
        for rule in &self.rules {
            // A random number for each rule and request, needed or not: so the choices of one rule do not depend on how
            // often the others apply.
            let random = sequence.random.f64();
            if sequence.requests >= rule.first_requests || random >= rule.probability {
                continue;
            }
            match rule.fault {
                Fault::Reject(code) => _ = injected.rejection.get_or_insert(code),
                Fault::Delay(delay) => injected.delay = injected.delay.saturating_add(delay),
                Fault::Cut(chunks) => _ = injected.cut_after.get_or_insert(chunks),
                Fault::ErrorEvent(code) => _ = injected.error_event.get_or_insert(code),
            }
        }
        sequence.requests += 1;
        injected
    }
}

fn injected(code: StatusCode) -> ApiError {
    let message = format!("injected fault: {}", code.as_u16());
    if code == StatusCode::TOO_MANY_REQUESTS {
        ApiError::overloaded(message)
    } else {
        ApiError::new(code, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(faults: &str, count: usize) -> Vec<InjectedFaults> {
        let faults: Faults = faults.parse().expect("faults");
        (0..count).map(|_| faults.choose()).collect()
    }

    fn rejected(faults: &str, count: usize) -> Vec<bool> {
        let chosen = choose(faults, count);
        chosen.iter().map(|one| one.rejection.is_some()).collect()
    }

    #[test]
    fn a_fault_can_be_limited_to_the_first_requests() {
        assert_eq!(rejected("503x2", 4), [true, true, false, false]);
    }

    #[test]
    fn the_same_seed_injects_the_same_faults() {
        let first = choose("500@0.5,delay=1s@0.2,seed=3", 200);

        assert_eq!(first, choose("500@0.5,delay=1s@0.2,seed=3", 200));
        assert_ne!(first, choose("500@0.5,delay=1s@0.2,seed=4", 200));
    }

    #[test]
    fn a_fault_happens_as_often_as_its_probability() {
        for seed in 0..4 {
            let rejected = rejected(&format!("500@0.25,seed={seed}"), 4_000);
            let count = rejected.iter().filter(|rejected| **rejected).count();

            assert!((850..1_150).contains(&count), "{count} of 4000");
        }
    }
}
