//! Retries as a test sees them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use generativeai::{Attempt, RequestOptions, Retry};

/// The attempts followed by a retry, in the order of `on_retry`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Retries(Arc<Mutex<Vec<Attempt>>>);

impl Retries {
    /// Returns options that record retries and make them without a wait.
    pub(crate) fn immediate(&self) -> RequestOptions {
        let retries = self.clone();
        let retry = Retry::default().initial(Duration::ZERO);
        RequestOptions::default()
            .retry(retry)
            .on_retry(move |attempt| retries.record(attempt))
    }

    /// Returns options that record retries and let the waits before them pass in [stopped time](super::StoppedTime).
    pub(crate) fn in_stopped_time(&self) -> RequestOptions {
        let retries = self.clone();
        RequestOptions::default().on_retry(move |attempt| {
            retries.record(attempt);
            // The task runs once the request sleeps. Timers fire at whole milliseconds.
            let wait = attempt.waited + Duration::from_millis(1);
            tokio::spawn(tokio::time::advance(wait));
        })
    }

    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.0.lock().expect("no panic under the lock").clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.attempts().len()
    }

    pub(crate) fn waits(&self) -> Vec<Duration> {
        let attempts = self.attempts();
        attempts.iter().map(|attempt| attempt.waited).collect()
    }

    fn record(&self, attempt: &Attempt) {
        let mut attempts = self.0.lock().expect("no panic under the lock");
        attempts.push(attempt.clone());
    }
}
