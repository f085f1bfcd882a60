//! A streamed answer: attempts until the first event, then its chunks.

use bytes::Bytes;

use super::call::Call;
use super::events::{End, Events};
use super::failure::Failure;
use super::gather::Malformed;
use super::reply;
use super::transport::Answer;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::response::GenerateContentResponse;

/// The chunks of one streamed answer.
pub(super) struct Chunks {
    call: Call,
    body: Option<Body>,
    given: bool,
    ended: bool,
}

/// The body of the present attempt.
struct Body {
    answer: Answer,
    events: Events,
    begun: bool,
    ended: bool,
}

impl Chunks {
    pub(super) fn new(call: Call) -> Self {
        Self {
            call,
            body: None,
            given: false,
            ended: false,
        }
    }

    /// The next chunk, or `None` at the end; after an error nothing more comes.
    pub(super) async fn next(&mut self) -> Option<Result<GenerateContentResponse>> {
        while !self.ended {
            match self.read().await {
                Ok(Some(chunk)) => {
                    if !self.given {
                        self.given = true;
                        self.call.succeeded();
                    }
                    return Some(Ok(chunk));
                }
                Ok(None) => self.ended = true,
                Err(failure) => {
                    self.body = None;
                    let again = failure.again && !self.given;
                    if let Err(error) = self.call.recover(Failure { again, ..failure }).await {
                        self.ended = true;
                        return Some(Err(error));
                    }
                }
            }
        }
        None
    }

    async fn read(&mut self) -> Result<Option<GenerateContentResponse>, Failure> {
        self.call.watch.expect_event();
        let body = match &mut self.body {
            Some(body) => body,
            None => {
                let answer = self.call.attempt().await?;
                let events = Events::new(self.call.answer_limit());
                self.body.insert(Body {
                    answer,
                    events,
                    begun: false,
                    ended: false,
                })
            }
        };
        loop {
            while let Some(event) = body.events.next().map_err(malformed)? {
                if !event.trim_ascii().is_empty() {
                    return reply::read(&event, &self.call).map(Some);
                }
            }
            if body.ended {
                return Ok(None);
            }
            match self.call.piece(&mut body.answer, !body.begun).await? {
                Some(piece) => body.events.push(piece),
                None => {
                    body.ended = true;
                    return match body.events.finish().map_err(malformed)? {
                        End::Clean => Ok(None),
                        End::Open(event) => last(&event, &self.call).map(Some),
                        End::Unclosed => Err(cut().into()),
                        End::Strange(beginning) => Err(self.call.foreign(&beginning).into()),
                    };
                }
            }
            body.begun = true;
        }
    }
}

/// The last event, behind which the body ended: whole, or cut.
fn last(event: &Bytes, call: &Call) -> Result<GenerateContentResponse, Failure> {
    if serde_json::from_slice::<serde::de::IgnoredAny>(event).is_err() {
        return Err(cut().into());
    }
    reply::read(event, call)
}

fn cut() -> Error {
    Error::new(
        ErrorKind::Truncated,
        "the answer ended in the middle of an event",
    )
}

fn malformed(malformed: Malformed) -> Failure {
    let kind = match malformed {
        Malformed::TooLarge(_) => ErrorKind::Limit,
        Malformed::Array(_) => ErrorKind::Decode,
    };
    Error::new(kind, malformed.to_string()).into()
}
