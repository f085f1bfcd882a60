//! HTTP: requests go out over connections that are kept, answers come in piece by piece.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::CertificateDer;

use super::address::Address;
use super::body::{Pieces, Sending};
use super::connect;
use super::connections::{Connection, Connections};
use super::failure::Failure;
use super::resolve::Names;
use super::tls;
use crate::error::{Error, ErrorKind, Result};

/// What is sent: the same for every attempt.
pub(super) struct Outgoing {
    uri: Uri,
    body: Option<Pieces>,
}

impl Outgoing {
    /// Asks for what is there.
    pub(super) fn get(uri: Uri) -> Self {
        Self { uri, body: None }
    }

    /// Sends a body.
    pub(super) fn post(uri: Uri, body: Pieces) -> Self {
        Self {
            uri,
            body: Some(body),
        }
    }

    fn request(&self, headers: &Headers, connection: &Connection) -> Request<Sending> {
        let body = self.body.as_ref().map(Pieces::sending);
        let mut request = Request::new(body.unwrap_or_default());
        *request.headers_mut() = headers.of(self.body.as_ref(), connection);
        if self.body.is_some() {
            *request.method_mut() = Method::POST;
        }
        *request.uri_mut() = match (connection, self.uri.path_and_query()) {
            (Connection::Line(_), Some(path)) => path.clone().into(),
            _ => self.uri.clone(),
        };
        request
    }
}

/// The headers of all requests.
#[derive(Debug)]
struct Headers {
    /// Those of a body in HTTP/1, all in their place, so that a copy need not grow.
    posting: HeaderMap,
}

impl Headers {
    fn new(mut headers: HeaderMap, address: &Address) -> Result<Self> {
        if !headers.contains_key(HOST) {
            headers.insert(HOST, address.authority()?);
        }
        let json = HeaderValue::from_static("application/json");
        headers.insert(CONTENT_TYPE, json);
        headers.insert(CONTENT_LENGTH, 0.into());
        // A full map grows when it is only asked for a header, as it is while it is sent.
        headers.reserve(1);
        Ok(Self { posting: headers })
    }

    /// Those of a request. In HTTP/2 the host stands in the address, and the length is sent of itself.
    fn of(&self, body: Option<&Pieces>, connection: &Connection) -> HeaderMap {
        let mut headers = self.posting.clone();
        match (connection, body) {
            (Connection::Line(_), Some(body)) => {
                if let Some(length) = headers.get_mut(CONTENT_LENGTH) {
                    *length = (body.len() as u64).into();
                }
            }
            _ => {
                headers.remove(CONTENT_LENGTH);
            }
        }
        if matches!(connection, Connection::Shared(_)) {
            headers.remove(HOST);
        }
        if body.is_none() {
            headers.remove(CONTENT_TYPE);
        }
        headers
    }
}

/// The connections to one service.
#[derive(Debug)]
pub(super) struct Transport {
    host: String,
    headers: Headers,
    connections: Connections,
}

impl Transport {
    /// Prepares connections; `headers` go with every request. No redirection is followed, and no
    /// connection to this machine goes through a proxy.
    pub(super) fn new(
        address: &Address,
        headers: HeaderMap,
        roots: Vec<CertificateDer<'static>>,
        names: Names,
    ) -> Result<Self> {
        let tls = tls::config(address.is_encrypted(), roots)?;
        let proxies = (!address.is_loopback()).then(Matcher::from_env);
        let connector = connect::connector(tls, proxies, names);
        Ok(Self {
            host: address.host().to_owned(),
            headers: Headers::new(headers, address)?,
            connections: Connections::new(connector),
        })
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &self,
        outgoing: &Outgoing,
        connect_timeout: Duration,
    ) -> Result<Answer, Failure> {
        loop {
            let kept = self.connections.kept();
            let is_new = kept.is_none();
            let mut connection = match kept {
                Some(connection) => connection,
                // On the heap, since it is seldom needed and larger than all the rest of a request.
                None => Box::pin(self.connect(outgoing, connect_timeout)).await?,
            };
            let request = |connection: &_| outgoing.request(&self.headers, connection);
            match connection.send(request).await {
                Ok(response) => {
                    return Ok(Answer {
                        response,
                        connection: Some(connection),
                    });
                }
                // Nothing of it was sent: the connection that was kept had been closed.
                Err(error) if !is_new && error.message().is_some() => {
                    self.connections.forget_shared();
                }
                Err(error) => return Err(self.unanswered(error.into_error())),
            }
        }
    }

