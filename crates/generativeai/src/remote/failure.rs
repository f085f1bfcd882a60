//! Failed attempts: converts error responses into errors, and decides which failures may be retried.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;

use super::profile::Profile;
use super::secret::Secret;
use crate::error::{Error, ErrorKind};
use crate::protocol::read_json;
use crate::protocol::status::Status;

/// Maximum number of characters of the service's message that an error's message quotes. The status has all of it.
const MAX_MESSAGE: usize = 1_000;

/// Maximum number of characters that a message quotes of a body that is not a response of the API.
const MAX_EXCERPT: usize = 200;

/// Number of bytes of such a body that are read for the excerpt.
const MAX_READ: usize = 4 << 10;

/// Advice for a file that does not exist, or no longer exists.
pub(super) const EXPIRED_FILE: &str = "files expire after 48 hours, and belong to the project of the key: to use the file, upload it again";

/// Reader of the errors of a service, with the secrets that they must not contain.
#[derive(Debug)]
pub(crate) struct ErrorReader {
    pub(crate) profile: &'static Profile,
    /// API keys and tokens.
    pub(crate) secrets: Vec<Secret>,
}

/// Error of a failed attempt, and whether it may be retried.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Narrower than [`Error::is_retryable`]: an automatic retry must not repeat work whose result has
    /// been returned in part, nor double the time of a request that timed out.
    pub(crate) is_retryable: bool,
}

impl From<Error> for Failure {
    /// Creates a failure that is not retried.
    fn from(error: Error) -> Self {
        Self {
            error,
            is_retryable: false,
        }
    }
}

impl Failure {
    /// Creates a failure that is retried.
    pub(super) fn retryable(error: Error) -> Self {
        Self {
            error,
            is_retryable: true,
        }
    }

    /// Reads a response with an error code. `retry_after` is the header of that name.
    pub(crate) fn refused(
        code: u16,
        body: &[u8],
        retry_after: Option<Duration>,
        errors: &ErrorReader,
    ) -> Self {
        let body = redacted(body, &errors.secrets);
        let error = match (errors.profile.read_error)(Some(code), &event_data(body.as_bytes())) {
            Some(error) => error,
            None => {
                let excerpt = match excerpt(body.as_bytes()).as_str() {
                    "" => "empty response".to_owned(),
                    text => text.to_owned(),
                };
                let kind = ErrorKind::from_http_code(code);
                Error::new(kind, format!("{code}: {excerpt}"))
            }
        };
        // The body may contain a wait as well: the longer one applies.
        let retry_after = retry_after.max(error.retry_after());
        Self::from_service(with_retry_after(error.with_http_code(code), retry_after))
    }

    /// Looks for an error in a response with a success code; `None` if this JSON is not an error.
    pub(crate) fn in_success(json: &[u8], errors: &ErrorReader) -> Option<Self> {
        let json = redacted(json, &errors.secrets);
        (errors.profile.read_error)(None, json.as_bytes()).map(Self::from_service)
    }

    /// Creates the failure for an error that the service reported, before anything of a reply was returned.
    fn from_service(error: Error) -> Self {
        Self {
            is_retryable: error.is_retryable(),
            error,
        }
    }
}

/// Returns the data of a body that is a server-sent event, and any other body unchanged. Gateways that expect a stream
/// send an error in this form, too.
fn event_data(body: &[u8]) -> Cow<'_, [u8]> {
    let body = body.trim_ascii_start();
    let fields = [&b"data:"[..], b"event:"];
    if !fields.iter().any(|field| body.starts_with(field)) {
        return body.into();
    }
    // The first event with data, which may have several lines. An empty line ends it.
    let lines = body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let lines = lines.skip_while(|line| !line.starts_with(b"data:"));
    let lines = lines.take_while(|line| !line.is_empty());
    let data: Vec<_> = lines
        .filter_map(|line| line.strip_prefix(b"data:"))
        .collect();
    data.join(&b'\n').into()
}

/// Reads the error in a body of the Gemini API.
pub(super) fn read_error(code: Option<u16>, json: &[u8]) -> Option<Error> {
    let status = status_in(json)?;
    // An error in a success response may have no code at all. As 500 it is retried.
    let code = code.or_else(|| status.http_code()).unwrap_or(500);
    let mut hint = None;
    let kind = match ErrorKind::from_http_code(code) {
        // A rate and a quota are both reported with 429, but a quota is not renewed within the waits of a retry.
        ErrorKind::RateLimited if status.is_quota_exhausted() => ErrorKind::Quota,
        // Servers answer 404 instead of 501 so that clients do not retry.
        ErrorKind::NotFound if status.status.as_deref() == Some("UNIMPLEMENTED") => {
            ErrorKind::Unsupported
        }
        // The service answers an invalid API key with 400.
        _ if is_about_api_key(&status) => ErrorKind::Authentication,
        kind @ (ErrorKind::Authentication | ErrorKind::Request) => {
            hint = missing_resource(&status);
            hint.map_or(kind, |_| ErrorKind::NotFound)
        }
        kind => kind,
    };
    Some(from_status(kind, hint, code, status))
}

