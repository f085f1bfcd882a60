//! How a request is made: time limits and retries, per client, per model, per message.

use std::time::Duration;

/// How a request is made, where it differs from the setting above.
///
/// An absent member inherits: a message from its model, a model from its client, the client from
/// the [defaults](Self::default). The embedded model heeds `timeout` alone.
///
/// ```
/// use std::time::Duration;
/// use generativeai::RequestOptions;
///
/// let patient = RequestOptions::default().timeout(Duration::from_secs(3_600)).without_retry();
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RequestOptions {
    /// When and how often to try again.
    pub retry: Option<Retry>,
    /// The deadline over all attempts, waits included; [`Duration::MAX`] for none. By default none
    /// for streams and 600 s for answers in one piece.
    pub timeout: Option<Duration>,
    /// The time to connect, names looked up; by default 10 s.
    pub connect_timeout: Option<Duration>,
    /// The longest wait for the head of an answer, and between two parsed events of a stream (not
    /// between bytes); by default 120 s. An answer in one piece has only `timeout`.
    pub idle_timeout: Option<Duration>,
    /// Whether what is said may stand in the spans of `tracing`; by default it may not.
    pub trace_content: Option<bool>,
}

/// When and how often a request is tried again: full jitter over a doubling wait.
///
/// Only what may help is tried again (no answer, 408, 429, 500, 502, 503, 504), and only until the
/// first event of the answer was handed out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Retry {
    /// How many attempts at most, the first included; by default 4.
    pub max_attempts: u32,
    /// The upper bound of the first wait; by default 0.5 s. It doubles with each attempt.
    pub initial: Duration,
    /// The upper bound of any wait; by default 32 s.
    pub maximum: Duration,
    /// The longest wait that the service may ask for; by default 60 s. If it asks for more, the
    /// request fails at once, and [`Error::retry_after`](crate::Error::retry_after) says when.
    pub longest_retry_after: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 4,
            initial: Duration::from_millis(500),
            maximum: Duration::from_secs(32),
            longest_retry_after: Duration::from_secs(60),
        }
    }
}

impl Retry {
    /// Sets how many attempts are made at most, the first included; 0 counts as 1.
    #[must_use]
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }
}

impl RequestOptions {
    /// Sets when and how often to try again.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Makes one attempt only.
    #[must_use]
    pub fn without_retry(self) -> Self {
        self.retry(Retry::default().max_attempts(1))
    }

    /// Sets the deadline over all attempts.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the time to connect.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// Sets the longest wait between two events.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Sets whether what is said may stand in the spans of `tracing`, as messages of OpenTelemetry's
    /// conventions: the instruction, the contents and the reply, without the bytes of media.
    #[must_use]
    pub fn trace_content(mut self, trace: bool) -> Self {
        self.trace_content = Some(trace);
        self
    }

    /// These options, with those of `below` where these are silent.
    #[must_use]
    pub fn or(self, below: &Self) -> Self {
        Self {
            retry: self.retry.or_else(|| below.retry.clone()),
            timeout: self.timeout.or(below.timeout),
            connect_timeout: self.connect_timeout.or(below.connect_timeout),
            idle_timeout: self.idle_timeout.or(below.idle_timeout),
            trace_content: self.trace_content.or(below.trace_content),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_option_inherits() {
        let below = RequestOptions::default()
            .timeout(Duration::from_secs(1))
            .without_retry();
        let above = RequestOptions::default().timeout(Duration::from_secs(2));

        let merged = above.or(&below);

        assert_eq!(merged.timeout, Some(Duration::from_secs(2)));
        assert_eq!(merged.retry.expect("inherited").max_attempts, 1);
    }
}
