//! A streamed reply: attempts until the first event, then one chunk for each event.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use memchr::memmem;
use serde_json::Value;

use super::attempts::Attempts;
use super::deadline::Deadlines;
use super::decode::{BodyEnd, Events};
use super::failure::{self, Failure};
use super::reply::{self, Reply};
use super::request::Outgoing;
use super::service::Service;
use super::transport::Response;
use crate::backend::RequestOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::Part;
use crate::protocol::read_json;
use crate::protocol::response::GenerateContentResponse;
use crate::stream::BoxFuture;

/// Longest wait for the end of a body after its last event. A connection of HTTP/1.1 returns to the pool only when its
/// body has been read completely.
const END_TIMEOUT: Duration = Duration::from_millis(100);

/// Converts the events of a stream into chunks. Each attempt uses a clone.
pub trait Decoder: Clone + Send + Unpin + 'static {
    /// An event, read from its JSON.
    type Event: Reply;

    /// Member of an event that contains candidates: its name as JSON.
    const CANDIDATES: &'static str;

    /// Returns whether this event, which need not be JSON, is the last one.
    fn is_end(event: &[u8]) -> bool {
        let _ = event;
        false
    }

    /// Converts an event into `chunk`, which is replaced. Returns whether the event contains anything for the caller.
    fn decode(&mut self, event: &mut Self::Event, chunk: &mut GenerateContentResponse) -> bool;

    /// Ends the reply. Returns what the decoder held back until then.
    fn end(&mut self, end: StreamEnd) -> Option<GenerateContentResponse> {
        let _ = end;
        None
    }
}

/// End of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The event that [`Decoder::is_end`] recognizes.
    Marked,
    /// The end of the body, without such an event.
    Unmarked,
}

/// Decoder of a stream whose events are the chunks.
#[derive(Clone)]
pub(super) struct OneChunkEach;

impl Decoder for OneChunkEach {
    type Event = GenerateContentResponse;

    const CANDIDATES: &'static str = "\"candidates\"";

    fn decode(
        &mut self,
        event: &mut GenerateContentResponse,
        chunk: &mut GenerateContentResponse,
    ) -> bool {
        mem::swap(event, chunk);
        true
    }
}

/// Chunks of a streamed reply. Nothing is sent until the first one is awaited.
///
/// A chunk that has already arrived is returned without a future. Most chunks arrive together with others, and moving
/// each one through the nested futures of the reader took an eighth of its CPU time.
pub(super) struct Chunks<D>(State<D>);

enum State<D> {
    Reading(Box<Reader<D>>),
    Waiting(BoxFuture<Waited<D>>),
    Ended,
}

/// Reader that has a chunk, or `None` at the end of the reply.
type Waited<D> = Result<Option<Box<Reader<D>>>>;

impl<D: Decoder> Chunks<D> {
    pub(super) fn new(
        service: Arc<Service>,
        request: Result<Outgoing>,
        decoder: D,
        options: RequestOptions,
    ) -> Self {
        Self(State::Waiting(Box::pin(async move {
            // Within the future: the deadline starts when the stream is first polled.
            let request = request?;
            let attempts = Attempts::begin(service, options, Deadlines::streaming)?;
            let reader = Box::new(Reader::new(attempts, request, decoder));
            reader.wait(None).await
        })))
    }

    /// Takes the chunk that a reader has read, and continues with the reader.
    fn take_chunk(
        &mut self,
        mut reader: Box<Reader<D>>,
    ) -> Poll<Option<Result<GenerateContentResponse>>> {
        let chunk = mem::take(&mut reader.chunk);
        self.0 = State::Reading(reader);
        Poll::Ready(Some(Ok(chunk)))
    }
}

impl<D: Decoder> Stream for Chunks<D> {
    type Item = Result<GenerateContentResponse>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            // `Ended` remains unless an arm sets another state: after an error, and after the last chunk.
            match mem::replace(&mut self.0, State::Ended) {
                State::Reading(mut reader) => match reader.received() {
                    Ok(true) => return self.take_chunk(reader),
                    received => self.0 = State::Waiting(Box::pin(reader.wait(received.err()))),
                },
                State::Waiting(mut next) => match next.as_mut().poll(cx) {
                    Poll::Pending => {
                        self.0 = State::Waiting(next);
                        return Poll::Pending;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                    Poll::Ready(Ok(None)) => return Poll::Ready(None),
                    Poll::Ready(Ok(Some(reader))) => return self.take_chunk(reader),
                },
                State::Ended => return Poll::Ready(None),
            }
        }
    }
}

