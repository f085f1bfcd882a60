//! How long to wait before an engine that died is started again.

use std::time::Duration;

/// The wait after the second death in a row; it doubles with each.
const FIRST: Duration = Duration::from_millis(500);
/// No wait is longer.
const LONGEST: Duration = Duration::from_secs(30);
/// An engine that lived so long died of something new.
const HEALTHY: Duration = Duration::from_secs(60);

/// Counts the deaths in a row.
#[derive(Debug, Default)]
pub(super) struct Patience {
    deaths: u32,
}

impl Patience {
    /// How long to wait after an engine died that lived so long: not at all the first time.
    pub(super) fn after(&mut self, lived: Duration) -> Duration {
        if lived >= HEALTHY {
            self.deaths = 0;
        }
        self.deaths = self.deaths.saturating_add(1);
        match self.deaths.checked_sub(2) {
            None => Duration::ZERO,
            Some(doublings) => FIRST
                .saturating_mul(2u32.saturating_pow(doublings))
                .min(LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_with_deaths_in_a_row_and_no_further_than_their_bound() {
        let mut patience = Patience::default();
        let mut after = |lived| patience.after(Duration::from_secs(lived)).as_millis();

        assert_eq!(
            [after(1), after(1), after(1), after(1)],
            [0, 500, 1_000, 2_000]
        );
        assert_eq!([after(60), after(1)], [0, 500]);
        assert_eq!((0..100).map(|_| after(0)).max(), Some(30_000));
    }
}
