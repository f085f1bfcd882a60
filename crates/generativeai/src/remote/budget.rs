//! What a client may spend on trying again, so that a dead service is not stormed.

use std::sync::atomic::{AtomicU32, Ordering};

const FULL: u32 = 500;
const RETRY: u32 = 5;
const SUCCESS: u32 = 1;

/// A bucket of tokens that all requests of a client share.
///
/// Trying again costs five tokens, which come back if it helped; a request that went well at once
/// brings one. A full bucket holds 500: while nothing goes well, there are 100 further attempts, and
/// then each request is made once.
#[derive(Debug)]
pub(super) struct Budget(AtomicU32);

impl Budget {
    /// A full bucket.
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(FULL))
    }

    /// Takes the price of another attempt, if it is there.
    pub(super) fn spend(&self) -> bool {
        self.0
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| {
                tokens.checked_sub(RETRY)
            })
            .is_ok()
    }

    /// Puts tokens back for a request that went well, at its first attempt or `again`.
    pub(super) fn refill(&self, again: bool) {
        let tokens = if again { RETRY } else { SUCCESS };
        let add = |held: u32| (held < FULL).then(|| held.saturating_add(tokens).min(FULL));
        // A full bucket stays as it is.
        let _ = self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_service_is_asked_again_a_hundred_times() {
        let budget = Budget::new();

        let again = (0..1_000).filter(|_| budget.spend()).count();

        assert_eq!(again, 100);
    }

    #[test]
    fn five_successes_pay_for_one_more_attempt() {
        let budget = Budget::new();
        while budget.spend() {}

        (0..4).for_each(|_| budget.refill(false));
        assert!(!budget.spend());
        budget.refill(false);

        assert!(budget.spend());
        assert!(!budget.spend());
    }

    #[test]
    fn an_attempt_that_helped_costs_nothing_and_the_bucket_never_overflows() {
        let budget = Budget::new();
        for _ in 0..1_000 {
            assert!(budget.spend());
            budget.refill(true);
        }
        budget.refill(true);

        assert_eq!((0..1_000).filter(|_| budget.spend()).count(), 100);
    }
}
