//! Operation of a request to the upload path. Pure functions over headers and query.
//!
//! Clients use two forms of resumable uploads: one with the headers `X-Goog-Upload-…`, and the older one of
//! `uploadType=resumable`, with `Content-Range` and the code 308. Both also have uploads in one request: the bytes
//! alone, or `multipart/related` with the properties in front.

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};

use crate::error::ApiError;
use crate::query::Query;

/// Request to the upload path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UploadCall {
    /// Starts a resumable upload. The body has the properties of the file.
    Start(Dialect),
    /// Continues, asks about or cancels the resumable upload with this id.
    Continue(String, Dialect, Step),
    /// Uploads the body.
    Raw,
    /// Uploads the second part of the body. The first has the properties of the file.
    Multipart,
}

/// Dialect of resumable uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Headers `X-Goog-Upload-…`.
    Headers,
    /// `Content-Range`.
    Ranges,
}

/// Request within a resumable upload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Asks how many bytes were received.
    Query,
    /// Discards the upload.
    Cancel,
    /// The body has bytes from this offset on.
    Send {
        offset: Option<u64>,
        /// Whether they are the last ones.
        finalize: bool,
    },
}

/// Finds the operation of a request.
///
/// # Errors
/// 400: the protocol or the command is unknown, or a header is missing.
pub(super) fn parse(headers: &HeaderMap, query: &Query) -> Result<UploadCall, ApiError> {
    let command = header(headers, "x-goog-upload-command");
    if let Some(id) = &query.upload_id {
        let (dialect, step) = match command {
            Some(command) => (Dialect::Headers, step(command, headers)?),
            None => (Dialect::Ranges, range(headers)?),
        };
        return Ok(UploadCall::Continue(id.clone(), dialect, step));
    }
    let protocol = header(headers, "x-goog-upload-protocol").or(query.upload_protocol.as_deref());
    match protocol.unwrap_or_default() {
        "resumable" => match command {
            None => Ok(UploadCall::Start(Dialect::Ranges)),
            Some("start") => Ok(UploadCall::Start(Dialect::Headers)),
            Some(command) => Err(ApiError::invalid(format!(
                "`X-Goog-Upload-Command: {command}` needs the URL of an upload: use the URL in the response to `start`"
            ))),
        },
        "raw" | "media" => Ok(UploadCall::Raw),
        "multipart" => Ok(UploadCall::Multipart),
        other => Err(ApiError::invalid(format!(
            "unknown upload protocol `{other}`: set `X-Goog-Upload-Protocol` to `resumable`, `multipart` or `raw`"
        ))),
    }
}

/// Returns the media type and the length of the file that a start announces.
pub(super) fn announced(
    dialect: Dialect,
    headers: &HeaderMap,
) -> Result<(Option<&str>, Option<u64>), ApiError> {
    let (content_type, length) = match dialect {
        Dialect::Headers => (
            "x-goog-upload-header-content-type",
            "x-goog-upload-header-content-length",
        ),
        Dialect::Ranges => ("x-upload-content-type", "x-upload-content-length"),
    };
    Ok((header(headers, content_type), number(headers, length)?))
}

/// Returns the media type and the length of a body.
pub(super) fn body(headers: &HeaderMap) -> Result<(Option<&str>, Option<u64>), ApiError> {
    let length = number(headers, CONTENT_LENGTH.as_str())?;
    Ok((header(headers, CONTENT_TYPE.as_str()), length))
}

/// Reads a command of the dialect with headers.
fn step(command: &str, headers: &HeaderMap) -> Result<Step, ApiError> {
    let offset = number(headers, "x-goog-upload-offset")?;
    let words: Vec<&str> = command.split(',').map(str::trim).collect();
    match words[..] {
        ["query"] => Ok(Step::Query),
        ["cancel"] => Ok(Step::Cancel),
        ["upload"] | ["upload", "finalize"] if offset.is_none() => Err(ApiError::invalid(
            "the header `X-Goog-Upload-Offset` is missing",
        )),
        ["upload" | "finalize"] | ["upload", "finalize"] => Ok(Step::Send {
            offset,
            finalize: words.contains(&"finalize"),
        }),
        _ => Err(ApiError::invalid(format!(
            "unknown `X-Goog-Upload-Command: {command}`: use `upload`, `upload, finalize`, `query` or `cancel`"
        ))),
    }
}

