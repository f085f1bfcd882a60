//! Time limits of a request: a deadline over all attempts, and the longest wait between two events.

use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::backend::RequestOptions;
use crate::error::{Error, ErrorKind, Result};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// Time limits of one request. `Duration::MAX` means no limit.
pub(super) struct Deadlines {
    timeout: Duration,
    idle_timeout: Duration,
    /// End of `timeout`. `None` if there is no limit, or if it is beyond what `Instant` can express.
    deadline: Option<Instant>,
    /// End of `idle_timeout`. It is set by the first wait for an event, and stays until the event is there.
    idle_deadline: Option<Instant>,
    /// One timer for all waits. Registering a timer takes a lock and may wake the thread that drives time. So a wait
    /// reuses the timer of the previous wait, and resets it only after it has fired.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadlines {
    /// Limits of a request whose response arrives in one piece: a deadline. The time starts now.
    pub(super) fn unary(options: &RequestOptions) -> Self {
        Self::start(options.timeout.unwrap_or(DEFAULT_TIMEOUT), Duration::MAX)
    }

    /// Limits of a request whose response arrives in events: the wait between them. The time starts now.
    pub(super) fn streaming(options: &RequestOptions) -> Self {
        let idle_timeout = options.idle_timeout.unwrap_or(DEFAULT_IDLE_TIMEOUT);
        Self::start(options.timeout.unwrap_or(Duration::MAX), idle_timeout)
    }

    fn start(timeout: Duration, idle_timeout: Duration) -> Self {
        Self {
            timeout,
            idle_timeout,
            deadline: Instant::now().checked_add(timeout),
            idle_deadline: None,
            timer: None,
        }
    }

    /// Resets the idle limit: an event has arrived, or a new attempt begins.
    pub(super) fn event_received(&mut self) {
        self.idle_deadline = None;
    }

    /// Returns the time left until the deadline, if any.
    pub(super) fn remaining(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// Runs a future within the limits.
    ///
    /// # Errors
    /// [`Timeout`](ErrorKind::Timeout): a limit was reached first.
    pub(super) async fn run<T>(&mut self, future: impl Future<Output = T>) -> Result<T> {
        let mut future = pin!(future);
        // Polled by hand: combinators such as `timeout` own a timer for each wait.
        //
        // The timer may be set to a moment before `end`, from an earlier wait: events have moved the end since then.
        // When it fires too early, it is moved to `end` and polled again, so that it wakes this task. A stream of a
        // thousand chunks within the limit never moves it. The timer is never set later than `end`.
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            let Some((end, error)) = self.next_deadline() else {
                return Poll::Pending;
            };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
            if timer.deadline() > end {
                timer.as_mut().reset(end);
            }
            while timer.as_mut().poll(cx).is_ready() {
                if timer.deadline() >= end {
                    return Poll::Ready(Err(error()));
                }
                timer.as_mut().reset(end);
            }
            Poll::Pending
        })
        .await
    }

    /// Runs a future before an attempt, such as the wait for a permit. Only the deadline limits it, since no event can
    /// arrive yet.
    ///
    /// # Errors
    /// [`Timeout`](ErrorKind::Timeout): the deadline was reached first.
    pub(super) async fn run_total<T>(&mut self, future: impl Future<Output = T>) -> Result<T> {
        let idle_timeout = mem::replace(&mut self.idle_timeout, Duration::MAX);
        self.idle_deadline = None;
        let outcome = self.run(future).await;
        self.idle_timeout = idle_timeout;
        outcome
    }

    /// Returns the limit that is reached first, and creates its error.
    fn next_deadline(&mut self) -> Option<(Instant, impl Fn() -> Error + use<>)> {
        if self.idle_deadline.is_none() && self.idle_timeout != Duration::MAX {
            self.idle_deadline = Instant::now().checked_add(self.idle_timeout);
        }
        let idle = self
            .idle_deadline
            .map(|end| (end, "no event for", self.idle_timeout));
        let total = self
            .deadline
            .map(|end| (end, "the response was not complete after", self.timeout));
        let (end, what, time) = [idle, total]
            .into_iter()
            .flatten()
            .min_by_key(|(end, ..)| *end)?;
        let error = move || Error::new(ErrorKind::Timeout, format!("{what} {time:?}"));
        Some((end, error))
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::sleep;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits(timeout: Duration, idle_timeout: Duration) -> Deadlines {
        Deadlines::start(timeout, idle_timeout)
    }

    #[tokio::test(start_paused = true)]
    async fn a_future_that_is_ready_in_time_returns_its_output() {
        let mut limits = limits(2 * SECOND, SECOND);

        assert_eq!(limits.run(ready(1)).await.expect("in time"), 1);
        limits.run(sleep(SECOND / 2)).await.expect("in time");
    }

    #[tokio::test(start_paused = true)]
    async fn each_event_starts_the_idle_limit_again_and_the_deadline_stays() {
        let mut limits = limits(10 * SECOND, 3 * SECOND);
        let start = Instant::now();

        for _ in 0..4 {
            limits.run(sleep(2 * SECOND)).await.expect("in time");
            limits.event_received();
        }
        let error = limits.run(pending::<()>()).await.expect_err("too late");

        assert_eq!(error.to_string(), "the response was not complete after 10s");
        assert_eq!(start.elapsed(), 10 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_without_an_event_between_them_share_the_idle_limit() {
        let mut limits = limits(Duration::MAX, 3 * SECOND);
        let start = Instant::now();

        limits.run(sleep(2 * SECOND)).await.expect("in time");
        let error = limits.run(pending::<()>()).await.expect_err("too late");

        assert_eq!(error.to_string(), "no event for 3s");
        assert_eq!(start.elapsed(), 3 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_passes_between_two_waits_does_not_count_as_idle() {
        let mut limits = limits(Duration::MAX, 3 * SECOND);
        limits.run(sleep(SECOND)).await.expect("in time");
        limits.event_received();

        sleep(3_600 * SECOND).await;

        limits.run(sleep(2 * SECOND)).await.expect("in time");
    }

    #[tokio::test(start_paused = true)]
    async fn without_limits_a_future_may_take_any_time() {
        let mut limits = limits(Duration::MAX, Duration::MAX);

        limits
            .run(sleep(1_000_000 * SECOND))
            .await
            .expect("no limit");
        assert_eq!(limits.remaining(), None);
    }
}
