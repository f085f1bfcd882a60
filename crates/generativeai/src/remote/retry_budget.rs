//! Retry budget of a client, so that a service that is down is not flooded with retries.

use std::sync::atomic::{AtomicU32, Ordering};

/// Tokens in a full bucket: enough for 100 retries.
const CAPACITY: u32 = 500;
/// Tokens that a retry costs, and that return if it succeeds.
const RETRY: u32 = 5;
/// Tokens that a request adds which succeeds at its first attempt.
const SUCCESS: u32 = 1;

/// Token bucket that all requests of a client share.
///
/// While nothing succeeds, a full bucket pays for 100 retries; after that each request makes one attempt
/// only. Five requests that succeed at once pay for one more retry.
#[derive(Debug)]
pub(super) struct RetryBudget(AtomicU32);

impl RetryBudget {
    /// Creates a full bucket.
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(CAPACITY))
    }

    /// Takes the price of a retry; returns whether there was enough.
    pub(super) fn spend(&self) -> bool {
        self.0
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| {
                tokens.checked_sub(RETRY)
            })
            .is_ok()
    }

    /// Adds the tokens of a request that succeeded, after a retry or at its first attempt.
    pub(super) fn refill(&self, was_retried: bool) {
        let tokens = if was_retried { RETRY } else { SUCCESS };
        let add = |held: u32| (held < CAPACITY).then(|| held.saturating_add(tokens).min(CAPACITY));
        // An error means that the bucket is full.
        let _ = self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_bucket_pays_for_a_hundred_retries() {
        let budget = RetryBudget::new();

        let retries = (0..1_000).filter(|_| budget.spend()).count();

        assert_eq!(retries, 100);
    }

    #[test]
    fn five_successes_pay_for_one_retry() {
        let budget = RetryBudget::new();
        while budget.spend() {}

        (0..4).for_each(|_| budget.refill(false));
        assert!(!budget.spend());
        budget.refill(false);

        assert!(budget.spend());
        assert!(!budget.spend());
    }

    #[test]
    fn a_retry_that_succeeds_costs_nothing_and_the_bucket_never_overflows() {
        let budget = RetryBudget::new();
        for _ in 0..1_000 {
            assert!(budget.spend());
            budget.refill(true);
        }
        budget.refill(true);

        assert_eq!((0..1_000).filter(|_| budget.spend()).count(), 100);
    }
}
