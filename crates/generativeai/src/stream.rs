//! Types of asynchronous replies: a future, and a stream of chunks.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::stream;

use crate::error::Result;
use crate::protocol::response::GenerateContentResponse;

/// Boxed future that owns everything it needs.
///
/// It does nothing until it is polled, and dropping it cancels the request. It borrows nothing (`'static`), because the
/// chat that owns a backend changes while a request runs.
///
/// Implementations of [`Backend`](crate::Backend) and [`Journal`](crate::Journal) return it. `Box::pin` turns an
/// `async` block that owns its captures into one:
///
/// ```
/// use generativeai::{BoxFuture, Result};
///
/// fn answer(name: String) -> BoxFuture<Result<String>> {
///     Box::pin(async move { Ok(format!("Hello {name}!")) })
/// }
/// ```
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Chunks of a streamed reply, in the order they arrive.
///
/// Each chunk is a [`GenerateContentResponse`] that contains only the new part of the reply. To get the whole reply,
/// [merge](GenerateContentResponse::merge_chunk) all chunks. An error is the last item.
///
/// ```
/// use futures_util::stream;
/// use generativeai::ChunkStream;
/// use generativeai::protocol::content::Content;
/// use generativeai::protocol::response::GenerateContentResponse;
///
/// /// Streams the text word by word. The last chunk has the finish reason `STOP`.
/// fn words(text: &'static str) -> ChunkStream {
///     let count = text.split_whitespace().count();
///     let chunks = text.split_inclusive(' ').enumerate().map(move |(at, word)| {
///         let mut chunk = GenerateContentResponse::from(Content::model(word));
///         if at + 1 < count {
///             chunk.candidates[0].finish_reason = None;
///         }
///         Ok(chunk)
///     });
///     Box::pin(stream::iter(chunks))
/// }
/// # let _ = words("1,345 metres");
/// ```
pub type ChunkStream =
    Pin<Box<dyn Stream<Item = Result<GenerateContentResponse>> + Send + 'static>>;

/// Makes a stream of a reader and the function that polls it. The reader is dropped at the end of the stream, so that
/// what it owns, such as the lock of a chat, is free although the stream still exists.
pub(crate) fn stream_of<'a, T: Send + 'a>(
    reader: T,
    poll: fn(&mut T, &mut Context<'_>) -> Poll<Option<Result<GenerateContentResponse>>>,
) -> Pin<Box<dyn Stream<Item = Result<GenerateContentResponse>> + Send + 'a>> {
    let mut reader = Some(reader);
    Box::pin(stream::poll_fn(move |cx| {
        let item = match &mut reader {
            Some(reader) => poll(reader, cx),
            None => Poll::Ready(None),
        };
        if let Poll::Ready(None) = item {
            reader = None;
        }
        item
    }))
}
