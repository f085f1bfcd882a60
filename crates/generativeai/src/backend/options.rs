//! Options of a request: time limits, retries, what a trace may contain.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Attempt, Error, ErrorKind, Result};

/// Options of a request: time limits, retries, and the content of traces.
///
/// Options exist at four levels: the message, the model
/// ([`GenerativeModel::request_options`](crate::GenerativeModel::request_options)), the client
/// ([`RemoteBuilder::request_options`](crate::remote::RemoteBuilder::request_options)), and the defaults below. For
/// each option, the first of these levels that sets it takes precedence. The embedded model observes `timeout` only.
///
/// | Option | Default | Limits |
/// | --- | --- | --- |
/// | [`timeout`](Self::timeout) | 600 s; none for streams | the whole request, with its retries |
/// | [`connect_timeout`](Self::connect_timeout) | 10 s | one connection attempt |
/// | [`idle_timeout`](Self::idle_timeout) | 120 s | the wait for the next event of a stream |
/// | [`retry`](Self::retry) | 4 attempts | see [`Retry`] |
///
/// ```
/// use std::time::Duration;
/// use generativeai::{GenerativeModel, RequestOptions, testing::Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// # let backend = Scripted::default().then_text("Hi!").then_text("42");
/// let model = GenerativeModel::new("gemini-flash-latest")
///     .request_options(RequestOptions::default().timeout(Duration::from_secs(60)))
///     .backend(backend);
/// let mut chat = model.start_chat();
/// // 60 s, the limit of the model.
/// chat.send_message("Hello").await?;
///
/// // An hour for one message, and no retries.
/// let patient = RequestOptions::default().timeout(Duration::from_secs(3_600)).without_retry();
/// chat.send_message("Prove it.").request_options(patient).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RequestOptions {
    /// Rules for retrying a failed request. Default: [`Retry::default`].
    pub retry: Option<Retry>,
    /// Deadline over all attempts and the waits between them, counted from the moment the request is first
    /// polled; [`Duration::MAX`] for none. Default: 600 s for replies in one piece, none for streams.
    pub timeout: Option<Duration>,
    /// Time limit for establishing a connection: name resolution, TCP, proxy and TLS handshake together.
    /// Default: 10 s.
    pub connect_timeout: Option<Duration>,
    /// Longest wait for an event of a stream. The wait for the first event begins with the attempt, so it includes the
    /// connection and the response headers. Bytes do not restart the time: a server that sends nothing but comments or
    /// keep-alives is timed out. Replies in one piece are limited by `timeout` instead. Default: 120 s.
    pub idle_timeout: Option<Duration>,
    /// Whether spans of `tracing` may contain prompts and replies. Default: no.
    pub trace_content: Option<bool>,
    pub(crate) on_retry: Option<RetryHook>,
}

/// Rules for retrying a failed request: exponential backoff with full jitter.
///
/// Only transient failures are retried: no connection, a connection that broke before the body of the response began,
/// and errors of the service with the codes 408, 429, 499, 500, 502, 503, 504, 520 to 524 and 529. The code is the one
/// of the response, or the one in an error inside a success response; an error without a code is treated as 500. A quota
/// that is not renewed soon is not retried, although its code is 429. Nothing is retried after the first chunk of a
/// reply was returned, or after `timeout` or `idle_timeout`: the service may still work on the request.
///
/// The wait before attempt *n* + 1 is a random time up to `initial` × 2ⁿ⁻¹, at most `maximum`. If the service asks for
/// a longer wait, in `Retry-After` or in the body, that wait applies.
///
/// All clones of a [`Remote`](crate::Remote) share a [retry budget](crate::remote::RemoteBuilder::retry_budget). While
/// nothing succeeds, it pays for 100 retries, so that a service that is down does not receive four times its load. A
/// retry after status 429 with a wait costs nothing.
///
/// With the defaults the random waits are at most 0.5, 1 and 2 s. A request that never succeeds fails after its fourth
/// attempt, and waits 1.75 s on average. No wait begins that would end after the deadline of the request.
///
/// ```
/// use std::time::Duration;
/// use generativeai::{RequestOptions, Retry};
///
/// let retry = Retry::default().max_attempts(6).maximum(Duration::from_secs(10));
/// let options = RequestOptions::default().retry(retry);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Retry {
    /// Maximum number of attempts, the first included. Default: 4.
    pub max_attempts: u32,
    /// Upper bound of the first wait. The bound doubles with each attempt. Default: 0.5 s.
    pub initial: Duration,
    /// Upper bound of every wait. Default: 32 s.
    pub maximum: Duration,
    /// Longest wait accepted from the service. If it asks for more, the request fails at once, and
    /// [`Error::retry_after`](crate::Error::retry_after) returns the requested wait. Default: 60 s.
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
    /// Sets the maximum number of attempts, the first included. 0 is treated as 1.
    #[must_use]
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// Sets the upper bound of the first wait. The bound doubles with each attempt.
    #[must_use]
    pub fn initial(mut self, wait: Duration) -> Self {
        self.initial = wait;
        self
    }

    /// Sets the upper bound of every wait.
    #[must_use]
    pub fn maximum(mut self, wait: Duration) -> Self {
        self.maximum = wait;
        self
    }

    /// Sets the longest wait accepted from the service. If it asks for more, the request fails at once.
    #[must_use]
    pub fn longest_retry_after(mut self, wait: Duration) -> Self {
        self.longest_retry_after = wait;
        self
    }
}

