//! A clock on which the waits between attempts take no time.

use std::time::{Duration, Instant, SystemTime};

use generativeai::BoxFuture;
use generativeai::remote::Clock;

/// Real time, but for the waits between attempts.
///
/// They are whole milliseconds here, since chance is at its lowest and a service asks for whole
/// seconds. What is left until a deadline is not, and has to pass.
#[derive(Debug)]
pub(super) struct Hurried;

impl Clock for Hurried {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn date(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<()> {
        if time.subsec_nanos().is_multiple_of(1_000_000) && time < Duration::from_secs(100) {
            return Box::pin(std::future::ready(()));
        }
        Box::pin(tokio::time::sleep(time))
    }

    fn chance(&self) -> f64 {
        0.0
    }
}