/// Creates the error of a status that the service sent. `hint` is advice for the caller.
pub fn from_status(kind: ErrorKind, hint: Option<&str>, code: u16, status: Status) -> Error {
    let mut message = code.to_string();
    if let Some(name) = &status.status {
        message.push(' ');
        message.push_str(name);
    }
    if let Some(text) = status.message.as_deref().filter(|text| !text.is_empty()) {
        message.push_str(": ");
        message.push_str(&truncated(text, MAX_MESSAGE));
    }
    if let Some(hint) = hint {
        message.push_str("; ");
        message.push_str(hint);
    }
    let retry_after = status.retry_delay();
    with_retry_after(Error::new(kind, message).with_status(status), retry_after)
}

/// Returns advice if a status reports that a cache or a file no longer exists.
///
/// The service answers 400, or 403 because it does not distinguish a missing resource from a missing permission. So
/// only the words of the message identify the case.
fn missing_resource(status: &Status) -> Option<&'static str> {
    let message = status.message.as_deref()?.to_lowercase();
    let has_any = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if !has_any(&["not found", "not exist", "expired"]) {
        None
    } else if has_any(&["cachedcontent", "cached content", "cache content"]) {
        Some("caches expire, and belong to the project of the key: create the cache again")
    } else if has_any(&["access the file", "file with"]) || message.starts_with("file ") {
        Some(EXPIRED_FILE)
    } else {
        None
    }
}

/// Creates the error of a body that is not a response of the API: a login page, for example.
pub(super) fn foreign(body: &[u8], errors: &ErrorReader) -> Error {
    let excerpt = redacted_excerpt(body, errors);
    let name = errors.profile.name;
    let message = format!("the response is not one of {name}: {excerpt}");
    Error::new(ErrorKind::Decode, message)
}

/// Creates the error of a body that cannot be read as a response of the API. The cause may quote a string of the body.
pub(super) fn unreadable(body: &[u8], cause: serde_json::Error, errors: &ErrorReader) -> Error {
    let error = foreign(body, errors);
    let text = cause.to_string();
    match redacted(text.as_bytes(), &errors.secrets) {
        Cow::Borrowed(_) => error.with_source(cause),
        Cow::Owned(text) => error.with_source(text),
    }
}

/// Returns an [`excerpt`] without the keys that the body repeats.
pub(super) fn redacted_excerpt(body: &[u8], errors: &ErrorReader) -> String {
    excerpt(redacted(body, &errors.secrets).as_bytes())
}

/// Returns the beginning of a body as one line of text, without control characters, which a terminal would interpret.
/// Of an HTML page only the title is returned, and nothing of a page without one.
pub(crate) fn excerpt(body: &[u8]) -> String {
    // The cut keeps a body of many MiB from being converted.
    let text = String::from_utf8_lossy(&body[..body.len().min(MAX_READ)]);
    let line = match html_title(&text).map(one_line) {
        None => one_line(&text),
        Some(title) if title.is_empty() => "an HTML page without a title".to_owned(),
        Some(title) => format!("an HTML page, \"{title}\""),
    };
    truncated(&line, MAX_EXCERPT).into_owned()
}

/// Returns a text without line breaks and control characters.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|char: char| char.is_whitespace() || char.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

/// Returns the title of an HTML page, which is empty if the page has none. `None` for any other text.
fn html_title(text: &str) -> Option<&str> {
    // Names of elements are compared without case. ASCII conversion preserves the offsets.
    let lower = text.to_ascii_lowercase();
    let start = lower.trim_start();
    if !start.starts_with("<!doctype html") && !start.starts_with("<html") {
        return None;
    }
    let title = || {
        let tag = lower.find("<title")?;
        let start = tag + lower[tag..].find('>')? + 1;
        let end = start + lower[start..].find("</title")?;
        Some(&text[start..end])
    };
    Some(title().unwrap_or_default())
}

/// Returns a body as text without the keys that it repeats.
fn redacted<'body>(body: &'body [u8], secrets: &[Secret]) -> Cow<'body, str> {
    let text = String::from_utf8_lossy(body);
    secrets
        .iter()
        .fold(text, |text, secret| secret.redact(text))
}

fn with_retry_after(error: Error, wait: Option<Duration>) -> Error {
    match wait {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}

/// Reads the status in an error object, which may be wrapped in an array.
fn status_in(json: &[u8]) -> Option<Status> {
    let mut value: Value = read_json(json).ok()?;
    if let Value::Array(elements) = value {
        value = elements
            .into_iter()
            .find(|element| element.get("error").is_some())?;
    }
    let with_message = |message: String| Status {
        message: Some(message),
        ..Status::default()
    };
    let status: Status = match value.get_mut("error")?.take() {
        Value::Null => return None,
        Value::String(message) => with_message(message),
        // A status whose members have unexpected types is shown unchanged.
        error => serde_json::from_value(error.clone())
            .unwrap_or_else(|_| with_message(error.to_string())),
    };
    // Proxies quote the whole error of the service in their own message.
    let quoted = status.message.as_deref();
    let quoted = quoted.and_then(|message| status_in(message.as_bytes()));
    Some(quoted.unwrap_or(status))
}

/// Returns whether the service rejected the key: the reason is `API_KEY_INVALID`, `API_KEY_EXPIRED` and so on.
fn is_about_api_key(status: &Status) -> bool {
    status.details.iter().any(|detail| {
        let reason = detail.get("reason").and_then(Value::as_str);
        reason.is_some_and(|reason| reason.starts_with("API_KEY_"))
    })
}

/// Returns at most `max_chars` characters of the text, with `…` at the end if some are missing.
fn truncated(text: &str, max_chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max_chars) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

#[cfg(test)]
mod tests;
