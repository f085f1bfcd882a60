//! Faults on purpose, so that users can test what their programs make of them.

mod read;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::failure::{Code, Failure};

/// Faults that the server makes on purpose when a model is asked, so that programs can be tested
/// against them.
///
/// Written as a list with commas. Each fault may say how often it happens: `x2` is the first two
/// requests, `@0.5` is half of those, chosen by chance; both may stand together. The same `seed` and
/// the same order of requests make the same faults.
///
/// | fault | what happens |
/// | --- | --- |
/// | `429`, `500`, `503` | the request is refused with that code; 429 asks to wait a second |
/// | `delay=250ms`, `delay=2s` | the answer begins that much later |
/// | `cut`, `cut=3` | a stream loses its connection after one chunk, or after three |
/// | `error`, `error=500` | a stream ends with an error event after one chunk: 503, or another code |
/// | `seed=7` | where chance begins; 0 if it is not said |
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
    seed: u64,
    faults: Vec<Fault>,
    requests: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Fault {
    kind: Kind,
    /// How many requests it may happen to, the first ones.
    first: u64,
    probability: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Refuse(Code),
    Delay(Duration),
    Cut(usize),
    Error(Code),
}

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    refusal: Option<Code>,
    /// After how many chunks the connection is lost.
    pub(crate) cut: Option<usize>,
    error: Option<Code>,
}

impl Plan {
    pub(crate) fn refusal(&self) -> Option<Failure> {
        self.refusal.map(failure)
    }

    /// The error that stands where the second chunk would.
    pub(crate) fn error(&self) -> Option<Failure> {
        self.error.map(failure)
    }
}

impl Faults {
    /// Decides what goes wrong with the next request.
    pub(crate) fn next(&self) -> Plan {
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut plan = Plan::default();
        for (place, fault) in (0..).zip(&self.faults) {
            let chance = chance(self.seed, request, place);
            if request >= fault.first || chance >= fault.probability {
                continue;
            }
            match fault.kind {
                Kind::Refuse(code) => plan.refusal = plan.refusal.or(Some(code)),
                Kind::Delay(delay) => plan.delay += delay,
                Kind::Cut(chunks) => plan.cut = plan.cut.or(Some(chunks)),
                Kind::Error(code) => plan.error = plan.error.or(Some(code)),
            }
        }
        plan
    }
}

fn failure(code: Code) -> Failure {
    let message = format!("a fault on purpose: {}", code.0);
    match code {
        Code::EXHAUSTED => Failure::busy(message, Duration::from_secs(1)),
        _ => Failure::new(code, message),
    }
}

/// A number from 0 to below 1 that depends on all three and on nothing else.
fn chance(seed: u64, request: u64, place: u64) -> f64 {
    let mut bits = seed ^ request.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ place.rotate_left(48);
    for multiplier in [0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB] {
        bits = (bits ^ (bits >> 30)).wrapping_mul(multiplier);
        bits ^= bits >> 27;
    }
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plans(faults: &str, count: usize) -> Vec<Plan> {
        let faults: Faults = faults.parse().expect("faults");
        (0..count).map(|_| faults.next()).collect()
    }

    #[test]
    fn a_fault_may_be_for_the_first_requests_alone() {
        let refused: Vec<bool> = plans("503x2", 4)
            .iter()
            .map(|plan| plan.refusal.is_some())
            .collect();

        assert_eq!(refused, [true, true, false, false]);
    }

    #[test]
    fn the_same_seed_makes_the_same_faults() {
        let once = plans("500@0.5,delay=1s@0.2,seed=3", 200);

        assert_eq!(once, plans("500@0.5,delay=1s@0.2,seed=3", 200));
        assert_ne!(once, plans("500@0.5,delay=1s@0.2,seed=4", 200));
    }

    #[test]
    fn chance_is_as_often_as_it_says() {
        for seed in 0..4 {
            let refused = plans(&format!("500@0.25,seed={seed}"), 4_000);
            let refused = refused.iter().filter(|plan| plan.refusal.is_some()).count();

            assert!((850..1_150).contains(&refused), "{refused} of 4000");
        }
    }
}
