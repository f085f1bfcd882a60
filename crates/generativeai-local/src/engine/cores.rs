//! Adapts the number of threads to the cores that other programs leave free.
//!
//! A measurement lets threads spin for a moment. A thread that does not get a whole core shares it with another
//! program.

use std::time::{Duration, Instant};

/// Duration of a measurement. Schedulers switch between threads every few milliseconds.
const MEASUREMENT: Duration = Duration::from_millis(15);
/// Time between measurements while some cores are busy, and the pause after which the load is unknown.
const INTERVAL: Duration = Duration::from_secs(1);
/// Share of a core that a thread gets if the core is free.
const FREE: f64 = 0.85;
/// Duration of a batch that is long enough to show whether its thread was interrupted.
const LONG_BATCH: Duration = Duration::from_millis(30);

/// Number of threads for the next batch.
///
/// The threads of llama.cpp wait for each other hundreds of times per token, in a busy loop. If one of them
/// has to share its core with another program, all of them waste their time slices. Two threads on two cores
/// that are busy take fifty times as long as one thread. So no more threads are used than cores are free.
///
/// The free cores are counted before the first batch, after a pause, after a batch whose thread was interrupted, and
/// every second while some of them are busy. Nothing is measured while all threads are in use and no batch is
/// interrupted.
#[derive(Debug)]
pub(super) struct ThreadCount {
    max: usize,
    current: usize,
    /// Time of the last measurement; `None` if one is due.
    measured: Option<Instant>,
    /// End of the last batch.
    ended: Option<Instant>,
}

/// A batch that is being decoded.
#[derive(Debug)]
pub(super) struct RunningBatch {
    start: Instant,
    cpu: Option<Duration>,
}

impl ThreadCount {
    /// Creates a count of at most `max` threads.
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            current: max,
            measured: None,
            ended: None,
        }
    }

    /// Returns the number of threads for the next batch.
    pub(super) fn next(&mut self) -> usize {
        let is_old = |at: Option<Instant>| at.is_none_or(|at| at.elapsed() > INTERVAL);
        let is_due = match self.measured {
            None => true,
            // Cores that were busy may be free again, and after a pause nothing is known about any core.
            at => (self.current < self.max && is_old(at)) || is_old(self.ended),
        };
        if self.max > 1 && is_due {
            self.current = free_cores(self.max);
            self.measured = Some(Instant::now());
        }
        self.current
    }

    /// Starts the measurement of a batch.
    pub(super) fn start() -> RunningBatch {
        RunningBatch {
            start: Instant::now(),
            cpu: thread_time(),
        }
    }

    /// Ends the measurement of a batch. If its thread had to wait for a core, the free cores are counted again.
    pub(super) fn end(&mut self, batch: &RunningBatch) {
        let now = Instant::now();
        let wall = now - batch.start;
        // The calling thread is one of the compute threads, and waits for the others in a busy loop. So it uses a whole
        // core, unless another program takes it. One thread has no others to wait for, and may share its core.
        if self.current > 1 && wall > LONG_BATCH && share(batch.cpu, wall) < FREE {
            self.measured = None;
        }
        self.ended = Some(now);
    }
}

/// Counts the cores that are free: the number of threads that do not share a core. At least 1.
fn free_cores(max: usize) -> usize {
    let measure = || {
        let (start, cpu) = (Instant::now(), thread_time());
        while start.elapsed() < MEASUREMENT {
            std::hint::spin_loop();
        }
        share(cpu, start.elapsed())
    };
    let shares: Vec<f64> = std::thread::scope(|scope| {
        // All threads are started before one is joined: only threads that run together show that they share a core.
        let threads: Vec<_> = (0..max).map(|_| scope.spawn(measure)).collect();
        let shares = threads.into_iter().map(|thread| thread.join());
        shares.map(Result::unwrap_or_default).collect()
    });
    shares.iter().filter(|&&share| share > FREE).count().max(1)
}

/// Returns the share of a core that this thread had during `wall`, from 0 to 1. `start` is its CPU time at the
/// beginning. The share is 1 where the CPU time of threads is unknown, so that all threads are used.
fn share(start: Option<Duration>, wall: Duration) -> f64 {
    match (start, thread_time()) {
        (Some(start), Some(end)) => end.saturating_sub(start).as_secs_f64() / wall.as_secs_f64(),
        _ => 1.0,
    }
}

/// Returns the CPU time that this thread has used; `None` if the system does not report it.
#[cfg(unix)]
fn thread_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).ok()
}

#[cfg(not(unix))]
fn thread_time() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a batch that started long ago and has used no CPU time since.
    fn starved() -> RunningBatch {
        let start = Instant::now();
        RunningBatch {
            start: start.checked_sub(Duration::from_secs(9)).unwrap_or(start),
            cpu: thread_time(),
        }
    }

    /// Row 36 of tests/field.md: the number of threads follows the load.
    #[test]
    fn the_load_is_measured_again_after_a_batch_whose_thread_was_interrupted() {
        let mut count = ThreadCount::new(2);
        count.next();
        count.current = 2;

        count.end(&ThreadCount::start());
        assert!(count.measured.is_some());
        count.end(&starved());

        assert_eq!(count.measured.is_none(), thread_time().is_some());
        assert!((1..=2).contains(&count.next()));
        assert!(count.measured.is_some());
    }

    #[test]
    fn one_thread_is_never_measured() {
        let mut count = ThreadCount::new(1);

        assert_eq!(count.next(), 1);
        assert_eq!(count.measured, None);
    }
}
