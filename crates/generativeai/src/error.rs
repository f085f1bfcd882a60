//! The error type of the crate: one opaque `Error`, whose kind determines what the caller can do.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::response::GenerateContentResponse;
use crate::protocol::status::Status;

mod kind;

pub use kind::ErrorKind;
use kind::is_transient_code;

/// Result of the fallible functions of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Error of any type. `String` and `&str` convert into it.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// Error of every fallible operation of this crate.
///
/// To decide what to do, match on the [`kind`](Self::kind) or call a predicate such as
/// [`is_retryable`](Self::is_retryable). To report the error, print it: the message describes what happened and, if the
/// reader can fix it, how.
///
/// The error contains everything that is known about the failure: the [status](Self::status) that the service sent, the
/// [reply received so far](Self::response), each [attempt](Self::attempts), and the [causes](Self::causes). It never
/// contains an API key.
///
/// `{}` prints the message alone, `{:#}` appends the causes, `{:?}` puts the kind in front of both, and `{:#?}` prints
/// everything but the reply. Cloning is cheap: clones share all data.
///
/// | Question | Answer |
/// | --- | --- |
/// | What can I do? | [`kind`](Self::kind) |
/// | Is another attempt worth it? | [`is_retryable`](Self::is_retryable), [`retry_after`](Self::retry_after) |
/// | Was it too slow? | [`is_timeout`](Self::is_timeout) |
/// | Is the message too long for the chat? | [`is_over_budget`](Self::is_over_budget) |
/// | What did the service report? | [`status`](Self::status), [`http_code`](Self::http_code) |
/// | Was a part of the reply received? | [`response`](Self::response) |
/// | How many attempts were made? | [`attempts`](Self::attempts) |
/// | Why did it happen? | [`causes`](Self::causes) |
///
/// ```
/// use generativeai::testing::Scripted;
/// use generativeai::{Error, ErrorKind, GenerativeModel};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let refused = Error::new(ErrorKind::Unreachable, "no connection to `example.com`")
///     .with_source("connection refused");
/// let model = GenerativeModel::new("m").backend(Scripted::default().then_error(&[], refused));
///
/// let error = model.generate_content("Hello").await.unwrap_err();
///
/// assert!(error.is_retryable());
/// assert_eq!(error.kind(), ErrorKind::Unreachable);
/// assert_eq!(format!("{error}"), "no connection to `example.com`");
/// assert_eq!(format!("{error:#}"), "no connection to `example.com`: connection refused");
/// # }
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

/// Data of an error. It is behind a pointer, so that a `Result` with an error stays small.
#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    http_code: Option<u16>,
    status: Option<Status>,
    response: Option<Arc<GenerateContentResponse>>,
    attempts: Vec<Attempt>,
    retry_after: Option<Duration>,
    is_over_budget: bool,
}

/// Record of one failed attempt at a request.
///
/// [`Error::attempts`] lists them once the request has failed permanently, and
/// [`RequestOptions::on_retry`](crate::RequestOptions::on_retry) reports each one before its retry.
///
/// ```
/// use generativeai::{Error, ErrorKind};
///
/// /// Lines for a log, one for each attempt.
/// fn report(error: &Error) -> Vec<String> {
///     let line = |attempt: &generativeai::Attempt| {
///         format!("attempt {} took {:.1?}: {}", attempt.number, attempt.took, attempt.outcome)
///     };
///     error.attempts().iter().map(line).collect()
/// }
///
/// assert!(report(&Error::new(ErrorKind::Configuration, "no API key")).is_empty());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attempt {
    /// Position among the attempts of the request, counted from 1.
    pub number: u32,
    /// Message of the error that ended the attempt, with its root cause.
    pub outcome: String,
    /// Duration of the attempt itself, without the wait after it.
    pub took: Duration,
    /// Wait between this attempt and the next; zero after the last one.
    pub waited: Duration,
}

impl Attempt {
    /// Creates the record of one attempt.
    pub fn new(number: u32, outcome: impl Into<String>, took: Duration, waited: Duration) -> Self {
        Self {
            number,
            outcome: outcome.into(),
            took,
            waited,
        }
    }
}

