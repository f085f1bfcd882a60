//! Time and chance, which tests take into their own hands.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant, SystemTime};

use crate::backend::BoxFuture;

/// Where [`Remote`](super::Remote) takes time and chance from.
///
/// By default from tokio and the operating system. A test gives one of its own to the
/// [builder](super::RemoteBuilder::clock), so that it need not wait.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time that has gone by, for measuring.
    fn now(&self) -> Instant;

    /// The time of day, against which a date the service names is read.
    fn date(&self) -> SystemTime;

    /// Ends when so much time has gone by.
    fn sleep(&self, time: Duration) -> BoxFuture<()>;

    /// A number by chance, at least 0 and less than 1.
    fn chance(&self) -> f64;
}

/// The clock of the machine.
#[derive(Debug)]
pub(super) struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn date(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<()> {
        Box::pin(tokio::time::sleep(time))
    }

    fn chance(&self) -> f64 {
        // The keys of a hasher are drawn by chance; 53 bits are what a double holds.
        let drawn = RandomState::new().hash_one(()) >> 11;
        drawn as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_spread_between_0_and_1() {
        let drawn: Vec<f64> = (0..1_000).map(|_| MachineClock.chance()).collect();

        assert!(drawn.iter().all(|chance| (0.0..1.0).contains(chance)));
        let mean = drawn.iter().sum::<f64>() / 1_000.0;
        assert!((0.4..0.6).contains(&mean), "{mean}");
    }
}
