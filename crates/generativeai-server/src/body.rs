//! Reading request bodies within limits of size, time, and memory shared by all requests.
//!
//! The memory limit keeps many large requests from exhausting the machine, although each is below the
//! size limit. A request reserves memory while its body arrives, and once more for the parsed JSON when
//! it is complete. The reservation is returned with the response.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use axum::http::header::{CONTENT_ENCODING, EXPECT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use futures_util::stream::Fuse;
use futures_util::{Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::ApiError;

/// Time for which the rest of a rejected body is read and discarded. Closing at once would reset the connection, and
/// the client might lose the response with the reason.
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// Upper estimate of the average memory of one parsed JSON value, in bytes.
///
/// Many small values take far more memory than their text: `{},` is 3 bytes on the wire. So the limit
/// counts the values of a body as well as its bytes.
const BYTES_PER_VALUE: usize = 256;

/// Reads request bodies within limits.
pub(crate) struct BodyReader {
    /// Maximum size of one body.
    pub(crate) max_bytes: usize,
    /// Time for one body, or for the next bytes of an upload, to arrive.
    pub(crate) timeout: Duration,
    /// One permit per byte.
    memory: Arc<Semaphore>,
    /// Number of permits, free or not.
    total_memory: usize,
}

/// Body of a request, as a stream of the bytes that have not been read.
#[derive(Debug)]
pub(crate) struct IncomingBody {
    bytes: Fuse<BodyDataStream>,
    /// Whether the client waits for `100 Continue`, which hyper sends when the body is read for the first time.
    is_held_back: bool,
}

impl IncomingBody {
    /// Wraps the body of a request with these headers.
    pub(crate) fn new(headers: &HeaderMap, body: Body) -> Self {
        Self {
            bytes: body.into_data_stream().fuse(),
            is_held_back: headers.contains_key(EXPECT),
        }
    }
}

impl Stream for IncomingBody {
    type Item = Result<Bytes, ApiError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.is_held_back = false;
        let next = self.bytes.poll_next_unpin(cx);
        next.map_err(|_| {
            let message = "the connection broke before the request body was complete";
            ApiError::invalid(message).closing_connection()
        })
    }
}

/// Checks that a body is not compressed.
///
/// # Errors
/// 415: it is.
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    let encodings = headers.get_all(CONTENT_ENCODING);
    check_encodings(encodings.into_iter().map(HeaderValue::as_bytes))
}

