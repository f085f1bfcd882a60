//! Time and chance, which tests take into their own hands.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime::{self, Handle};
use tokio::time::Sleep;

use crate::stream::BoxFuture;

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
///
/// A few timers are kept, and go on: to start one may wake the thread that waits for all of them, and
/// most are given up long before their end. One that is used again for a later end is put off when it
/// comes to its own. A timer that is kept holds on to the task that waited for it, until it is used
/// again, and wakes that task for nothing if it ends before.
#[derive(Debug, Default)]
pub(super) struct MachineClock {
    kept: Arc<Mutex<Vec<Timer>>>,
}

/// How many timers are kept that nobody waits for.
const MOST_KEPT: usize = 8;

/// A timer and its runtime: when that has ended, it must not be used. While a runtime runs, no other
/// has its id, nor has one that came later: they are counted.
type Timer = (runtime::Id, Pin<Box<Sleep>>);

impl MachineClock {
    fn timer(&self, end: tokio::time::Instant) -> Timer {
        let here = Handle::current().id();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.iter().rposition(|(runtime, _)| *runtime == here) {
            Some(at) => {
                let mut timer = kept.remove(at);
                if timer.1.deadline() > end {
                    timer.1.as_mut().reset(end);
                }
                timer
            }
            None => (here, Box::pin(tokio::time::sleep_until(end))),
        }
    }
}

/// Waits for a time, with a timer that ends then or before, and is kept afterwards.
struct Waiting {
    end: tokio::time::Instant,
    timer: Option<Timer>,
    kept: Arc<Mutex<Vec<Timer>>>,
}

impl Future for Waiting {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let end = self.end;
        if let Some((_, timer)) = &mut self.timer {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() < end {
                timer.as_mut().reset(end);
                return timer.as_mut().poll(cx);
            }
        }
        Poll::Ready(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == MOST_KEPT {
            drop(kept.remove(0));
        }
        kept.extend(self.timer.take());
    }
}

impl Clock for MachineClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn date(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<()> {
        // What is too far away to be a time is far enough away at any.
        const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);
        let end = tokio::time::Instant::now() + time.min(FAR);
        Box::pin(Waiting {
            end,
            timer: Some(self.timer(end)),
            kept: self.kept.clone(),
        })
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
        let clock = MachineClock::default();
        let drawn: Vec<f64> = (0..1_000).map(|_| clock.chance()).collect();

        assert!(drawn.iter().all(|chance| (0.0..1.0).contains(chance)));
        let mean = drawn.iter().sum::<f64>() / 1_000.0;
        assert!((0.4..0.6).contains(&mean), "{mean}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_was_given_up_is_used_again_for_any_time() {
        let clock = MachineClock::default();
        let began = clock.now();
        let mut given_up = clock.sleep(Duration::from_secs(600));
        assert!(poll_once(&mut given_up).await.is_pending());
        drop(given_up);

        for seconds in [1, 100, 2, 1_000] {
            clock.sleep(Duration::from_secs(seconds)).await;
        }
        assert_eq!(clock.now() - began, Duration::from_secs(1_103));

        let mut given_up = clock.sleep(Duration::from_secs(5));
        assert!(poll_once(&mut given_up).await.is_pending());
        drop(given_up);
        clock.sleep(Duration::from_secs(100)).await;

        assert_eq!(clock.now() - began, Duration::from_secs(1_203));
        assert_eq!(clock.kept.lock().expect("nothing panicked").len(), 1);
        assert!(
            poll_once(&mut clock.sleep(Duration::MAX))
                .await
                .is_pending()
        );
    }

    #[test]
    fn a_timer_of_a_runtime_that_ended_is_not_used() {
        let clock = MachineClock::default();
        for _ in 0..2 {
            let runtime = runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime");
            runtime.block_on(async { clock.sleep(Duration::from_secs(600)).await });
        }
        assert_eq!(clock.kept.lock().expect("nothing panicked").len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn few_timers_are_kept() {
        let clock = MachineClock::default();
        let waiting: Vec<_> = (0..100)
            .map(|_| clock.sleep(Duration::from_secs(1)))
            .collect();
        drop(waiting);

        assert_eq!(
            clock.kept.lock().expect("nothing panicked").len(),
            MOST_KEPT
        );
    }

    async fn poll_once(timer: &mut BoxFuture<()>) -> Poll<()> {
        std::future::poll_fn(|cx| Poll::Ready(timer.as_mut().poll(cx))).await
    }
}
