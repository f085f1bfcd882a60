//! `multipart/related`: the properties of a file, then its bytes.
//!
//! The parts are read while they arrive (RFC 2046, section 5.1): the second one may be larger than the memory. Lines
//! end with CRLF, or with LF alone, as Google's older Python client sends them.

use std::pin::Pin;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use futures_util::{Stream, StreamExt};
use memchr::memmem::Finder;

use crate::error::ApiError;

/// Maximum size of the headers of a part, and of the properties.
const MAX_TEXT: usize = 64 * 1024;

/// The parts of a body.
pub(super) struct Parts<'a> {
    body: Pin<Box<dyn Stream<Item = Result<Bytes, ApiError>> + Send + 'a>>,
    /// Delimiter between two parts: a line break, and the boundary after two dashes.
    delimiter: Finder<'static>,
    /// End of a line.
    line_end: &'static str,
    /// Bytes that have arrived and were not returned.
    buffer: Vec<u8>,
}

impl<'a> Parts<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// The content type has no boundary.
    pub(super) fn new(
        headers: &HeaderMap,
        body: impl Stream<Item = Result<Bytes, ApiError>> + Send + 'a,
    ) -> Result<Self, ApiError> {
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let boundary = content_type.and_then(boundary).ok_or_else(|| {
            ApiError::invalid(
                "a multipart upload needs `Content-Type: multipart/related; boundary=…`",
            )
        })?;
        Ok(Self {
            body: Box::pin(body),
            delimiter: Finder::new(&format!("\r\n--{boundary}")).into_owned(),
            line_end: "\r\n",
            // A delimiter includes the line break before it, which the first one lacks at the beginning of a body.
            buffer: b"\r\n".to_vec(),
        })
    }

    /// Reads the part with the properties.
    pub(super) async fn properties(&mut self) -> Result<Vec<u8>, ApiError> {
        // Skips the preamble: text before the first boundary, which readers ignore (RFC 2046, section 5.1.1).
        while self.chunk().await?.is_some() {}
        self.headers().await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_TEXT {
                return Err(invalid("the first part must be the properties of the file"));
            }
        }
        Ok(bytes)
    }

    /// Returns the part with the bytes, which follows: its media type, and a stream.
    pub(super) async fn media(
        mut self,
    ) -> Result<
        (
            Option<String>,
            impl Stream<Item = Result<Bytes, ApiError>> + Send + 'a,
        ),
        ApiError,
    > {
        let headers = self.headers().await?;
        let mut lines = headers.lines().filter_map(|line| line.split_once(':'));
        let content_type = lines.find(|(name, _)| name.trim().eq_ignore_ascii_case("content-type"));
        let mime_type = content_type.map(|(_, value)| value.trim().to_owned());
        let bytes = futures_util::stream::unfold(self, |mut parts| async {
            let chunk = parts.chunk().await.transpose()?;
            Some((chunk, parts))
        });
        Ok((mime_type, bytes))
    }

    /// Reads the headers of a part, which follow a delimiter.
    async fn headers(&mut self) -> Result<String, ApiError> {
        loop {
            if self.buffer.starts_with(b"--") {
                return Err(invalid(
                    "it must have two parts: the properties of the file, and its bytes",
                ));
            }
            self.find_line_end();
            // A part without headers has an empty line only.
            let empty_line = self.line_end.repeat(2);
            if let Some(end) = memchr::memmem::find(&self.buffer, empty_line.as_bytes()) {
                let headers = self.buffer.drain(..end + empty_line.len()).collect();
                return String::from_utf8(headers)
                    .map_err(|_| invalid("its headers are not UTF-8"));
            }
            if self.buffer.len() > MAX_TEXT || !self.fill().await? {
                return Err(invalid("the headers of a part have no end"));
            }
        }
    }

    /// Detects the line ending from the first line, which is the rest of a delimiter.
    fn find_line_end(&mut self) {
        let Some(at) = memchr::memchr(b'\n', &self.buffer) else {
            return;
        };
        let has_return = self.buffer[..at].ends_with(b"\r");
        if !has_return && self.line_end != "\n" {
            self.line_end = "\n";
            let shorter = self.delimiter.needle()[1..].to_vec();
            self.delimiter = Finder::new(&shorter).into_owned();
        }
    }

    /// Returns the next bytes of a part. At its end, consumes the delimiter and returns `None`.
    async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        loop {
            let length = self.delimiter.needle().len();
            let end = match self.delimiter.find(&self.buffer) {
                Some(0) => {
                    self.buffer.drain(..length);
                    return Ok(None);
                }
                Some(at) => at,
                // The end of the buffer may be the beginning of a delimiter. It stays until more bytes have arrived.
                None => (self.buffer.len() + 1).saturating_sub(length),
            };
            if end > 0 {
                return Ok(Some(self.buffer.drain(..end).collect::<Vec<_>>().into()));
            }
            if !self.fill().await? {
                return Err(invalid("its last boundary is missing"));
            }
        }
    }

    /// Waits for more bytes. Returns `false` at the end of the body.
    async fn fill(&mut self) -> Result<bool, ApiError> {
        match self.body.next().await.transpose()? {
            Some(bytes) => self.buffer.extend_from_slice(&bytes),
            None => return Ok(false),
        }
        Ok(true)
    }
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
        let mut parts = Parts::new(&headers, futures_util::stream::iter(pieces)).map_err(code)?;
        let properties = parts.properties().await.map_err(code)?;
        let (mime_type, bytes) = parts.media().await.map_err(code)?;
        let bytes: Vec<Bytes> = bytes.try_collect().await.map_err(code)?;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Ok((text(properties), mime_type, text(bytes.concat())))
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
