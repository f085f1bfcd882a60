//! Body of a streamed response.
//!
//! The body is pulled: hyper polls it when the connection has room, and it polls the backend's stream. So a client that
//! reads slowly slows the backend down. When the connection ends, hyper drops the body, and with it the backend's
//! stream. No task or channel is in between.

use std::io;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::{FutureExt, StreamExt, stream};
use generativeai::ChunkStream;
use generativeai::protocol::response::GenerateContentResponse;
use tokio::sync::OwnedSemaphorePermit;

use crate::deadline::Deadline;
use crate::error::ApiError;
use crate::faults::InjectedFaults;
use crate::framing::Framing;
use crate::hops::Hop;
use crate::reply::ReplyDefaults;

/// Pause between the last chunk and an error. A client that reads both in one piece takes the line
/// of the error for a part of the event before it.
const PAUSE_BEFORE_ERROR: Duration = Duration::from_millis(50);

/// Chunks of the backend, until the deadline.
pub(crate) struct Chunks {
    /// The first chunk, after [`Chunks::start`].
    pub(crate) first: Option<GenerateContentResponse>,
    /// Does nothing until it is polled.
    pub(crate) stream: ChunkStream,
    pub(crate) deadline: Deadline,
    pub(crate) defaults: ReplyDefaults,
    /// Hop of the reply, if it is divided into hops.
    pub(crate) hop: Option<Hop>,
}

impl Chunks {
    /// Waits for the first chunk.
    ///
    /// # Errors
    /// The backend failed before it. The caller can still respond with an error code.
    pub(crate) async fn start(&mut self) -> Result<(), ApiError> {
        self.first = self.next().await.transpose()?;
        Ok(())
    }

    /// Returns the next chunk, or `None` at the end of the reply. After an error there is no more.
    pub(crate) async fn next(&mut self) -> Option<Result<GenerateContentResponse, ApiError>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        while let Some(chunk) = self.receive().await {
            let Some(hop) = &mut self.hop else {
                return Some(chunk);
            };
            let chunk = match chunk {
                Ok(chunk) => hop.receive(chunk),
                Err(error) => return Some(Err(error)),
            };
            if hop.is_over() {
                // Stops the backend: nobody reads the rest.
                self.stream = Box::pin(stream::empty());
            }
            if let Some(chunk) = chunk.transpose() {
                return Some(chunk);
            }
        }
        let ended = self.hop.as_ref().map_or(Ok(()), Hop::end);
        ended.err().map(Err)
    }

    /// Waits for the next chunk of the backend.
    async fn receive(&mut self) -> Option<Result<GenerateContentResponse, ApiError>> {
        // hyper would drop the connection on a panic, and the client would not learn why.
        let next = AssertUnwindSafe(self.stream.next()).catch_unwind();
        let mut chunk = match self.deadline.run(next).await {
            Ok(Ok(None)) => return None,
            Ok(Ok(Some(Ok(chunk)))) => chunk,
            Ok(Ok(Some(Err(error)))) => return Some(Err(error.into())),
            Ok(Err(_)) => return Some(Err(ApiError::panicked())),
            Err(deadline) => return Some(Err(deadline)),
        };
        self.defaults.fill(&mut chunk);
        Some(Ok(chunk))
    }
}

/// A streamed response in progress. Dropping it drops the backend's stream, which stops the work.
pub(crate) struct StreamBody {
    /// The rest of the reply.
    pub(crate) chunks: Chunks,
    /// Encoding of the chunks.
    pub(crate) framing: Framing,
    /// Faults of this stream: a lost connection, or an error event.
    pub(crate) faults: InjectedFaults,
    /// Number of chunks written.
    pub(crate) written: usize,
    /// Place among the running requests, held until the response is complete.
    pub(crate) _running: OwnedSemaphorePermit,
    /// Memory of the request, held until the response is complete.
    pub(crate) _memory: OwnedSemaphorePermit,
}

impl StreamBody {
    /// Converts the reply into a body for hyper.
    pub(crate) fn into_body(self) -> Body {
        let frames = stream::unfold(Some(self), |body| async { body?.next_frame().await });
        Body::from_stream(frames)
    }

    /// Returns the next frame, and the rest of the body if any.
    async fn next_frame(mut self) -> Option<(io::Result<Bytes>, Option<Self>)> {
        if self.faults.cut_after == Some(self.written) {
            return Some((self.drop_connection().await, None));
        }
        if self.written > 0
            && let Some(error) = self.faults.error_event()
        {
            return Some((self.fail(error).await, None));
        }
        match self.chunks.next().await {
            Some(Ok(chunk)) => {
                let frame = self.framing.chunk(&chunk);
                self.written += 1;
                Some((Ok(frame.into()), Some(self)))
            }
            Some(Err(error)) => Some((self.fail(error).await, None)),
            None => match self.framing.end() {
                b"" => None,
                end => Some((Ok(Bytes::from_static(end)), None)),
            },
        }
    }

    /// Ends the response with an error, or drops the connection if the framing has no place for one.
    async fn fail(self, error: ApiError) -> io::Result<Bytes> {
        match self.framing.error(&error) {
            Some(line) => {
                self.stop_and_pause().await;
                Ok(line.into())
            }
            None => self.drop_connection().await,
        }
    }

    /// Ends the body with an error: hyper closes the connection without the last, empty chunk of the transfer encoding,
    /// so that the client sees an incomplete response.
    async fn drop_connection(self) -> io::Result<Bytes> {
        self.stop_and_pause().await;
        Err(io::Error::other("the response is incomplete"))
    }

    /// Stops the backend, then waits until the earlier chunks are likely to have been sent.
    async fn stop_and_pause(self) {
        drop(self);
        tokio::time::sleep(PAUSE_BEFORE_ERROR).await;
    }
}
