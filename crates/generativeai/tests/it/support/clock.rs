//! A clock that the test turns: nothing waits.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use generativeai::BoxFuture;
use generativeai::remote::Clock;

/// The longest wait that passes by itself: what is waited between two attempts.
const SHORT: Duration = Duration::from_secs(60);

/// A clock whose time goes by when the test says so, or when somebody sleeps up to a minute, and is
/// half of what chance may give.
#[derive(Clone, Debug)]
pub(crate) struct TestClock(Arc<Mutex<Time>>);

#[derive(Debug)]
struct Time {
    began: Instant,
    gone: Duration,
    slept: Vec<Duration>,
    sleepers: Vec<(Duration, Waker)>,
    waiting: Option<Waker>,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Time {
            began: Instant::now(),
            gone: Duration::ZERO,
            slept: Vec::new(),
            sleepers: Vec::new(),
            waiting: None,
        })))
    }

    /// Lets time go by.
    pub(crate) fn advance(&self, time: Duration) {
        let mut inner = self.lock();
        inner.gone += time;
        let now = inner.gone;
        let (due, still): (Vec<_>, _) = inner.sleepers.drain(..).partition(|(end, _)| *end <= now);
        inner.sleepers = still;
        drop(inner);
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Lets time go by until the first of those who sleep wakes up; waits for one to fall asleep.
    pub(crate) async fn pass(&self) {
        let left = poll_fn(|cx| {
            let mut inner = self.lock();
            match inner.sleepers.iter().map(|(end, _)| *end).min() {
                Some(end) => Poll::Ready(end - inner.gone),
                None => {
                    inner.waiting = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await;
        self.advance(left);
    }

    /// How long was slept up to a minute, each time.
    pub(crate) fn slept(&self) -> Vec<Duration> {
        self.lock().slept.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Time> {
        self.0.lock().expect("no panic under the lock")
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        let inner = self.lock();
        inner.began + inner.gone
    }

    fn date(&self) -> SystemTime {
        // 6 November 1994, 08:49:37 GMT, the date that RFC 9110 knows.
        SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777) + self.lock().gone
    }

    fn sleep(&self, time: Duration) -> BoxFuture<()> {
        let clock = self.clone();
        let end = self.lock().gone + time;
        Box::pin(poll_fn(move |cx| {
            let mut inner = clock.lock();
            if inner.gone >= end {
                return Poll::Ready(());
            }
            if time <= SHORT {
                inner.gone = end;
                inner.slept.push(time);
                return Poll::Ready(());
            }
            inner.sleepers.push((end, cx.waker().clone()));
            if let Some(waiting) = inner.waiting.take() {
                waiting.wake();
            }
            Poll::Pending
        }))
    }

    fn chance(&self) -> f64 {
        0.5
    }
}
