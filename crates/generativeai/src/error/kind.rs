//! Kinds of errors, and the corresponding status codes of the Gemini API.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Category of an [`Error`](crate::Error), by what the caller can do about it.
///
/// `Display` prints the name in snake case (`rate_limited`), for logs and metrics. The names are stable.
///
/// ```
/// use std::time::Duration;
/// use generativeai::{Error, ErrorKind};
///
/// /// Returns advice for the user of a program.
/// fn advice(error: &Error) -> String {
///     match error.kind() {
///         ErrorKind::Authentication => "check the API key".to_owned(),
///         ErrorKind::RateLimited | ErrorKind::Unavailable => {
///             let wait = error.retry_after().unwrap_or(Duration::from_secs(30));
///             format!("retry in {wait:?}")
///         }
///         ErrorKind::Blocked => "rephrase the prompt".to_owned(),
///         other => format!("{other}: {error:#}"),
///     }
/// }
///
/// let busy = Error::new(ErrorKind::RateLimited, "429 RESOURCE_EXHAUSTED")
///     .with_retry_after(Duration::from_secs(3));
/// assert_eq!(advice(&busy), "retry in 3s");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client is set up incorrectly (no API key, an invalid address): correct the setting.
    Configuration,
    /// The request is invalid: change it. HTTP 400 and most other 4xx codes.
    /// Also for requests that are refused before they are sent, such as an empty message.
    Request,
    /// The API key is missing, invalid or not permitted to do this: use another. HTTP 401 and 403.
    Authentication,
    /// The model, cached content, file or session does not exist: check the name, or create it again. HTTP 404, and 403
    /// if the service does not distinguish an expired cache or file from a missing permission.
    NotFound,
    /// Too many requests: wait for [`retry_after`](crate::Error::retry_after), then retry. HTTP 429.
    RateLimited,
    /// A quota is used up, such as a daily one, or the credit of the account: raise it or wait for its renewal. A retry
    /// before that fails. HTTP 402, and 429 if the error names such a quota.
    Quota,
    /// The service failed, is overloaded or gave up the request: retry later. HTTP 5xx and 499.
    Unavailable,
    /// No response was received (no connection, DNS failure, connection reset): retry.
    /// If the connection broke, it is not known whether the service has processed the request.
    Unreachable,
    /// A time limit was reached before the response was complete: retry, or allow more time. HTTP 408 and
    /// 504, and the limits in [`RequestOptions`](crate::RequestOptions).
    Timeout,
    /// The reply ended early: its [beginning](crate::Error::response) is available, unless it was sent in one piece.
    /// In a conversation, [`retry`](crate::ChatSession::retry) asks again and
    /// [`keep_partial`](crate::ChatSession::keep_partial) keeps the beginning.
    Truncated,
    /// The prompt was blocked: the [response](crate::Error::response) contains the reason. Change the prompt.
    Blocked,
    /// The model stopped before the end of its reply (safety, recitation, a malformed
    /// function call): the [response](crate::Error::response) contains the reason.
    Stopped,
    /// The response contained no reply: ask again, or change the request.
    Empty,
    /// The reply does not match the requested type or schema: ask again, or change the schema. The reply is
    /// in the [response](crate::Error::response).
    Shape,
    /// The response is not one of the Gemini API: check the address. If the address is right, report a bug.
    Decode,
    /// The response exceeded a size limit of this client: raise the limit.
    /// See [`RemoteBuilder::response_limit`](crate::remote::RemoteBuilder::response_limit).
    Limit,
    /// A function that the model called failed, or the limit of rounds was reached, and the chat is set to fail in that
    /// case: see [`OnFailure`](crate::OnFailure) and [`OnRoundLimit`](crate::OnRoundLimit).
    Function,
    /// This backend does not support the operation: use another. HTTP 501, and 404 with the status `UNIMPLEMENTED`.
    Unsupported,
    /// Another writer modified the conversation: reload it or fork it.
    Conflict,
    /// Stored data cannot be read or written (a full disk, no database): fix the storage.
    Storage,
    /// Stored data is damaged: the message names it. Other data remains readable.
    Corrupt,
    /// Stored data was written by a newer version of this crate: update this program.
    TooNew,
}

