//! The body of a streamed answer: the chunks of the backend, as they come.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::{FutureExt, StreamExt};
use generativeai::ChunkStream;
use generativeai::protocol::response::GenerateContentResponse;

use crate::body::Share;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::fault::Plan;
use crate::frame::Framing;
use crate::gate::Pass;

/// How long an error waits after the chunks before it: a client that gets both in one piece takes
/// the error for a part of an event.
const PAUSE: Duration = Duration::from_millis(50);

/// A reply on its way. Dropping it drops the stream of the backend, which ends the work.
pub(crate) struct Reply {
    pub(crate) chunks: Source,
    pub(crate) framing: Framing,
    pub(crate) plan: Plan,
    /// How many chunks were written.
    pub(crate) written: usize,
    /// Its place, and its share of the memory.
    pub(crate) _held: (Pass, Share),
}

/// The chunks of the backend, within their time, each bearing the name of the model.
pub(crate) struct Source {
    /// The first one, once it was waited for.
    first: Option<GenerateContentResponse>,
    chunks: ChunkStream,
    deadline: Deadline,
    version: Option<String>,
}

impl Source {
    pub(crate) fn new(chunks: ChunkStream, deadline: Deadline, version: Option<String>) -> Self {
        Self {
            first: None,
            chunks,
            deadline,
            version,
        }
    }

    /// Waits for the first chunk: until it has come, an error is an answer of its own.
    pub(crate) async fn begin(&mut self) -> Result<(), Failure> {
        self.first = self.next().await.transpose()?;
        Ok(())
    }

    async fn next(&mut self) -> Option<Result<GenerateContentResponse, Failure>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        let next = AssertUnwindSafe(self.chunks.next()).catch_unwind();
        let mut chunk = match self.deadline.within(next).await {
            Ok(Ok(None)) => return None,
            Ok(Ok(Some(Ok(chunk)))) => chunk,
            Ok(Ok(Some(Err(error)))) => return Some(Err(error.into())),
            Ok(Err(_)) => return Some(Err(Failure::panicked())),
            Err(late) => return Some(Err(late)),
        };
        if chunk.model_version.is_none() {
            chunk.model_version.clone_from(&self.version);
        }
        Some(Ok(chunk))
    }
}

/// The connection is to be dropped, so that the client sees that the answer is not whole.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer broke off")
    }
}

impl std::error::Error for Dropped {}

/// A piece of the body, or its end before its time.
type Piece = Result<Bytes, Dropped>;

impl Reply {
    pub(crate) fn into_body(self) -> Body {
        let pieces =
            futures_util::stream::unfold(Some(self), |reply| async { reply?.step().await });
        Body::from_stream(pieces)
    }

    /// The next piece, and what remains.
    async fn step(mut self) -> Option<(Piece, Option<Self>)> {
        if self.plan.cut == Some(self.written) {
            return Some((self.drop_connection().await, None));
        }
        if self.written > 0
            && let Some(failure) = self.plan.error()
        {
            return Some((self.fail(failure).await, None));
        }
        match self.chunks.next().await {
            Some(Ok(chunk)) => {
                let piece = self.framing.chunk(&chunk);
                self.written += 1;
                Some((Ok(piece.into()), Some(self)))
            }
            Some(Err(failure)) => Some((self.fail(failure).await, None)),
            None => match self.framing.end() {
                b"" => None,
                end => Some((Ok(Bytes::from_static(end)), None)),
            },
        }
    }

    /// Ends with an error; in an array, which has no place for one, without an end.
    async fn fail(self, failure: Failure) -> Piece {
        match self.framing.error(&failure) {
            Some(line) => {
                self.stop().await;
                Ok(line.into())
            }
            None => self.drop_connection().await,
        }
    }

    async fn drop_connection(self) -> Piece {
        self.stop().await;
        Err(Dropped)
    }

    /// Ends the work at once, and waits until what was written before is on its way.
    async fn stop(self) {
        drop(self);
        tokio::time::sleep(PAUSE).await;
    }
}
