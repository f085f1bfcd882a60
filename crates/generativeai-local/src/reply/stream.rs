//! Runs a request: as a stream of chunks, or for the whole response.

use std::pin::pin;

use futures_util::stream::{self, Stream, TryStreamExt};
use generativeai::Result;
use generativeai::protocol::response::GenerateContentResponse;

use crate::engine::Events;

use super::builder::ReplyBuilder;

/// Returns the chunks of a reply. `submit` runs at the first poll; dropping the stream cancels the
/// reply.
pub(crate) fn chunks<F>(submit: F) -> impl Stream<Item = Result<GenerateContentResponse>> + Send
where
    F: FnOnce() -> Result<(Events, ReplyBuilder)> + Send,
{
    stream::once(async move { submit() })
        .map_ok(|running| stream::try_unfold(Some(running), next_chunk))
        .try_flatten()
}

/// State of a stream: `None` after the last chunk.
type Running = Option<(Events, ReplyBuilder)>;

/// Waits for the next chunk; `None` after the last one. Several events may make up one chunk, because text is held
/// back.
async fn next_chunk(running: Running) -> Result<Option<(GenerateContentResponse, Running)>> {
    let Some((mut events, mut builder)) = running else {
        return Ok(None);
    };
    loop {
        if let Some((chunk, is_last)) = builder.chunk(events.next().await?) {
            let rest = (!is_last).then_some((events, builder));
            return Ok(Some((chunk, rest)));
        }
    }
}

/// Returns the whole reply. `submit` runs at the first poll; dropping the future cancels the reply.
///
/// It merges the chunks of a stream, so that both forms of a request have equal replies.
pub(crate) async fn whole<F>(submit: F) -> Result<GenerateContentResponse>
where
    F: FnOnce() -> Result<(Events, ReplyBuilder)> + Send,
{
    let mut chunks = pin!(chunks(submit));
    let mut reply = GenerateContentResponse::default();
    while let Some(chunk) = chunks.try_next().await? {
        reply.merge_chunk(&chunk);
    }
    Ok(reply)
}
