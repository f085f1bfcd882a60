//! Client of a service: sends requests, and reads responses in one piece or as a stream of events.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::attempts::Attempts;
use super::body::SharedBody;
use super::deadline::Deadlines;
use super::decode::is_cut;
use super::failure::Failure;
use super::reply::{self, Reply};
use super::reply_stream::{Chunks, Decoder};
use super::request::Outgoing;
use super::service::Service;
use crate::backend::RequestOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::stream::{BoxFuture, ChunkStream};

/// Client of a service. Retries, deadlines, size limits and redaction do not depend on the service.
///
/// Clones share everything.
#[derive(Clone)]
pub struct Client {
    pub(super) service: Arc<Service>,
}

impl Client {
    /// Requests a resource, at a path below the base URL.
    pub fn get<R: Reply>(&self, path: &str, options: RequestOptions) -> BoxFuture<Result<R>> {
        self.unary(self.service.address.at(path).map(Outgoing::get), options)
    }

    /// Posts JSON, and reads a response in one piece.
    pub fn post<R: Reply>(
        &self,
        path: &str,
        body: Result<impl Serialize>,
        options: RequestOptions,
    ) -> BoxFuture<Result<R>> {
        self.unary(self.outgoing(path, body), options)
    }

    /// Posts JSON, and reads a response in events.
    pub fn stream(
        &self,
        path: &str,
        body: Result<impl Serialize>,
        (decoder, options): (impl Decoder, RequestOptions),
    ) -> ChunkStream {
        self.streamed(self.outgoing(path, body), decoder, options)
    }

    /// Returns the base URL, with the API version if any.
    pub fn address(&self) -> &str {
        self.service.address.as_str()
    }

    fn outgoing(&self, path: &str, body: Result<impl Serialize>) -> Result<Outgoing> {
        let body = SharedBody::of(&body?);
        Ok(Outgoing::post(self.service.address.at(path)?, body))
    }

    /// Sends a request, and reads a response in one piece.
    pub(super) fn unary<R: Reply>(
        &self,
        request: Result<Outgoing>,
        options: RequestOptions,
    ) -> BoxFuture<Result<R>> {
        let service = self.service.clone();
        Box::pin(async move {
            let request = request?;
            let options = options.or(&service.options);
            // Within the future: the deadline starts when the request is first polled, not when it is created.
            let mut attempts = Attempts::begin(service, options, Deadlines::unary)?;
            loop {
                match attempt(&mut attempts, &request).await {
                    Ok(reply) => {
                        attempts.succeeded();
                        return Ok(reply);
                    }
                    Err(failure) => attempts.recover(failure).await?,
                }
            }
        })
    }

    /// Sends a request, and reads a response in events.
    pub(super) fn streamed(
        &self,
        request: Result<Outgoing>,
        decoder: impl Decoder,
        options: RequestOptions,
    ) -> ChunkStream {
        let options = options.or(&self.service.options);
        Box::pin(Chunks::new(self.service.clone(), request, decoder, options))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("address", &self.address())
            .field("options", &self.service.options)
            .finish_non_exhaustive()
    }
}

async fn attempt<R: Reply>(attempts: &mut Attempts, request: &Outgoing) -> Result<R, Failure> {
    let mut response = attempts.send(request).await?;
    let has_length = response.content_length().is_some();
    let body = attempts.body(&mut response).await?;
    reply::read_whole(&body, &attempts.service.errors).map_err(|failure| {
        // Without a length, a connection that is cut looks like the end of the body.
        if has_length || failure.error.kind() != ErrorKind::Decode || !is_cut(&body) {
            return failure;
        }
        let message = "the response ended before its JSON was complete";
        let error = Error::new(ErrorKind::Truncated, message);
        error.with_source(failure.error).into()
    })
}