/// Reader of the chunks of one streamed reply.
struct Reader<D> {
    attempts: Attempts,
    request: Outgoing,
    decoder: D,
    /// Chunk that was read, until it is returned: see "Chunks are polled" in ARCHITECTURE.md.
    chunk: GenerateContentResponse,
    /// Response of the current attempt, with its decoders.
    response: Option<(Response, Events, D)>,
    /// Whether a chunk has been returned. From then on nothing is retried.
    has_returned: bool,
    progress: Progress,
    has_ended: bool,
}

impl<D: Decoder> Reader<D> {
    fn new(attempts: Attempts, request: Outgoing, decoder: D) -> Self {
        Self {
            attempts,
            request,
            decoder,
            chunk: GenerateContentResponse::default(),
            response: None,
            has_returned: false,
            progress: Progress::default(),
            has_ended: false,
        }
    }

    /// Waits until there is a chunk, or the reply ends. Handles the failure of the last event first, if there is one.
    async fn wait(mut self: Box<Self>, mut failure: Option<Failure>) -> Waited<D> {
        while !self.has_ended {
            let read = match failure.take() {
                None => self.read().await,
                Some(failure) => Err(failure),
            };
            match read {
                Ok(true) => {
                    if !self.has_returned {
                        self.has_returned = true;
                        self.attempts.succeeded();
                    }
                    return Ok(Some(self));
                }
                Ok(false) => self.has_ended = true,
                Err(mut failure) => {
                    self.response = None;
                    failure.is_retryable &= !self.has_returned;
                    self.attempts.recover(failure).await?;
                }
            }
        }
        // Only after an end marker: otherwise the reply ended with its body, and the response is dropped already.
        if let Some((response, ..)) = &mut self.response {
            let _ = tokio::time::timeout(END_TIMEOUT, drain(response)).await;
        }
        Ok(None)
    }

    /// Reads up to the next chunk. Returns whether there is one before the end of the body.
    async fn read(&mut self) -> Result<bool, Failure> {
        let mut is_first = self.response.is_none();
        if is_first {
            let response = self.attempts.send(&self.request).await?;
            let events = Events::new(self.attempts.service.response_limit);
            self.response = Some((response, events, self.decoder.clone()));
        }
        while let Some((response, events, _)) = &mut self.response {
            match self.attempts.chunk(response, is_first).await? {
                Some(bytes) => events.push(bytes),
                None => return self.finish(),
            }
            let has_chunk = self.received()?;
            if has_chunk || self.has_ended {
                return Ok(has_chunk);
            }
            is_first = false;
        }
        Ok(false)
    }