/// Reads `Content-Range`: `bytes 0-9/30`, `bytes 0-9/*`, or `bytes */30` for a query. Without the header the body is
/// the whole file.
fn range(headers: &HeaderMap) -> Result<Step, ApiError> {
    let Some(range) = header(headers, CONTENT_RANGE.as_str()) else {
        return Ok(Step::Send {
            offset: Some(0),
            finalize: true,
        });
    };
    let invalid = || ApiError::invalid(format!("invalid `Content-Range: {range}`"));
    let spec = range.strip_prefix("bytes ").ok_or_else(invalid)?;
    let (bytes, total) = spec.split_once('/').ok_or_else(invalid)?;
    if bytes == "*" {
        return Ok(Step::Query);
    }
    let (first, last) = bytes.split_once('-').ok_or_else(invalid)?;
    let first: u64 = first.parse().map_err(|_| invalid())?;
    let last: u64 = last.parse().map_err(|_| invalid())?;
    let finalize = match total {
        "*" => false,
        total => total
            .parse()
            .map_err(|_| invalid())
            .map(|total: u64| last.checked_add(1) == Some(total))?,
    };
    Ok(Step::Send {
        offset: Some(first),
        finalize,
    })
}

fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let number = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let number = number.ok_or_else(|| ApiError::invalid(format!("`{name}` must be a number")));
    number.map(Some)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parsed(query: &str, headers: &[(&str, &str)]) -> Result<UploadCall, u16> {
        let request = headers
            .iter()
            .fold(Request::get("/"), |request, &(name, value)| {
                request.header(name, value)
            });
        let request = request.body(()).expect("a request");
        let query = Query::parse(query);
        parse(request.headers(), &query).map_err(|error| error.code())
    }

    fn send(offset: u64, finalize: bool) -> Step {
        Step::Send {
            offset: Some(offset),
            finalize,
        }
    }

    fn continued(dialect: Dialect, step: Step) -> UploadCall {
        UploadCall::Continue("a".to_owned(), dialect, step)
    }

    #[test]
    fn both_dialects_start_and_continue_uploads() {
        let resumable = ("x-goog-upload-protocol", "resumable");
        let command = |command| ("x-goog-upload-command", command);
        let offset = ("x-goog-upload-offset", "5");
        for (query, headers, expected) in [
            (
                "",
                &[resumable, command("start")][..],
                UploadCall::Start(Dialect::Headers),
            ),
            (
                "uploadType=resumable",
                &[],
                UploadCall::Start(Dialect::Ranges),
            ),
            ("uploadType=media", &[], UploadCall::Raw),
            ("upload_protocol=raw", &[], UploadCall::Raw),
            (
                "",
                &[("x-goog-upload-protocol", "multipart")],
                UploadCall::Multipart,
            ),
            (
                "upload_id=a",
                &[command("upload, finalize"), offset],
                continued(Dialect::Headers, send(5, true)),
            ),
            (
                "upload_id=a",
                &[command("upload"), offset],
                continued(Dialect::Headers, send(5, false)),
            ),
            (
                "upload_id=a",
                &[command("query")],
                continued(Dialect::Headers, Step::Query),
            ),
            (
                "upload_id=a",
                &[("content-range", "bytes 5-9/10")],
                continued(Dialect::Ranges, send(5, true)),
            ),
            (
                "upload_id=a",
                &[("content-range", "bytes 0-4/10")],
                continued(Dialect::Ranges, send(0, false)),
            ),
            (
                "upload_id=a",
                &[("content-range", "bytes */10")],
                continued(Dialect::Ranges, Step::Query),
            ),
            (
                "upload_id=a",
                &[],
                continued(Dialect::Ranges, send(0, true)),
            ),
        ] {
            assert_eq!(parsed(query, headers), Ok(expected), "{query} {headers:?}");
        }
    }

    #[test]
    fn unknown_protocols_commands_and_ranges_are_rejected() {
        for (query, headers) in [
            ("", &[][..]),
            ("uploadType=carrier-pigeon", &[]),
            (
                "",
                &[
                    ("x-goog-upload-protocol", "resumable"),
                    ("x-goog-upload-command", "upload"),
                ],
            ),
            ("upload_id=a", &[("x-goog-upload-command", "upload")]),
            ("upload_id=a", &[("x-goog-upload-command", "dance")]),
            (
                "upload_id=a",
                &[
                    ("x-goog-upload-command", "upload"),
                    ("x-goog-upload-offset", "-1"),
                ],
            ),
            ("upload_id=a", &[("content-range", "bytes 5/10")]),
            ("upload_id=a", &[("content-range", "lines 5-9/10")]),
        ] {
            assert_eq!(parsed(query, headers), Err(400), "{query} {headers:?}");
        }
    }
}
