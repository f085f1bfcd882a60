//! Measurement of wall time, CPU time and memory, reported as one line of JSON.

use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde_json::{Value, json};

use crate::options::Options;
use crate::outcome::Outcome;

/// A measurement in progress.
pub(crate) struct Meter {
    start: Instant,
    /// CPU time in user mode at the start, in microseconds.
    user: f64,
    /// CPU time in the kernel at the start, in microseconds.
    system: f64,
    /// Peak of memory before the chats were created, in KiB.
    base_kib: i64,
}

impl Meter {
    /// Starts a measurement. `base_kib` is the peak of memory before the chats were created.
    pub(crate) fn start(base_kib: i64) -> Outcome<Self> {
        let now = getrusage(UsageWho::RUSAGE_SELF)?;
        Ok(Self {
            start: Instant::now(),
            user: micros(now.user_time()),
            system: micros(now.system_time()),
            base_kib,
        })
    }

    /// Returns the usage so far. `ages` are the ages of chunks when they were read, in microseconds.
    pub(crate) fn line(&self, client: &str, options: &Options, ages: &mut [f64]) -> Outcome<Value> {
        let wall = self.start.elapsed();
        let now = getrusage(UsageWho::RUSAGE_SELF)?;
        ages.sort_by(f64::total_cmp);
        Ok(json!({
            "client": client,
            "model": options.model,
            "history": options.history,
            "turns": options.turns,
            "sessions": options.sessions,
            "concurrent": options.concurrent,
            "wall_us": wall.as_secs_f64() * 1e6,
            "user_us": micros(now.user_time()) - self.user,
            "system_us": micros(now.system_time()) - self.system,
            "peak_kib": now.max_rss(),
            "base_kib": self.base_kib,
            "age_p50_us": ages.get(ages.len() / 2),
        }))
    }
}

/// Returns the peak of this process's resident memory, in KiB (the unit of `ru_maxrss` on Linux).
pub(crate) fn peak_kib() -> Outcome<i64> {
    Ok(getrusage(UsageWho::RUSAGE_SELF)?.max_rss())
}

fn micros(time: TimeVal) -> f64 {
    time.tv_sec() as f64 * 1e6 + time.tv_usec() as f64
}
