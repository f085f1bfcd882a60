//! `multipart/related`: the properties of a file, then its bytes.
//!
//! The second part is read while it arrives (RFC 2046, section 5.1): it may be larger than the memory. Lines end with
//! CRLF, or with LF alone, as Google's older Python client sends them.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use futures_util::stream::try_unfold;
use futures_util::{Stream, StreamExt};
use memchr::memmem::{self, Finder};

use crate::body::check_encodings;
use crate::error::ApiError;

/// Maximum size of what precedes the bytes of the file: the headers of both parts, and the properties.
const MAX_HEAD: usize = 64 * 1024;

/// What precedes the bytes of the file.
pub(super) struct Head {
    pub(super) properties: Vec<u8>,
    pub(super) mime_type: Option<String>,
    /// Values of `Content-Encoding`.
    encodings: Vec<String>,
    /// Delimiter after the bytes: a line break, and the boundary after two dashes.
    delimiter: String,
    length: usize,
}

/// Reads a body up to the bytes of the file. Returns these as a stream.
///
/// # Errors
/// The content type has no boundary, the body does not have two parts, or the bytes are compressed.
pub(super) async fn read(
    headers: &HeaderMap,
    mut body: impl Stream<Item = Result<Bytes, ApiError>> + Send + Unpin,
) -> Result<(Head, impl Stream<Item = Result<Bytes, ApiError>> + Send), ApiError> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let boundary = content_type.and_then(boundary).ok_or_else(|| {
        ApiError::invalid("a multipart upload needs `Content-Type: multipart/related; boundary=…`")
    })?;
    // A delimiter includes the line break before it, which the first one lacks at the beginning of a body.
    let mut buffer = b"\n".to_vec();
    let head = loop {
        if let Some(head) = head(&buffer, boundary) {
            break head;
        }
        let next = body.next().await.transpose()?;
        let bytes = next.filter(|_| buffer.len() <= MAX_HEAD).ok_or_else(|| {
            invalid("it must have two parts: the properties of the file, and its bytes")
        })?;
        buffer.extend_from_slice(&bytes);
    };
    check_encodings(head.encodings.iter().map(String::as_bytes))?;
    buffer.drain(..head.length);
    let delimiter = Finder::new(&head.delimiter).into_owned();
    let bytes = try_unfold(
        (body, buffer, delimiter),
        async |(mut body, mut buffer, delimiter)| {
            loop {
                let end = match delimiter.find(&buffer) {
                    Some(0) => return Ok(None),
                    Some(at) => at,
                    // The end of the buffer may be the beginning of a delimiter. It stays until more bytes have
                    // arrived.
                    None => (buffer.len() + 1).saturating_sub(delimiter.needle().len()),
                };
                if end > 0 {
                    let rest = buffer.split_off(end);
                    return Ok(Some((buffer.into(), (body, rest, delimiter))));
                }
                let next = body.next().await.transpose()?;
                let bytes = next.ok_or_else(|| invalid("its last boundary is missing"))?;
                buffer.extend_from_slice(&bytes);
            }
        },
    );
    Ok((head, bytes))
}

/// Parses the beginning of a body, and ignores the text before the first boundary (RFC 2046, section 5.1.1). Returns
/// `None` if it is incomplete.
fn head(body: &[u8], boundary: &str) -> Option<Head> {
    let (_, rest) = split(body, &format!("\n--{boundary}"))?;
    // The rest of the boundary's line shows how lines end.
    let (line, _) = split(rest, "\n")?;
    let line_end = if line.ends_with(b"\r") { "\r\n" } else { "\n" };
    let delimiter = format!("{line_end}--{boundary}");
    // Headers end with an empty line. A part without headers has an empty line only.
    let empty_line = line_end.repeat(2);
    let (_, rest) = split(rest, &empty_line)?;
    let (properties, rest) = split(rest, &delimiter)?;
    let (headers, rest) = split(rest, &empty_line)?;
    let headers = String::from_utf8_lossy(headers);
    let values = |wanted: &'static str| {
        let headers = headers.lines().filter_map(|line| line.split_once(':'));
        let found = headers.filter(move |(name, _)| name.trim().eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.trim().to_owned())
    };
    Some(Head {
        properties: properties.to_vec(),
        mime_type: values("content-type").next(),
        encodings: values("content-encoding").collect(),
        delimiter,
        length: body.len() - rest.len(),
    })
}