impl Error {
    /// Creates an error from a kind and a message.
    ///
    /// By convention a message is in lower case, has no full stop, and begins with the thing that failed.
    ///
    /// Backends and journals create errors. Chats and programs react to the kind, so choose the kind by what the caller
    /// can do, and add all details:
    ///
    /// ```
    /// use std::io;
    /// use generativeai::{Error, ErrorKind};
    ///
    /// fn unreachable(host: &str, cause: io::Error) -> Error {
    ///     Error::new(ErrorKind::Unreachable, format!("no connection to `{host}`"))
    ///         .with_source(cause)
    ///         .with_hint("check the proxy")
    /// }
    ///
    /// let error = unreachable("example.com", io::Error::from(io::ErrorKind::ConnectionRefused));
    /// assert_eq!(format!("{error:#}"), "no connection to `example.com`; check the proxy: connection refused");
    /// ```
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self::of(kind, message.into())
    }

    // Keeps the code of errors away from the code that runs in each turn.
    #[cold]
    fn of(kind: ErrorKind, message: Cow<'static, str>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message,
            source: None,
            http_code: None,
            status: None,
            response: None,
            attempts: Vec::new(),
            retry_after: None,
            is_over_budget: false,
        }))
    }

    /// Sets the cause, which [`source`](StdError::source) returns. The message should not repeat it.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.with(|inner| inner.source = Some(Arc::from(source.into())))
    }

    /// Sets the status that the service sent.
    #[must_use]
    pub fn with_status(self, status: Status) -> Self {
        self.with(|inner| inner.status = Some(status))
    }

    /// Sets the HTTP status code of the response.
    #[must_use]
    pub fn with_http_code(self, code: u16) -> Self {
        self.with(|inner| inner.http_code = Some(code))
    }

    /// Sets the reply received so far.
    ///
    /// Backends rarely need it: a conversation and a stream add the part that they have received.
    #[must_use]
    pub fn with_response(self, response: impl Into<Arc<GenerateContentResponse>>) -> Self {
        self.with(|inner| inner.response = Some(response.into()))
    }

    /// Sets the attempts, in order.
    #[must_use]
    pub fn with_attempts(self, attempts: Vec<Attempt>) -> Self {
        self.with(|inner| inner.attempts = attempts)
    }

    /// Sets the wait that the service asks for before the next attempt.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        self.with(|inner| inner.retry_after = Some(wait))
    }

    /// Appends advice to the message: `message; hint`.
    ///
    /// ```
    /// use generativeai::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Request, "the file has 80 MB").with_hint("upload it first");
    /// assert_eq!(error.to_string(), "the file has 80 MB; upload it first");
    /// let error = error.with_context("message 3");
    /// assert_eq!(error.to_string(), "message 3: the file has 80 MB; upload it first");
    /// ```
    #[must_use]
    pub fn with_hint(self, hint: impl fmt::Display) -> Self {
        self.with(|inner| inner.message = format!("{}; {hint}", inner.message).into())
    }

    /// Puts a context in front of the message: `context: message`.
    #[must_use]
    pub fn with_context(self, context: impl fmt::Display) -> Self {
        self.with(|inner| inner.message = format!("{context}: {}", inner.message).into())
    }

    /// Returns the kind. It determines how the caller can react.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns whether another attempt at the same request may succeed.
    ///
    /// True for transient conditions: too many requests, a failing service, no connection, a timeout, a reply that was
    /// cut off. False if the request, the key, the quota or the settings have to change first, or if the model returned
    /// an unsuitable reply.
    ///
    /// [`Remote`](crate::Remote) has already retried where that was safe; [`attempts`](Self::attempts) lists
    /// those attempts. Wait for [`retry_after`](Self::retry_after) before another attempt.
    ///
    /// ```
    /// use std::time::Duration;
    /// use generativeai::{Error, ErrorKind};
    ///
    /// /// Returns how long to wait before the whole message is sent again.
    /// fn wait(error: &Error) -> Option<Duration> {
    ///     let wait = error.retry_after().unwrap_or(Duration::from_secs(30));
    ///     error.is_retryable().then_some(wait)
    /// }
    ///
    /// assert!(wait(&Error::new(ErrorKind::Unavailable, "overloaded")).is_some());
    /// assert!(wait(&Error::new(ErrorKind::Quota, "no requests left today")).is_none());
    /// ```
    pub fn is_retryable(&self) -> bool {
        // A kind has several codes, and some of them are permanent: 505 is `Unavailable`, as 503 is.
        let code = self.http_code().or_else(|| self.status()?.http_code());
        self.kind().is_transient() && code.is_none_or(is_transient_code)
    }

    /// Returns whether a time limit was reached: of the request, of the service, or of a connection attempt.
    ///
    /// ```
    /// use std::io;
    /// use generativeai::{Error, ErrorKind};
    ///
    /// // A connection attempt that took too long has the kind of any missing connection.
    /// let slow = Error::new(ErrorKind::Unreachable, "no connection to `example.com`")
    ///     .with_source(io::Error::from(io::ErrorKind::TimedOut));
    /// assert!(slow.is_timeout());
    /// assert!(!Error::new(ErrorKind::Unreachable, "no connection").is_timeout());
    /// ```
    pub fn is_timeout(&self) -> bool {
        let is_timed_out = |cause: &(dyn StdError + 'static)| {
            let io = cause.downcast_ref::<io::Error>();
            let own = cause.downcast_ref::<Self>();
            io.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
                || own.is_some_and(|error| error.kind() == ErrorKind::Timeout)
        };
        self.kind() == ErrorKind::Timeout || self.causes().any(is_timed_out)
    }

    /// Marks the error as that of a message that exceeds the context budget.
    pub(crate) fn over_budget(self) -> Self {
        self.with(|inner| inner.is_over_budget = true)
    }

    /// Returns whether a message exceeds the [context budget](crate::ChatSession::context_budget) of its conversation:
    /// raise the budget, or shorten the message.
    ///
    /// ```
    /// use generativeai::{Compaction, GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let model = GenerativeModel::new("m").backend(Scripted::always("Hello!"));
    /// let mut chat = model.start_chat().context_budget(1, Compaction::Drop);
    ///
    /// let error = chat.send_message("This message exceeds the budget").await.unwrap_err();
    /// assert!(error.is_over_budget());
    /// # }
    /// ```
    pub fn is_over_budget(&self) -> bool {
        self.0.is_over_budget
    }

    /// Returns the status that the service sent: code, name, message and details.
    ///
    /// ```
    /// use generativeai::{Error, ErrorKind, protocol::status::Status};
    ///
    /// let mut status = Status::default();
    /// status.status = Some("RESOURCE_EXHAUSTED".into());
    /// let error = Error::new(ErrorKind::Quota, "the daily quota is used up").with_status(status);
    ///
    /// let name = error.status().and_then(|status| status.status.as_deref());
    /// assert_eq!(name, Some("RESOURCE_EXHAUSTED"));
    /// assert_eq!(error.status().unwrap().quota_violations().count(), 0);
    /// ```
    pub fn status(&self) -> Option<&Status> {
        self.0.status.as_ref()
    }

    /// Returns the HTTP status code, if the service responded. The code in [`status`](Self::status) may
    /// differ from it.
    pub fn http_code(&self) -> Option<u16> {
        self.0.http_code
    }

    /// Returns the reply received before the error: complete if the model stopped or the prompt was blocked,
    /// partial if the connection broke.
    ///
    /// ```
    /// use generativeai::{GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let model = GenerativeModel::new("m").backend(Scripted::default().then_fail(&["1,345 "]));
    /// let mut chat = model.start_chat();
    ///
    /// let error = chat.send_message("How tall is Ben Nevis?").stream().finish().await.unwrap_err();
    /// assert_eq!(error.response().unwrap().to_string(), "1,345 ");
    /// # }
    /// ```
    pub fn response(&self) -> Option<&GenerateContentResponse> {
        self.0.response.as_deref()
    }

    /// Returns the attempts, in order; empty if nothing was sent.
    ///
    /// Attempts belong to one request: a turn with function calls makes several requests, and the error has the
    /// attempts of the one that failed.
    pub fn attempts(&self) -> &[Attempt] {
        &self.0.attempts
    }

    /// Returns the wait that the service asks for before the next attempt.
    ///
    /// It comes from the header `Retry-After` or from the body
    /// ([`Status::retry_delay`](crate::protocol::status::Status::retry_delay)), whichever is longer. `None` if the service
    /// sent neither.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the causes, from the direct one ([`source`](StdError::source)) to the root.
    ///
    /// ```
    /// use generativeai::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Unreachable, "no connection")
    ///     .with_source(Error::new(ErrorKind::Unreachable, "handshake failed").with_source("reset"));
    ///
    /// let causes: Vec<String> = error.causes().map(ToString::to_string).collect();
    /// assert_eq!(causes, ["handshake failed", "reset"]);
    /// ```
    pub fn causes(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        causes(self)
    }

    /// Returns the messages of the causes, joined by colons, if there are any.
    pub(crate) fn joined_causes(&self) -> Option<String> {
        let messages: Vec<String> = self.causes().map(ToString::to_string).collect();
        (!messages.is_empty()).then(|| messages.join(": "))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

/// Returns the causes of any error, from the direct one to the root.
pub(crate) fn causes<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if f.alternate() {
            for cause in self.causes() {
                write!(f, ": {cause}")?;
            }
        }
        Ok(())
    }
}

/// Writes the kind, the message and the causes, since `unwrap` prints an error in this form, and so does a `main` that
/// returns one. `{:#?}` writes everything but the reply.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return write!(f, "{:?}: {self:#}", self.kind());
        }
        let Inner {
            kind,
            message,
            source,
            http_code,
            status,
            response,
            attempts,
            retry_after,
            is_over_budget: _,
        } = &*self.0;
        let mut debug = f.debug_struct("Error");
        debug.field("kind", kind).field("message", message);
        if let Some(source) = source {
            debug.field("source", source);
        }
        if let Some(code) = http_code {
            debug.field("http_code", code);
        }
        if let Some(status) = status {
            debug.field("status", status);
        }
        // The reply is part of the conversation, which does not belong in a log.
        if response.is_some() {
            debug.field("response", &"…");
        }
        if !attempts.is_empty() {
            debug.field("attempts", attempts);
        }
        if let Some(wait) = retry_after {
            debug.field("retry_after", wait);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.0.source.as_deref()?)
    }
}

#[cfg(test)]
mod tests;