    /// Reads the next chunk, if its event has arrived. Returns whether it has.
    fn received(&mut self) -> Result<bool, Failure> {
        while !self.has_ended
            && let Some((_, events, _)) = &mut self.response
        {
            let event = match events.next() {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(false),
                Err(error) if !self.progress.is_whole() => return Err(error.into()),
                // Some gateways append other text to a stream. It does not invalidate a complete reply.
                Err(_) => {
                    self.end();
                    return Ok(false);
                }
            };
            if self.read_event(&event)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads the last event of the body, if its blank line is missing, and ends the reply. Returns whether there is a
    /// chunk.
    fn finish(&mut self) -> Result<bool, Failure> {
        let Some((_, events, _)) = &mut self.response else {
            return Ok(false);
        };
        let has_chunk = match events.finish()? {
            BodyEnd::Clean => false,
            BodyEnd::Open(event) if is_complete::<D>(&event) => self.read_event(&event)?,
            BodyEnd::Open(event) if self.progress.ignores::<D>(&event) => false,
            BodyEnd::UnclosedArray if self.progress.is_whole() => false,
            BodyEnd::Open(_) | BodyEnd::UnclosedArray => {
                let message = "the response ended in the middle of an event";
                return Err(Error::new(ErrorKind::Truncated, message).into());
            }
            BodyEnd::NotAStream(beginning) => {
                let errors = &self.attempts.service.errors;
                return Err(failure::foreign(&beginning, errors).into());
            }
        };
        let has_chunk = match &mut self.response {
            Some((.., decoder)) if !self.has_ended => {
                merge(has_chunk, &mut self.chunk, decoder.end(StreamEnd::Unmarked))
            }
            _ => has_chunk,
        };
        self.end();
        Ok(has_chunk)
    }

    /// Reads an event into the chunk. Returns whether it contains anything for the caller.
    fn read_event(&mut self, event: &[u8]) -> Result<bool, Failure> {
        // A keep-alive does not reset the idle timeout, which limits the wait for the next part of the reply.
        let Some((_, _, decoder)) = self.response.as_mut().filter(|_| !is_keep_alive(event)) else {
            return Ok(false);
        };
        let errors = &self.attempts.service.errors;
        let (mut has_chunk, mut is_read) = (false, false);
        for value in values::<D>(event) {
            if D::is_end(value) {
                // `wait` then reads the rest of the body.
                self.has_ended = true;
                let last = decoder.end(StreamEnd::Marked);
                has_chunk = merge(has_chunk, &mut self.chunk, last);
                break;
            }
            let read = reply::read::<D::Event>(value, errors, |event| {
                if has_chunk {
                    let mut next = GenerateContentResponse::default();
                    let next = decoder.decode(event, &mut next).then_some(next);
                    merge(true, &mut self.chunk, next);
                } else {
                    has_chunk = decoder.decode(event, &mut self.chunk);
                }
            });
            match read {
                Ok(()) => is_read = true,
                // An error that the service reports is never ignored.
                Err(failure)
                    if failure.error.status().is_some() || !self.progress.ignores::<D>(value) =>
                {
                    return Err(failure);
                }
                Err(_) => {}
            }
        }
        // Ignored values do not reset the idle timeout. Otherwise a server could keep a complete reply open forever.
        if is_read {
            self.attempts.deadlines.event_received();
        }
        if has_chunk {
            self.progress.note(&self.chunk);
        }
        Ok(has_chunk)
    }

    /// Ends the reply. Dropping its response releases the connection, and another request may be in flight.
    fn end(&mut self) {
        self.has_ended = true;
        self.response = None;
        self.attempts.end_attempt();
    }
}

/// Progress of each candidate of a reply: its index, and whether it is complete. A candidate is complete if it has a
/// finish reason and no content followed that.
#[derive(Default)]
struct Progress(Vec<(i32, bool)>);

impl Progress {
    fn note(&mut self, chunk: &GenerateContentResponse) {
        // As `merge_chunk` counts: without an index, the position is the index.
        let mut positions = 0..;
        for candidate in &chunk.candidates {
            let index = candidate.index.or_else(|| positions.next());
            let index = index.unwrap_or_default();
            let reason = candidate.finish_reason.as_ref();
            let is_finished = reason.is_some_and(|reason| !reason.is_unspecified());
            let has_content = candidate.parts().iter().any(Part::has_content);
            match self.0.iter_mut().find(|(known, _)| *known == index) {
                // A tool that the service runs continues a reply after a finish reason.
                Some((_, finished)) => *finished = is_finished || *finished && !has_content,
                None => self.0.push((index, is_finished)),
            }
        }
    }

    /// Returns whether each candidate is complete.
    fn is_whole(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|(_, finished)| *finished)
    }

    /// Returns whether an event that cannot be read is ignored: the reply is whole, and the event has no candidates, so
    /// that it adds no content. Gateways append such events.
    fn ignores<D: Decoder>(&self, event: &[u8]) -> bool {
        self.is_whole() && memmem::find(event, D::CANDIDATES.as_bytes()).is_none()
    }
}

/// Reads the rest of a body, and ignores it.
async fn drain(response: &mut Response) {
    while let Ok(Some(_)) = response.chunk().await {}
}

/// Returns whether an event keeps the connection alive and contains nothing.
fn is_keep_alive(event: &[u8]) -> bool {
    matches!(event.trim_ascii(), b"" | b"null" | b"\"\"")
}

/// Merges the next chunk into one that was read, if it was. Returns whether there is a chunk now.
fn merge(
    has_chunk: bool,
    chunk: &mut GenerateContentResponse,
    next: Option<GenerateContentResponse>,
) -> bool {
    match next {
        Some(next) if has_chunk => chunk.merge_chunk(&next),
        Some(next) => *chunk = next,
        None => return has_chunk,
    }
    true
}

/// Returns the JSON values of an event. An event is one value, unless a proxy removed the blank lines between events:
/// then each line is a value.
fn values<D: Decoder>(event: &[u8]) -> impl Iterator<Item = &[u8]> {
    let first_line = memchr::memchr(b'\n', event).map(|end| &event[..end]);
    let is_several = first_line.is_some_and(is_json);
    // Proxies add the end marker of OpenAI's API to streams of the Gemini API.
    let is_foreign_end = |line: &[u8]| line.trim_ascii() == b"[DONE]" && !D::is_end(line);
    let is_empty = move |line: &[u8]| is_keep_alive(line) || is_foreign_end(line);
    event
        .split(move |byte| is_several && *byte == b'\n')
        .filter(move |line| !is_several || !is_empty(line))
}

fn is_json(text: &[u8]) -> bool {
    read_json::<Value>(text).is_ok()
}

/// Returns whether an event without its blank line is not cut.
fn is_complete<D: Decoder>(event: &[u8]) -> bool {
    values::<D>(event).all(|value| D::is_end(value) || is_json(value))
}
