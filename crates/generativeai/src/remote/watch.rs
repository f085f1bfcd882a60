//! The time limits of a request: a deadline over all of it, and the longest silence.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::stream::BoxFuture;

/// Watches over the waiting of one request.
///
/// The timer is started when something is really waited for, and outlives what it waits for, so that
/// an event that is already there costs none.
pub(super) struct Watch {
    clock: Arc<dyn Clock>,
    /// How long all attempts may take, and when that is over.
    timeout: Duration,
    deadline: Option<Instant>,
    /// The longest silence, and when the present one is too long.
    idle: Duration,
    silence: Option<Instant>,
    timer: Option<BoxFuture<()>>,
}

impl Watch {
    /// Is to watch over limits, of which `Duration::MAX` is none.
    pub(super) fn new(clock: Arc<dyn Clock>, timeout: Duration, idle: Duration) -> Self {
        Self {
            clock,
            timeout,
            deadline: None,
            idle,
            silence: None,
            timer: None,
        }
    }

    /// Begins to watch.
    pub(super) fn begin(&mut self) {
        self.deadline = self.clock.now().checked_add(self.timeout);
    }

    /// The next event is waited for from now on; gives this time.
    pub(super) fn expect_event(&mut self) -> Instant {
        let now = self.clock.now();
        self.silence = now.checked_add(self.idle);
        now
    }

    /// What is left until the deadline.
    pub(super) fn left(&self) -> Option<Duration> {
        self.deadline
            .map(|end| end.saturating_duration_since(self.clock.now()))
    }

    /// Waits for something within the limits.
    ///
    /// It is pinned where it is: a future that takes another by value has room for it twice.
    pub(super) async fn guard<T>(
        &mut self,
        mut waited_for: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T> {
        poll_fn(|cx| {
            if let Poll::Ready(value) = waited_for.as_mut().poll(cx) {
                return Poll::Ready(Ok(value));
            }
            loop {
                let timer = match &mut self.timer {
                    Some(timer) => timer,
                    None => {
                        let Some((end, error)) = self.next_end() else {
                            return Poll::Pending;
                        };
                        let left = end.saturating_duration_since(self.clock.now());
                        if left.is_zero() {
                            return Poll::Ready(Err(error()));
                        }
                        self.timer.insert(self.clock.sleep(left))
                    }
                };
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.timer = None;
            }
        })
        .await
    }

    /// The limit that is reached first, and the error that goes with it.
    fn next_end(&self) -> Option<(Instant, impl Fn() -> Error + use<>)> {
        let silence = self.silence.map(|end| (end, "nothing came for", self.idle));
        let whole = self
            .deadline
            .map(|end| (end, "the answer was not whole after", self.timeout));
        let first = silence
            .into_iter()
            .chain(whole)
            .min_by_key(|(end, ..)| *end)?;
        let (end, what, time) = first;
        Some((end, move || {
            Error::new(ErrorKind::Timeout, format!("{what} {time:?}"))
        }))
    }
}
