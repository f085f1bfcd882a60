//! HTTP: requests go out over connections that are kept, answers come in piece by piece.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::client::legacy::{self, Client};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;

use super::address::Address;
use super::body::{Pieces, Sending};
use super::connect::{self, Connector};
use super::failure::Failure;
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

    fn request(&self, headers: &HeaderMap) -> Request<Sending> {
        let body = self.body.as_ref().map(Pieces::sending);
        let mut request = Request::new(body.unwrap_or_default());
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers.clone();
        if self.body.is_some() {
            *request.method_mut() = Method::POST;
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
        }
        request
    }
}

/// The connections to one service.
#[derive(Debug)]
pub(super) struct Transport {
    host: String,
    headers: HeaderMap,
    client: Client<Connector, Sending>,
}

impl Transport {
    /// Prepares connections; `headers` go with every request. No redirection is followed, and no
    /// connection to this machine goes through a proxy.
    pub(super) fn new(
        address: &Address,
        headers: HeaderMap,
        roots: Vec<CertificateDer<'static>>,
    ) -> Result<Self> {
        let tls = tls::config(address.is_encrypted(), roots)?;
        let proxies = (!address.is_loopback()).then(Matcher::from_env);
        // The client sends a request again only if nothing of it was sent: over another connection,
        // when the one that was kept turns out to be closed.
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connect::connector(tls, proxies));
        Ok(Self {
            host: address.host().to_owned(),
            headers,
            client,
        })
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &self,
        outgoing: &Outgoing,
        connect_timeout: Duration,
    ) -> Result<Answer, Failure> {
        let mut request = outgoing.request(&self.headers);
        let connection = capture_connection(&mut request);
        let answer = self.client.request(request);
        match connected_within(connect_timeout, &connection, answer).await {
            Some(Ok(response)) => Ok(Answer(response)),
            Some(Err(error)) => Err(self.unreached(error)),
            None => {
                let host = &self.host;
                let message = format!("no connection to `{host}` within {connect_timeout:?}");
                let error = Error::new(ErrorKind::Unreachable, message);
                Err(Failure::passing(error))
            }
        }
    }

    fn unreached(&self, error: legacy::Error) -> Failure {
        let host = &self.host;
        if tls::is_about_certificate(&error) {
            let message = format!("the certificate of `{host}` is not trusted");
            return Error::new(ErrorKind::Configuration, message)
                .because(error)
                .into();
        }
        let message = if error.is_connect() {
            format!("no connection to `{host}`")
        } else {
            format!("no answer from `{host}`")
        };
        Failure::passing(Error::new(ErrorKind::Unreachable, message).because(error))
    }
}

/// Waits for an answer; `None` once there was no connection for too long.
async fn connected_within<T>(
    longest: Duration,
    connection: &CaptureConnection,
    answer: impl Future<Output = T>,
) -> Option<T> {
    let mut answer = pin!(answer);
    let mut timer = None;
    poll_fn(|cx| {
        if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
            return Poll::Ready(Some(answer));
        }
        if connection.connection_metadata().is_some() {
            timer = None;
            return Poll::Pending;
        }
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(longest)));
        timer.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// An answer whose head has come.
#[derive(Debug)]
pub(super) struct Answer(Response<Incoming>);

impl Answer {
    /// The HTTP code.
    pub(super) fn code(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// A header, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.0.headers().get(name)?.to_str().ok()
    }

    /// The length of the body, if the head tells it.
    pub(super) fn length(&self) -> Option<u64> {
        self.0.body().size_hint().exact()
    }

    /// The next piece of the body, or `None` at its end.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>> {
        loop {
            let body = self.0.body_mut();
            let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
            match frame.transpose().map_err(broken)? {
                None => return Ok(None),
                // What is no data are headers behind the body, which nobody asked for.
                Some(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

fn broken(error: hyper::Error) -> Error {
    let message = "the connection broke in the middle of the answer";
    Error::new(ErrorKind::Unreachable, message).because(error)
}

/// The host of the address that a redirection names.
pub(super) fn host_of(location: &str) -> Option<String> {
    let uri: Uri = location.parse().ok()?;
    uri.scheme()?;
    uri.host().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn connection() -> CaptureConnection {
        capture_connection(&mut Request::new(Sending::default()))
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_connection_an_answer_is_waited_for_so_long() {
        let second = Duration::from_secs(1);

        let none = connected_within(second, &connection(), pending::<()>()).await;
        let some = connected_within(second, &connection(), ready(())).await;

        assert_eq!((none, some), (None, Some(())));
    }

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
