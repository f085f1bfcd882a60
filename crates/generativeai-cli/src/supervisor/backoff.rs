//! Exponential backoff before the engine process is restarted.

use std::time::Duration;

/// Wait after the second crash in a row. It doubles with each further crash.
const INITIAL: Duration = Duration::from_millis(500);
/// Maximum wait.
const MAX: Duration = Duration::from_secs(30);
/// Uptime of a process that resets the backoff.
const HEALTHY: Duration = Duration::from_secs(60);

/// Number of crashes in a row, which determines the wait before a restart.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    crashes: u32,
}

impl Backoff {
    /// Returns the wait before a restart, after the crash of a process with this uptime. After the first crash there is
    /// none.
    pub(super) fn after(&mut self, uptime: Duration) -> Duration {
        if uptime >= HEALTHY {
            self.crashes = 0;
        }
        self.crashes = self.crashes.saturating_add(1);
        match self.crashes.checked_sub(2) {
            None => Duration::ZERO,
            Some(doublings) => INITIAL
                .saturating_mul(2u32.saturating_pow(doublings))
                .min(MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_with_crashes_in_a_row_up_to_the_maximum() {
        let mut backoff = Backoff::default();
        let mut after = |uptime| backoff.after(Duration::from_secs(uptime)).as_millis();

        assert_eq!(
            [after(1), after(1), after(1), after(1)],
            [0, 500, 1_000, 2_000]
        );
        assert_eq!([after(60), after(1)], [0, 500]);
        assert_eq!((0..100).map(|_| after(0)).max(), Some(30_000));
    }
}