/// Checks the values of `Content-Encoding`.
///
/// # Errors
/// 415: one is a compression.
pub(crate) fn check_encodings<'a>(
    mut encodings: impl Iterator<Item = &'a [u8]>,
) -> Result<(), ApiError> {
    if encodings.all(|encoding| encoding.eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let message =
        "compressed request bodies are not supported: send the body without `Content-Encoding`";
    let error = ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    Err(error.closing_connection())
}

/// A complete request body.
#[derive(Debug)]
pub(crate) struct RequestBody {
    /// Text of the request.
    pub(crate) bytes: Vec<u8>,
    /// Memory reserved for the parsed request. Dropping it returns the memory.
    pub(crate) memory: OwnedSemaphorePermit,
}

impl BodyReader {
    /// Creates a reader: `max_bytes` and `timeout` limit each body, `memory` limits all requests
    /// together, in bytes.
    pub(crate) fn new(max_bytes: usize, timeout: Duration, memory: usize) -> Self {
        let total_memory = memory.min(Semaphore::MAX_PERMITS);
        Self {
            max_bytes,
            timeout,
            memory: Arc::new(Semaphore::new(total_memory)),
            total_memory,
        }
    }

    /// Reads a complete body.
    ///
    /// # Errors
    /// 408, 413, 415 or 429: a limit is exceeded, or the body is compressed.
    pub(crate) async fn read(
        &self,
        headers: &HeaderMap,
        body: &mut IncomingBody,
    ) -> Result<RequestBody, ApiError> {
        check_encoding(headers)?;
        let announced = HttpBody::size_hint(body.bytes.get_ref()).lower();
        if announced > self.max_bytes as u64 {
            return Err(self.too_large());
        }
        self.in_time(self.collect(body)).await
    }

    /// Waits for a body, or for the part of it that precedes the bytes of a file.
    ///
    /// # Errors
    /// 408: it does not arrive in time.
    pub(crate) async fn in_time<T>(
        &self,
        read: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        timeout(self.timeout, read).await.unwrap_or_else(|_| {
            let message = format!("the request body did not arrive within {:?}", self.timeout);
            Err(ApiError::timed_out(message).closing_connection())
        })
    }

    /// Reads a body whose `Content-Length`, if any, is within the limit.
    ///
    /// The memory of each piece is reserved before the piece is kept, so that the limit holds while
    /// bodies of unknown length arrive.
    async fn collect(&self, body: &mut IncomingBody) -> Result<RequestBody, ApiError> {
        let mut bytes = Vec::new();
        let mut memory = self.reserve(0)?;
        while let Some(piece) = body.next().await.transpose()? {
            if bytes.len() + piece.len() > self.max_bytes {
                return Err(self.too_large());
            }
            self.reserve_more(&mut memory, piece.len())?;
            bytes.extend_from_slice(&piece);
        }
        let parsed = count_values(&bytes).saturating_mul(BYTES_PER_VALUE);
        self.reserve_more(&mut memory, parsed)?;
        Ok(RequestBody { bytes, memory })
    }

    /// Reserves further memory for a request that has reserved some.
    ///
    /// # Errors
    /// 429: too little memory is free. 413: the request never fits. A 429 would be retried, each time in vain.
    pub(crate) fn reserve_more(
        &self,
        memory: &mut OwnedSemaphorePermit,
        bytes: usize,
    ) -> Result<(), ApiError> {
        if memory.num_permits().saturating_add(bytes) > self.total_memory {
            return Err(self.too_complex());
        }
        memory.merge(self.reserve(bytes)?);
        Ok(())
    }

    /// Reserves memory without waiting: a request that waited would keep its reservation, and two such requests
    /// could wait for each other forever.
    ///
    /// # Errors
    /// 429: too little memory is free. 413: the request never fits.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
        if bytes > self.total_memory {
            return Err(self.too_complex());
        }
        let mut reserved = self.acquire(0)?;
        while reserved.num_permits() < bytes {
            let rest = bytes - reserved.num_permits();
            reserved.merge(self.acquire(u32::try_from(rest).unwrap_or(u32::MAX))?);
        }
        Ok(reserved)
    }

    /// Acquires permits, whose number in one call is limited to a `u32`.
    fn acquire(&self, permits: u32) -> Result<OwnedSemaphorePermit, ApiError> {
        let permit = self.memory.clone().try_acquire_many_owned(permits);
        permit.map_err(|_| {
            let message = "too many large requests at once: retry later";
            ApiError::overloaded(message).closing_connection()
        })
    }

    /// Reads and drops the rest of the body of a rejected request, up to a limit of time and size. A client that waits
    /// for `100 Continue` sends no body, since it gets the response first.
    pub(crate) async fn discard(&self, mut body: IncomingBody) {
        if body.is_held_back {
            return;
        }
        let mut rest = self.max_bytes;
        let end = Instant::now() + DISCARD_TIME.min(self.timeout);
        while let Ok(Some(Ok(piece))) = timeout_at(end, body.next()).await {
            rest = rest.saturating_sub(piece.len());
            if rest == 0 {
                break;
            }
        }
    }

    /// Creates a 413 for a body that fits, but with its parsed form and its files would exceed the memory limit alone.
    fn too_complex(&self) -> ApiError {
        let message = format!(
            "the request would take more than {} bytes of memory",
            self.total_memory
        );
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message).closing_connection()
    }

    /// Creates a 413 for a body over the size limit.
    fn too_large(&self) -> ApiError {
        let message = format!("the request body is larger than {} bytes", self.max_bytes);
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message).closing_connection()
    }
}

/// Returns an upper bound of the number of values in JSON: each value but the first follows a comma
/// or an opening bracket. The bytes need not be valid JSON.
///
/// One pass over the bytes, without a parser: it runs before the request is known to be harmless.
fn count_values(json: &[u8]) -> usize {
    let mut values = 1;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b',' | b'[' | b'{' => values += 1,
            b'"' | b'\'' => skip_string(&mut bytes, *byte),
            _ => {}
        }
    }
    values
}

/// Advances past the closing quote of a string. The service accepts single quotes as well.
fn skip_string<'a>(bytes: &mut impl Iterator<Item = &'a u8>, quote: u8) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            byte if *byte == quote => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_may_reserve_more_than_4_gib() {
        let reader = BodyReader::new(1, Duration::ZERO, 12 << 30);

        let reserved = reader.reserve(9 << 30).expect("enough memory");

        assert_eq!(reserved.num_permits(), 9 << 30);
        assert_eq!(reader.reserve(9 << 30).unwrap_err().code(), 429);
        assert_eq!(reader.reserve(13 << 30).unwrap_err().code(), 413);
        // The failed reservations hold nothing.
        assert!(reader.reserve(3 << 30).is_ok());
    }

    #[test]
    fn values_are_counted_outside_of_strings() {
        assert_eq!(count_values(b""), 1);
        assert_eq!(count_values(br#"{"a,[{":"\",\\\"","b":[1,2,3]}"#), 6);
        assert_eq!(count_values(br#"{'a"': [1, '[,"', "[,'"]}"#), 5);
        assert_eq!(count_values(br#""unfinished, \"#), 1);
    }
}
