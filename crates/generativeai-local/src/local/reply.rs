//! A reply on its way: asked for when it is first polled, withdrawn when it is dropped.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{RequestOptions, Result};

use crate::engine::Events;
use crate::speech::{self, Speech};

use super::Local;

/// The chunks of a reply.
pub(super) struct Reply(State);

enum State {
    Asking(Box<(Local, GenerateContentRequest, RequestOptions)>),
    Speaking(Box<(Events, Speech)>),
    Over,
}

impl Reply {
    pub(super) fn new(
        local: Local,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> Self {
        Self(State::Asking(Box::new((local, request, options))))
    }
}

impl Stream for Reply {
    type Item = Result<GenerateContentResponse>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let State::Asking(asking) = &self.0 {
            let (local, request, options) = &**asking;
            match local.ask(request, options) {
                Ok(speaking) => self.0 = State::Speaking(Box::new(speaking)),
                Err(error) => {
                    self.0 = State::Over;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        while let State::Speaking(speaking) = &mut self.0 {
            let (events, speech) = &mut **speaking;
            let chunk = match ready!(events.poll_next(cx)) {
                Ok(event) => {
                    let (chunk, last) = speech.chunk(event);
                    if last {
                        self.0 = State::Over;
                    }
                    chunk.map(Ok)
                }
                Err(error) => {
                    self.0 = State::Over;
                    Some(Err(error))
                }
            };
            if chunk.is_some() {
                return Poll::Ready(chunk);
            }
        }
        Poll::Ready(None)
    }
}

/// Waits for all of a reply.
pub(super) async fn whole(mut reply: Reply) -> Result<GenerateContentResponse> {
    let mut chunks = Vec::new();
    while let Some(chunk) = std::future::poll_fn(|cx| Pin::new(&mut reply).poll_next(cx)).await {
        chunks.push(chunk?);
    }
    Ok(speech::join(chunks))
}