impl ErrorKind {
    /// Returns the kind of an HTTP error code of the Gemini API.
    ///
    /// Several codes have the same kind, so [`http_code`](Self::http_code) does not always return the original code.
    ///
    /// ```
    /// use generativeai::ErrorKind;
    ///
    /// assert_eq!(ErrorKind::from_http_code(429), ErrorKind::RateLimited);
    /// assert_eq!(ErrorKind::from_http_code(502), ErrorKind::Unavailable);
    /// assert_eq!(ErrorKind::RateLimited.http_code(), 429);
    /// ```
    pub fn from_http_code(code: u16) -> Self {
        classify(code).0
    }

    /// Returns the HTTP code that a server of the Gemini API sends for an error of this kind; 500 for
    /// kinds that arise in clients only.
    pub fn http_code(self) -> u16 {
        match self {
            Self::Request => 400,
            Self::Authentication => 401,
            Self::NotFound => 404,
            Self::RateLimited | Self::Quota => 429,
            Self::Unsupported => 501,
            Self::Unavailable | Self::Unreachable => 503,
            Self::Timeout => 504,
            _ => 500,
        }
    }

    /// Returns whether an error of this kind may disappear without a change by the caller.
    pub(crate) fn is_transient(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::Unavailable
                | Self::Unreachable
                | Self::Timeout
                | Self::Truncated
        )
    }
}

/// Returns the kind of an HTTP error code, and whether a request that was answered with it may succeed when repeated.
///
/// An error is retryable if both its kind and its code are transient. [`Retry`](crate::Retry) lists the codes for
/// users.
const fn classify(code: u16) -> (ErrorKind, bool) {
    match code {
        401 | 403 => (ErrorKind::Authentication, false),
        // Payment required.
        402 => (ErrorKind::Quota, false),
        404 => (ErrorKind::NotFound, false),
        408 | 504 | 524 => (ErrorKind::Timeout, true),
        429 => (ErrorKind::RateLimited, true),
        // `CANCELLED`: the service gave up the request. A caller that had cancelled it would not read the response.
        499 => (ErrorKind::Unavailable, true),
        501 => (ErrorKind::Unsupported, false),
        400..=499 => (ErrorKind::Request, false),
        // Cloudflare, which is in front of many services, sends 520 to 524 if the service does not answer. 529 means
        // that the service is overloaded.
        500 | 502 | 503 | 520..=523 | 529 => (ErrorKind::Unavailable, true),
        // 505, 511 and so on report a condition that lasts.
        500..=599 => (ErrorKind::Unavailable, false),
        _ => (ErrorKind::Decode, false),
    }
}

/// Returns whether a request that was answered with this HTTP code may succeed when repeated.
pub(crate) fn is_transient_code(code: u16) -> bool {
    classify(code).1
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "configuration",
            Self::Request => "request",
            Self::Authentication => "authentication",
            Self::NotFound => "not_found",
            Self::RateLimited => "rate_limited",
            Self::Quota => "quota",
            Self::Unavailable => "unavailable",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Truncated => "truncated",
            Self::Blocked => "blocked",
            Self::Stopped => "stopped",
            Self::Empty => "empty",
            Self::Shape => "shape",
            Self::Decode => "decode",
            Self::Limit => "limit",
            Self::Function => "function",
            Self::Unsupported => "unsupported",
            Self::Conflict => "conflict",
            Self::Storage => "storage",
            Self::Corrupt => "corrupt",
            Self::TooNew => "too_new",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transient_code_has_a_transient_kind() {
        for code in 0..1_000 {
            let (kind, is_transient) = classify(code);
            assert!(kind.is_transient() || !is_transient, "{code}: {kind}");
        }
    }
}
