//! Retry budget of a client, so that a service that is down is not flooded with retries.

use std::sync::atomic::{AtomicU32, Ordering};

/// Default number of retries that a full bucket pays for.
pub(super) const DEFAULT_RETRIES: u32 = 100;
/// Tokens that a retry costs, and that return if it succeeds.
const RETRY: u32 = 5;
/// Tokens that a request adds which succeeds without a retry that cost tokens.
const SUCCESS: u32 = 1;

/// Token bucket that all requests of a client share.
///
/// While nothing succeeds, a full bucket pays for a number of retries; after that each request makes one attempt only.
/// Five requests that succeed without such a retry pay for one more.
#[derive(Debug)]
pub(super) struct RetryBudget {
    tokens: AtomicU32,
    capacity: u32,
}

impl RetryBudget {
    /// Creates a full bucket, which pays for a number of retries.
    pub(super) fn new(retries: u32) -> Self {
        let capacity = retries.saturating_mul(RETRY);
        Self {
            tokens: AtomicU32::new(capacity),
            capacity,
        }
    }

    /// Takes the tokens of a retry. Returns `false`, and takes none, if there are too few.
    pub(super) fn spend(&self) -> bool {
        // Relaxed: the counter does not guard any data.
        self.tokens
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| {
                tokens.checked_sub(RETRY)
            })
            .is_ok()
    }

    /// Adds the tokens of a request that succeeded. `has_paid`: a retry of it has cost tokens, which are returned.
    pub(super) fn refill(&self, has_paid: bool) {
        let tokens = if has_paid { RETRY } else { SUCCESS };
        let capacity = self.capacity;
        let add = |held: u32| (held < capacity).then(|| held.saturating_add(tokens).min(capacity));
        // An error means that the bucket is full.
        let _ = self
            .tokens
            .try_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_bucket_pays_for_a_hundred_retries() {
        let budget = RetryBudget::new(DEFAULT_RETRIES);

        let retries = (0..1_000).filter(|_| budget.spend()).count();

        assert_eq!(retries, 100);
    }

    #[test]
    fn five_successes_pay_for_one_retry() {
        let budget = RetryBudget::new(DEFAULT_RETRIES);
        while budget.spend() {}

        (0..4).for_each(|_| budget.refill(false));
        assert!(!budget.spend());
        budget.refill(false);

        assert!(budget.spend());
        assert!(!budget.spend());
    }

    #[test]
    fn a_retry_that_succeeds_costs_nothing_and_the_bucket_never_overflows() {
        let budget = RetryBudget::new(DEFAULT_RETRIES);
        for _ in 0..1_000 {
            assert!(budget.spend());
            budget.refill(true);
        }
        budget.refill(true);

        assert_eq!((0..1_000).filter(|_| budget.spend()).count(), 100);
    }
}