    async fn connect(&self, outgoing: &Outgoing, longest: Duration) -> Result<Connection, Failure> {
        let connecting = self.connections.connect(outgoing.uri.clone());
        let host = &self.host;
        match tokio::time::timeout(longest, connecting).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(cause)) if tls::is_about_certificate(cause.as_ref()) => {
                let message = format!("the certificate of `{host}` is not trusted");
                Err(Error::new(ErrorKind::Configuration, message)
                    .with_source(cause)
                    .into())
            }
            Ok(Err(cause)) => {
                let message = format!("no connection to `{host}`");
                let error = Error::new(ErrorKind::Unreachable, message).with_source(cause);
                Err(Failure::passing(error))
            }
            Err(_) => {
                let message = format!("no connection to `{host}` within {longest:?}");
                let error = Error::new(ErrorKind::Unreachable, message);
                Err(Failure::passing(error))
            }
        }
    }

    /// Keeps the connection of an answer that has come whole for the next request. The pieces of its body
    /// are to be dropped before, as the next answer is read into the same buffer.
    pub(super) fn keep(&self, answer: &mut Answer) {
        if let Some(Connection::Line(line)) = answer.connection.take() {
            self.connections.keep(line);
        }
    }

    fn unanswered(&self, error: hyper::Error) -> Failure {
        let message = format!("no answer from `{}`", self.host);
        Failure::passing(Error::new(ErrorKind::Unreachable, message).with_source(error))
    }
}

/// An answer whose head has come.
pub(super) struct Answer {
    response: Response<Incoming>,
    /// What the body comes over, until it has come.
    connection: Option<Connection>,
}

impl Answer {
    /// The HTTP code.
    pub(super) fn code(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// A header, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The length of the body, if the head tells it.
    pub(super) fn length(&self) -> Option<u64> {
        self.response.body().size_hint().exact()
    }

    /// Whether the whole body has come.
    pub(super) fn is_whole(&self) -> bool {
        self.response.body().is_end_stream()
    }

    /// The next piece of the body, or `None` at its end.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>> {
        poll_fn(|cx| {
            loop {
                match ready!(self.poll_frame(cx)).transpose().map_err(broken)? {
                    None => return Poll::Ready(Ok(None)),
                    // What is no data are headers behind the body, which nobody asked for.
                    Some(frame) => {
                        if let Ok(data) = frame.into_data() {
                            return Poll::Ready(Ok(Some(data)));
                        }
                    }
                }
            }
        })
        .await
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let body = self.response.body_mut();
        if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        if let Some(connection) = &mut self.connection {
            connection.drive(cx);
        }
        Pin::new(body).poll_frame(cx)
    }
}

fn broken(error: hyper::Error) -> Error {
    let message = "the connection broke in the middle of the answer";
    Error::new(ErrorKind::Unreachable, message).with_source(error)
}

/// The host of the address that a redirection names.
pub(super) fn host_of(location: &str) -> Option<String> {
    let uri: Uri = location.parse().ok()?;
    uri.scheme()?;
    uri.host().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_redirection_is_found_where_there_is_one() {
        assert_eq!(
            host_of("https://example.com/x").as_deref(),
            Some("example.com")
        );
        for none in ["/x", "x", "", "https://", "?"] {
            assert_eq!(host_of(none), None, "{none:?}");
        }
    }
}
