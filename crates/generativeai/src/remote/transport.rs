//! HTTP: hyper-util's pooled client, one pool for each tokio runtime.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::Uri;
use hyper::body::{Body, Incoming};
use hyper::header::HeaderMap;
use hyper_util::client::legacy::{self, Client};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use tokio::runtime::{self, Handle};

use super::address::Address;
use super::body::RequestBody;
use super::connect::{self, Connector};
use super::failure::Failure;
use super::request::Outgoing;
use super::resolve::Resolver;
use super::tls;
use crate::error::{Error, ErrorKind, Result};

/// Time after which an idle connection is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// Maximum number of runtimes with a connection pool.
const MAX_POOLS: usize = 16;

type HttpClient = Client<Connector, RequestBody>;

/// Connections to one service.
pub(super) struct Transport {
    /// Host, and port if the address has one, for messages.
    authority: String,
    headers: HeaderMap,
    connector: Connector,
    /// A pool for each runtime, the most recently used last.
    ///
    /// The task that drives a connection belongs to the runtime that opened it, and stops while that runtime does
    /// not run. A pool shared by runtimes would return connections that never respond. Nothing reports the end of a
    /// runtime, so the pools of newer runtimes evict its pool.
    pools: Mutex<Vec<(runtime::Id, Arc<HttpClient>)>>,
}

impl Transport {
    /// Prepares connections. `headers` are sent with every request. Connections to this machine bypass the proxies of
    /// the environment: a proxy on another machine would connect to itself.
    pub(super) fn new(
        address: &Address,
        headers: HeaderMap,
        roots: Vec<CertificateDer<'static>>,
        resolver: Resolver,
    ) -> Result<Self> {
        let tls = tls::config(address.is_encrypted(), roots)?;
        let proxies = (!address.is_loopback()).then(Matcher::from_env);
        Ok(Self {
            authority: address.authority().to_owned(),
            headers,
            connector: connect::connector(tls, proxies, resolver),
            pools: Mutex::default(),
        })
    }

    /// Sends a request and waits for the head of the response. Redirects are not followed.
    ///
    /// If a pooled connection is closed before anything was sent on it, hyper-util uses another one. This is not an
    /// attempt.
    pub(super) async fn send(
        &self,
        request: &Outgoing,
        connect_timeout: Duration,
    ) -> Result<Response, Failure> {
        let sending = self.client().request(request.to_http(&self.headers));
        match connect::with_timeout(connect_timeout, sending).await {
            Ok(response) => Ok(Response(response)),
            Err(error) => Err(self.failure(error)),
        }
    }

    /// Returns the client of the current runtime.
    fn client(&self) -> Arc<HttpClient> {
        let runtime = Handle::current().id();
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        match pools.iter().position(|(id, _)| *id == runtime) {
            Some(found) => pools[found..].rotate_left(1),
            None => {
                if pools.len() == MAX_POOLS {
                    // Requests in flight are not affected: each has a clone of its client.
                    pools.remove(0);
                }
                // Without a timer the pool would check the idle timeout only when a connection is taken from it.
                let client = Client::builder(TokioExecutor::new())
                    .pool_timer(TokioTimer::new())
                    .pool_idle_timeout(IDLE_TIMEOUT)
                    .build(self.connector.clone());
                pools.push((runtime, Arc::new(client)));
            }
        }
        pools[pools.len() - 1].1.clone()
    }

    /// Converts an error of the client. Only an untrusted certificate is not retried.
    fn failure(&self, error: legacy::Error) -> Failure {
        let authority = &self.authority;
        if tls::is_about_certificate(&error) {
            let message = format!("the certificate of `{authority}` is not trusted");
            return Error::new(ErrorKind::Configuration, message)
                .with_source(error)
                .into();
        }
        let message = match error.is_connect() {
            true => format!("no connection to `{authority}`"),
            false => format!("no response from `{authority}`"),
        };
        Failure::retryable(Error::new(ErrorKind::Unreachable, message).with_source(error))
    }
}

/// A response whose head has been received. Dropping it cancels the rest.
pub(super) struct Response(hyper::Response<Incoming>);

impl Response {
    /// Returns the HTTP status code.
    pub(super) fn code(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// Returns a header, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.0.headers().get(name)?.to_str().ok()
    }

    /// Returns the length of the body, if the head contains it.
    pub(super) fn content_length(&self) -> Option<u64> {
        self.0.body().size_hint().exact()
    }

    /// Returns whether the whole body has been received.
    pub(super) fn is_complete(&self) -> bool {
        self.0.body().is_end_stream()
    }

    /// Waits for the next chunk of the body; `None` at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        while let Some(frame) = self.0.body_mut().frame().await {
            // Frames without data are trailers, which the API does not use.
            if let Ok(data) = frame.map_err(broken)?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

fn broken(error: hyper::Error) -> Error {
    let message = "the connection broke in the middle of the response";
    Error::new(ErrorKind::Unreachable, message).with_source(error)
}

/// Returns the host that a `location` header names, if it names one.
pub(super) fn host_of(location: &str) -> Option<String> {
    let uri: Uri = location.parse().ok()?;
    uri.scheme()?;
    uri.host().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_redirect_is_found_if_it_names_one() {
        assert_eq!(
            host_of("https://example.com/x").as_deref(),
            Some("example.com")
        );
        for location in ["/x", "x", "", "https://", "?"] {
            assert_eq!(host_of(location), None, "{location:?}");
        }
    }
}
