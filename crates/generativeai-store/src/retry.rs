//! Retry of transactions that failed for a transient reason, and their time limit.

use std::time::Duration;

use generativeai::Result;
use tokio::time::{Instant, sleep, timeout};

use crate::error::TransactionError;
use crate::random;

/// Time for which a transient failure is retried, from the first one on. Also the time limit for connecting.
pub(crate) const RETRY_TIME: Duration = Duration::from_secs(10);
/// The time limit of one attempt. After it the database is treated as unreachable.
const ATTEMPT_TIME: Duration = Duration::from_secs(60);
/// The wait before the first retry, without jitter. It doubles with each retry.
const FIRST_BACKOFF: Duration = Duration::from_millis(20);

/// Runs `work` until it succeeds, fails permanently, or [`RETRY_TIME`] has passed since it first failed. The first
/// attempt may wait long for other writers, and does not count. `context` is the clause that begins the message of the
/// error: `the store cannot be opened`.
pub(crate) async fn retry<T, F>(context: &str, work: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T, TransactionError>>,
{
    let mut first_failure = None;
    let mut backoff = FIRST_BACKOFF;
    loop {
        let outcome = work().await;
        let failing = first_failure.get_or_insert_with(Instant::now).elapsed();
        match outcome {
            Err(error) if error.is_transient() && failing + backoff < RETRY_TIME => {
                sleep(with_jitter(backoff)).await;
                backoff *= 2;
            }
            outcome => return outcome.map_err(|error| error.into_error(context)),
        }
    }
}

/// Shortens a wait by a random part, at most a half: writers that failed together must not retry together.
fn with_jitter(wait: Duration) -> Duration {
    // Without random numbers the wait is not shortened.
    let random = random::bytes().map_or(0, u32::from_ne_bytes);
    wait - wait.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
}

/// Runs one attempt, and cancels it at the time limit.
pub(crate) async fn with_time_limit<T>(
    attempt: impl Future<Output = Result<T, TransactionError>>,
) -> Result<T, TransactionError> {
    timeout(ATTEMPT_TIME, attempt)
        .await
        .unwrap_or(Err(TransactionError::TimedOut))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};

    use generativeai::ErrorKind;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_exceeds_its_time_limit_is_cancelled_and_not_retried() {
        let start = Instant::now();
        let hanging = || with_time_limit(pending::<Result<(), _>>());
        let error = retry("the session cannot be read", hanging)
            .await
            .unwrap_err();

        assert_eq!(start.elapsed(), ATTEMPT_TIME);
        assert_eq!(error.kind(), ErrorKind::Storage);
        let message = "the session cannot be read: the database took more than a minute";
        assert_eq!(error.to_string(), message);
    }

    #[tokio::test(start_paused = true)]
    async fn a_transient_failure_is_retried_for_ten_seconds() {
        let attempts = Cell::new(0);
        let start = Instant::now();
        let busy = || {
            attempts.set(attempts.get() + 1);
            ready(Err::<(), _>(TransactionError::Raced))
        };
        let error = retry("the session cannot be read", busy).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(start.elapsed() <= RETRY_TIME);
        // 20 ms, 40 ms, … 2,560 ms between them, each shortened by a random part.
        assert!((9..=10).contains(&attempts.get()), "{attempts:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_the_first_attempt_does_not_count() {
        let attempts = Cell::new(0);
        let busy_at_first = async || {
            attempts.set(attempts.get() + 1);
            match attempts.get() {
                1 => {
                    sleep(2 * RETRY_TIME).await;
                    Err(TransactionError::Busy)
                }
                _ => Ok(()),
            }
        };
        retry("the session cannot be read", busy_at_first)
            .await
            .unwrap();
    }

    #[test]
    fn waits_differ_by_at_most_a_half() {
        let wait = Duration::from_secs(2);
        let waits: Vec<_> = (0..100).map(|_| with_jitter(wait)).collect();

        let shortest = waits.iter().min().expect("a wait");
        let longest = waits.iter().max().expect("a wait");
        assert!(shortest < longest, "{waits:?}");
        assert!(*shortest >= wait / 2 && *longest <= wait, "{waits:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_permanent_failure_is_not_retried() {
        let attempts = Cell::new(0);
        let refused = || {
            attempts.set(attempts.get() + 1);
            ready(Err::<(), _>(TransactionError::corrupt(
                "event 1 is damaged",
            )))
        };
        let error = retry("the session cannot be read", refused)
            .await
            .unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(error.to_string(), "event 1 is damaged");
        assert_eq!(attempts.get(), 1);
    }
}
