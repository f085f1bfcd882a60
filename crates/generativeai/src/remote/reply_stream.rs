//! A streamed reply: attempts until the first event, then one chunk for each event.

use std::sync::Arc;

use futures_util::{Stream, stream};
use serde::de::IgnoredAny;

use super::attempts::Attempts;
use super::deadline::Deadlines;
use super::decode::{BodyEnd, Events, Malformed};
use super::failure::{self, Failure};
use super::reply;
use super::request::Outgoing;
use super::secret::Secret;
use super::service::Service;
use super::transport::Response;
use crate::backend::RequestOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::response::GenerateContentResponse;

/// Reader of the chunks of one streamed reply.
pub(super) struct ReplyStream {
    attempts: Attempts,
    /// Response of the current attempt.
    response: Option<(Response, Events)>,
    /// Whether a chunk has been returned. From then on nothing is retried.
    has_returned: bool,
    has_ended: bool,
}

impl ReplyStream {
    /// Begins: the time of the request starts now.
    pub(super) fn begin(
        service: Arc<Service>,
        request: Outgoing,
        options: RequestOptions,
    ) -> Result<Self> {
        Ok(Self {
            attempts: Attempts::begin(service, request, options, Deadlines::streaming)?,
            response: None,
            has_returned: false,
            has_ended: false,
        })
    }

    /// Turns the reader into a stream of its chunks.
    pub(super) fn into_stream(self) -> impl Stream<Item = Result<GenerateContentResponse>> {
        // Boxed: the state moves into the future of each chunk and back.
        stream::unfold(Box::new(self), |mut this| async move {
            let chunk = this.next().await?;
            Some((chunk, this))
        })
    }

    /// Returns the next chunk, or `None` at the end. An error is the last item.
    async fn next(&mut self) -> Option<Result<GenerateContentResponse>> {
        while !self.has_ended {
            match self.read().await {
                Ok(Some(chunk)) => {
                    if !self.has_returned {
                        self.has_returned = true;
                        self.attempts.succeeded();
                    }
                    return Some(Ok(chunk));
                }
                Ok(None) => self.has_ended = true,
                Err(mut failure) => {
                    self.response = None;
                    failure.is_retryable &= !self.has_returned;
                    if let Err(error) = self.attempts.recover(failure).await {
                        self.has_ended = true;
                        return Some(Err(error));
                    }
                }
            }
        }
        None
    }

    /// Reads up to the next event; `None` at the end of the body.
    async fn read(&mut self) -> Result<Option<GenerateContentResponse>, Failure> {
        let mut is_first = false;
        let (response, events) = match &mut self.response {
            Some(response) => response,
            None => {
                is_first = true;
                let response = self.attempts.send().await?;
                let events = Events::new(self.attempts.service.response_limit);
                self.response.insert((response, events))
            }
        };
        loop {
            while let Some(event) = events.next().map_err(malformed)? {
                if !event.trim_ascii().is_empty() {
                    self.attempts.deadlines.event_received();
                    return reply::read(&event, &self.attempts.service.secrets).map(Some);
                }
            }
            match self.attempts.chunk(response, is_first).await? {
                Some(bytes) => events.push(bytes),
                None => {
                    let end = events.finish().map_err(malformed)?;
                    let chunk = last_chunk(end, &self.attempts.service.secrets)?;
                    self.has_ended = true;
                    return Ok(chunk);
                }
            }
            is_first = false;
        }
    }
}

/// Reads what the end of the body completes: at most one event, whose blank line is missing.
fn last_chunk(
    end: BodyEnd,
    secrets: &[Secret],
) -> Result<Option<GenerateContentResponse>, Failure> {
    match end {
        BodyEnd::Clean => Ok(None),
        BodyEnd::Open(event) => {
            if serde_json::from_slice::<IgnoredAny>(&event).is_err() {
                return Err(truncated().into());
            }
            reply::read(&event, secrets).map(Some)
        }
        BodyEnd::UnclosedArray => Err(truncated().into()),
        BodyEnd::NotAStream(beginning) => Err(failure::foreign(&beginning, secrets).into()),
    }
}

fn truncated() -> Error {
    let message = "the response ended in the middle of an event";
    Error::new(ErrorKind::Truncated, message)
}

fn malformed(malformed: Malformed) -> Failure {
    let kind = match malformed {
        Malformed::TooLarge(_) => ErrorKind::Limit,
        Malformed::Array(_) => ErrorKind::Decode,
    };
    Error::new(kind, malformed.to_string()).into()
}