impl RequestOptions {
    /// Sets when and how often a failed request is retried.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Disables retries: one attempt only.
    ///
    /// Use it for requests that a user repeats by hand, and in tests that count requests.
    #[must_use]
    pub fn without_retry(self) -> Self {
        self.retry(Retry::default().max_attempts(1))
    }

    /// Sets the deadline over all attempts.
    ///
    /// A deadline suits a reply in one piece. For a stream prefer [`idle_timeout`](Self::idle_timeout), which does not
    /// end a long reply that keeps arriving.
    ///
    /// If a message needs an attachment whose file has expired, its upload is a part of the request, and has to end
    /// before the deadline. To upload the file without this deadline, await
    /// [`Remote::attach_file`](crate::Remote::attach_file) for it before the message is sent.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the time limit for establishing a connection.
    ///
    /// Pooled connections are not affected. A service behind a slow proxy may need more than the default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// Sets the longest wait for an event of a stream.
    ///
    /// The wait for the first event begins with the attempt, so it includes the connection and the response headers.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Sets whether spans of `tracing` may contain the system instruction, the contents and the reply. Default:
    /// no. They are recorded as messages of OpenTelemetry's conventions for generative AI, without media bytes.
    ///
    /// With the feature `tracing`, each request, token count and function call is a span of level `DEBUG` with the
    /// target `generativeai`. Its fields have the names of the conventions, so a subscriber that exports to
    /// OpenTelemetry needs no mapping:
    ///
    /// | Span | Fields, if known |
    /// | --- | --- |
    /// | `generate_content` | `gen_ai.request.*`, `gen_ai.response.*`, `gen_ai.usage.*`, `error.type` |
    /// | `count_tokens` | `gen_ai.request.model`, `gen_ai.usage.input_tokens`, `error.type` |
    /// | `execute_tool` | `gen_ai.tool.name`, `gen_ai.tool.call.id`, `error.type` |
    ///
    /// A failed attempt that is retried is an event within the span. Without a subscriber a request costs one check.
    #[must_use]
    pub fn trace_content(mut self, trace: bool) -> Self {
        self.trace_content = Some(trace);
        self
    }

    /// Sets a function that is called before each wait for a further attempt, with the attempt that failed.
    ///
    /// The function runs on the task that sends the request, so it should return quickly. It is not called
    /// after the last attempt, whose failure is the error of the request. Of functions set at several levels
    /// the nearest one is called.
    ///
    /// ```
    /// use generativeai::{Remote, RequestOptions};
    ///
    /// let options = RequestOptions::default().on_retry(|attempt| {
    ///     eprintln!(
    ///         "attempt {} failed ({}), next one in {:.1?}",
    ///         attempt.number, attempt.outcome, attempt.waited,
    ///     );
    /// });
    /// let remote = Remote::builder().api_key("not-a-real-key").request_options(options).build()?;
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    #[must_use]
    pub fn on_retry(mut self, hook: impl Fn(&Attempt) + Send + Sync + 'static) -> Self {
        self.on_retry = Some(RetryHook(Arc::new(hook)));
        self
    }