/// Splits bytes at the first occurrence of a separator.
fn split<'a>(bytes: &'a [u8], separator: &str) -> Option<(&'a [u8], &'a [u8])> {
    let at = memmem::find(bytes, separator.as_bytes())?;
    Some((&bytes[..at], &bytes[at + separator.len()..]))
}

fn invalid(reason: &str) -> ApiError {
    ApiError::invalid(format!("the multipart upload is invalid: {reason}")).closing_connection()
}

/// Returns the boundary in a content type.
fn boundary(content_type: &str) -> Option<&str> {
    let parameters = content_type.split(';').skip(1);
    let mut parameters = parameters.filter_map(|parameter| parameter.trim().split_once('='));
    let (_, boundary) = parameters.find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    let boundary = boundary.trim_matches('"');
    (!boundary.is_empty()).then_some(boundary)
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;

    /// Reads a body that arrives in pieces of the given size: the properties, and type and bytes of the file.
    async fn read(body: &str, size: usize) -> Result<(String, Option<String>, String), u16> {
        let mut headers = HeaderMap::new();
        let content_type = "multipart/related; boundary=\"=1=\""
            .parse()
            .expect("a value");
        headers.insert(CONTENT_TYPE, content_type);
        let pieces: Vec<_> = body
            .as_bytes()
            .chunks(size)
            .map(Bytes::copy_from_slice)
            .map(Ok)
            .collect();
        let code = |error: ApiError| error.code();
        let read = super::read(&headers, futures_util::stream::iter(pieces)).await;
        let (head, bytes) = read.map_err(code)?;
        let bytes: Vec<Bytes> = bytes.try_collect().await.map_err(code)?;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Ok((text(head.properties), head.mime_type, text(bytes.concat())))
    }

    #[tokio::test]
    async fn parts_are_read_however_the_body_arrives() {
        let body = "ignored\r\n--=1=\r\nContent-Type: application/json\r\n\r\n{}\r\n--=1=  \r\n\
                    content-type:text/plain\r\nX-A: b\r\n\r\nline\r\n--=1\r\n--\r\n--=1=--\r\nignored";
        let expected = (
            "{}".to_owned(),
            Some("text/plain".to_owned()),
            "line\r\n--=1\r\n--".to_owned(),
        );
        for body in [body, body.trim_start_matches("ignored\r\n")] {
            for size in 1..=body.len() {
                assert_eq!(read(body, size).await.as_ref(), Ok(&expected), "{size}");
            }
        }
    }

    #[tokio::test]
    async fn lines_may_end_with_a_line_feed_alone() {
        let body = "--=1=\nContent-Type: application/json\n\n{}\n--=1=\nContent-Type: text/plain\n\n\
                    line\r\n--=1=--";
        let expected = (
            "{}".to_owned(),
            Some("text/plain".to_owned()),
            "line\r".to_owned(),
        );
        for size in 1..=body.len() {
            assert_eq!(read(body, size).await.as_ref(), Ok(&expected), "{size}");
        }
    }

    #[tokio::test]
    async fn incomplete_bodies_are_rejected() {
        let body = "--=1=\r\n\r\n{}\r\n--=1=\r\n\r\nbytes\r\n--=1=";
        assert!(read(body, 4).await.is_ok());
        for end in 0..body.len() {
            assert_eq!(read(&body[..end], 4).await, Err(400), "{end}");
        }
        assert_eq!(read("--=1=\r\n\r\n{}\r\n--=1=--\r\n", 4).await, Err(400));
    }

    #[tokio::test]
    async fn compressed_bytes_are_rejected() {
        for (encodings, expected) in [
            ("Content-Encoding: Identity", Ok(())),
            ("content-encoding:gzip", Err(415)),
            (
                "Content-Encoding: identity\r\nContent-Encoding: gzip",
                Err(415),
            ),
        ] {
            let body = format!("--=1=\r\n\r\n{{}}\r\n--=1=\r\n{encodings}\r\n\r\nbytes\r\n--=1=--");
            let read = read(&body, 4).await.map(|_| ());
            assert_eq!(read, expected, "{encodings}");
        }
    }

    #[test]
    fn boundaries_may_be_quoted() {
        for content_type in [
            "multipart/related; boundary=\"==1==\"",
            "multipart/related;boundary===1==",
            "multipart/related; type=a; Boundary=\"==1==\"; charset=b",
        ] {
            assert_eq!(boundary(content_type), Some("==1=="), "{content_type}");
        }
        assert_eq!(boundary("multipart/related"), None);
        assert_eq!(boundary("multipart/related; boundary="), None);
    }
}
