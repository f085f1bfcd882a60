//! Types of asynchronous replies: a future, and a stream of chunks.

use std::pin::Pin;

use futures_core::Stream;

use crate::error::Result;
use crate::protocol::response::GenerateContentResponse;

/// Boxed future that owns everything it needs.
///
/// It does nothing until it is polled, and stops its work when it is dropped.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Chunks of a streamed reply, in the order in which they arrive.
///
/// Each chunk is a [`GenerateContentResponse`] with the part of the reply that is new; merging all of them
/// gives the whole reply. An error is the last item.
pub type ChunkStream =
    Pin<Box<dyn Stream<Item = Result<GenerateContentResponse>> + Send + 'static>>;