    /// Returns these options. Options that are not set come from `below`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use generativeai::RequestOptions;
    ///
    /// let message = RequestOptions::default().timeout(Duration::from_secs(5));
    /// let model = RequestOptions::default().timeout(Duration::from_secs(60)).without_retry();
    /// let options = message.or(&model);
    /// assert_eq!(options.timeout, Some(Duration::from_secs(5)));
    /// assert_eq!(options.retry.map(|retry| retry.max_attempts), Some(1));
    /// ```
    #[must_use]
    pub fn or(self, below: &Self) -> Self {
        Self {
            retry: self.retry.or_else(|| below.retry.clone()),
            timeout: self.timeout.or(below.timeout),
            connect_timeout: self.connect_timeout.or(below.connect_timeout),
            idle_timeout: self.idle_timeout.or(below.idle_timeout),
            trace_content: self.trace_content.or(below.trace_content),
            on_retry: self.on_retry.or_else(|| below.on_retry.clone()),
        }
    }
}

/// Time limit that several requests share. It starts when it is created.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// Starts a limit. `None` is no limit, as is a time beyond what `Instant` can express.
    pub(crate) fn start(limit: Option<Duration>) -> Self {
        Self(limit.and_then(|limit| Instant::now().checked_add(limit)))
    }

    /// Returns the time that is left, if there is a limit.
    pub(crate) fn remaining(self) -> Option<Duration> {
        let end = self.0?;
        Some(end.saturating_duration_since(Instant::now()))
    }

    /// Returns whether no time is left.
    pub(crate) fn is_over(self) -> bool {
        self.remaining()
            .is_some_and(|remaining| remaining.is_zero())
    }

    /// Returns the options of the next request: their timeout is the time that is left.
    ///
    /// # Errors
    /// [`Timeout`](ErrorKind::Timeout) if no time is left.
    pub(crate) fn apply_to(self, options: &RequestOptions) -> Result<RequestOptions> {
        let remaining = self.remaining();
        if remaining.is_some_and(|remaining| remaining.is_zero()) {
            let message = "the time limit was reached before the next request";
            return Err(Error::new(ErrorKind::Timeout, message));
        }
        let mut options = options.clone();
        options.timeout = remaining.or(options.timeout);
        Ok(options)
    }
}

/// Callback of [`RequestOptions::on_retry`].
///
/// Two hooks are equal if they are clones of one, since closures cannot be compared.
#[derive(Clone)]
pub(crate) struct RetryHook(pub(crate) Arc<dyn Fn(&Attempt) + Send + Sync>);

impl PartialEq for RetryHook {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for RetryHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_is_not_set_is_inherited() {
        let below = RequestOptions::default()
            .timeout(Duration::from_secs(1))
            .on_retry(|_| {})
            .without_retry();
        let above = RequestOptions::default().timeout(Duration::from_secs(2));

        let merged = above.or(&below);

        assert_eq!(merged.timeout, Some(Duration::from_secs(2)));
        assert_eq!(merged.on_retry, below.on_retry);
        assert_eq!(merged.retry.expect("inherited").max_attempts, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_share_the_time_of_a_deadline() {
        let options = RequestOptions::default().timeout(Duration::from_secs(3));
        let deadline = Deadline::start(options.timeout);
        tokio::time::advance(Duration::from_secs(1)).await;
        let next = deadline.apply_to(&options).expect("two seconds are left");
        assert_eq!(next.timeout, Some(Duration::from_secs(2)));

        tokio::time::advance(Duration::from_secs(2)).await;
        let error = deadline.apply_to(&options).expect_err("no time is left");
        assert_eq!(error.kind(), ErrorKind::Timeout);

        for unlimited in [None, Some(Duration::MAX)] {
            let next = Deadline::start(unlimited).apply_to(&options);
            assert_eq!(next.expect("no limit"), options);
        }
    }

    #[test]
    fn options_with_different_hooks_differ() {
        let options = || RequestOptions::default().on_retry(|_| {});
        let one = options();

        assert_eq!(one, one.clone());
        assert_ne!(one, options());
    }
}
