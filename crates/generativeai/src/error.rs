//! The one error of the library: its kind answers what the caller can do.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::protocol::response::GenerateContentResponse;
use crate::protocol::status::Status;

/// What fallible functions of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something did not work: a [kind](ErrorKind), a message, and whatever came that may help.
///
/// Nothing is lost with it: the [status](Self::status) the service sent, the
/// [reply as far as it came](Self::response), every [attempt](Self::attempts) that was made, and the
/// cause in [`source`](std::error::Error::source). API keys are never part of an error.
///
/// `Display` prints this error only, not its cause. To print the whole chain, walk `source`, or use
/// `{:#}` of the crate `anyhow`:
///
/// ```
/// use std::error::Error as _;
/// use generativeai::{Error, ErrorKind};
///
/// fn whole(error: &Error) -> String {
///     let mut text = error.to_string();
///     let mut cause = error.source();
///     while let Some(error) = cause {
///         text += &format!(": {error}");
///         cause = error.source();
///     }
///     text
/// }
///
/// let error = Error::new(ErrorKind::Unreachable, "no answer came").because("connection refused");
/// assert_eq!(error.to_string(), "no answer came");
/// assert_eq!(whole(&error), "no answer came: connection refused");
/// ```
///
/// A clone is cheap and shares everything.
///
/// ```
/// use generativeai::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Request, "a message needs at least one part");
/// assert_eq!(error.kind(), ErrorKind::Request);
/// assert_eq!(error.to_string(), "a message needs at least one part");
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    http_code: Option<u16>,
    status: Option<Status>,
    response: Option<GenerateContentResponse>,
    attempts: Vec<Attempt>,
    retry_after: Option<Duration>,
}

/// What the caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client is not set up right (no key, a bad address): mend the setting.
    Configuration,
    /// The request cannot be answered as it stands: change it.
    Request,
    /// The key is missing, wrong, or not allowed to do this: use another.
    Authentication,
    /// There is no such model, cache, file or session: name another.
    NotFound,
    /// Too many requests: wait [as long as the service asks](Error::retry_after), then try again.
    RateLimited,
    /// A quota is used up: raise it, or wait until it is renewed. Trying again soon is no use.
    Quota,
    /// The service failed: try again later.
    Unavailable,
    /// No answer came: try again.
    Unreachable,
    /// The time was up before the answer was whole: try again, or allow more time.
    Timeout,
    /// The reply broke off before its end; the [part that came](Error::response) is at hand.
    Truncated,
    /// The prompt was blocked: the [response](Error::response) says why. Change the prompt.
    Blocked,
    /// The model stopped for a reason that is no end: the [response](Error::response) has it.
    Stopped,
    /// The answer held no reply: try again, or change the request.
    Empty,
    /// The reply is not of the shape that was asked for: ask again, or for another; its text is in the
    /// [response](Error::response).
    Shape,
    /// The answer was not in the language of the Gemini API: report it here.
    Decode,
    /// The answer was larger than a limit of this client allows: raise the limit.
    Limit,
    /// A function the model called failed, and the chat was told to fail with it.
    Function,
    /// This backend cannot do that: use another.
    Unsupported,
    /// Somebody else went on with the conversation: load it anew, or fork it.
    Conflict,
    /// What is to be kept cannot be written or read (a full disk, no database): mend that.
    Storage,
    /// What is stored is damaged: the message names it. The rest can be read.
    Corrupt,
    /// What is stored was written by a newer version: update this one.
    TooNew,
}

/// One of the attempts that were made before an [`Error`] was given up to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attempt {
    /// What came of it.
    pub outcome: String,
    /// How long the attempt itself took.
    pub took: Duration,
    /// How long was waited after it, before the next; zero after the last.
    pub waited: Duration,
}

impl Attempt {
    /// Makes the record of one attempt.
    pub fn new(outcome: impl Into<String>, took: Duration, waited: Duration) -> Self {
        Self {
            outcome: outcome.into(),
            took,
            waited,
        }
    }
}

impl Error {
    /// Makes an error of a kind; the message is lower case, without a full stop, and names the thing.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            source: None,
            http_code: None,
            status: None,
            response: None,
            attempts: Vec::new(),
            retry_after: None,
        }))
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.with(|inner| inner.source = Some(Arc::from(source.into())))
    }

    /// Adds the status that the service sent.
    #[must_use]
    pub fn with_status(self, status: Status) -> Self {
        self.with(|inner| inner.status = Some(status))
    }

    /// Adds the code of the HTTP answer.
    #[must_use]
    pub fn with_http_code(self, code: u16) -> Self {
        self.with(|inner| inner.http_code = Some(code))
    }

    /// Adds the reply, as far as it came.
    #[must_use]
    pub fn with_response(self, response: GenerateContentResponse) -> Self {
        self.with(|inner| inner.response = Some(response))
    }

    /// Adds the attempts that were made, first to last.
    #[must_use]
    pub fn with_attempts(self, attempts: Vec<Attempt>) -> Self {
        self.with(|inner| inner.attempts = attempts)
    }

    /// Adds how long the service asks to wait.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        self.with(|inner| inner.retry_after = Some(wait))
    }

    /// Adds to the message what the service did not say.
    pub(crate) fn and_hint(self, hint: &str) -> Self {
        self.with(|inner| inner.message = format!("{}; {hint}", inner.message).into())
    }

    /// Says in front of the message what it is about.
    pub(crate) fn about(self, what: &str) -> Self {
        self.with(|inner| inner.message = format!("{what}: {}", inner.message).into())
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The status the service sent: code, name, message and details.
    pub fn status(&self) -> Option<&Status> {
        self.0.status.as_ref()
    }

    /// The code of the HTTP answer, if there was one. The code in [`status`](Self::status) may differ.
    pub fn http_code(&self) -> Option<u16> {
        self.0.http_code
    }

    /// The reply as far as it came: whole when the model stopped or blocked, in part when it broke off.
    pub fn response(&self) -> Option<&GenerateContentResponse> {
        self.0.response.as_ref()
    }

    /// The attempts that were made, first to last; empty when nothing was sent.
    pub fn attempts(&self) -> &[Attempt] {
        &self.0.attempts
    }

    /// How long the service asks to wait before the next attempt.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            kind,
            message,
            source,
            http_code,
            status,
            response,
            attempts,
            retry_after,
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
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_never_repeats_its_cause() {
        let error = Error::new(ErrorKind::Unreachable, "no answer came").because("refused");

        assert_eq!(error.to_string(), "no answer came");
        assert_eq!(error.source().expect("the cause").to_string(), "refused");
    }

    #[test]
    fn a_clone_shares_the_cause_and_can_still_be_added_to() {
        let error = Error::new(ErrorKind::Timeout, "no answer in 5 s").because("clock");

        let clone = error.clone().with_http_code(504);

        assert_eq!((error.http_code(), clone.http_code()), (None, Some(504)));
        assert_eq!(clone.source().expect("the cause").to_string(), "clock");
    }

    #[test]
    fn what_was_said_is_not_in_debug() {
        let error = Error::new(ErrorKind::Truncated, "cut").with_response(Default::default());

        assert!(!format!("{error:?}").contains("candidates"), "{error:?}");
    }
}
