//! HTTP: the one file that names the client of it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Body, Client, Method, Request, Response, Url, redirect, retry};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;

use super::address::Address;
use super::body::Pieces;
use super::failure::Failure;
use super::tls;
use crate::error::{Error, ErrorKind, Result};

/// How many clients are kept, each with a time to connect of its own.
const MOST_CLIENTS: usize = 4;

/// What is sent: the same for every attempt.
pub(super) struct Outgoing {
    url: Url,
    body: Option<Pieces>,
}

impl Outgoing {
    /// Asks for what is there.
    pub(super) fn get(url: Url) -> Self {
        Self { url, body: None }
    }

    /// Sends a body.
    pub(super) fn post(url: Url, body: Pieces) -> Self {
        Self {
            url,
            body: Some(body),
        }
    }

    /// Adds `name=value` to the address.
    pub(super) fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    fn request(&self) -> Request {
        let Some(body) = &self.body else {
            return Request::new(Method::GET, self.url.clone());
        };
        let mut request = Request::new(Method::POST, self.url.clone());
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(Body::wrap(body.sending()));
        request
    }
}

/// The connections to one service.
#[derive(Debug)]
pub(super) struct Transport {
    host: String,
    use_proxy: bool,
    headers: HeaderMap,
    tls: ClientConfig,
    /// The time to connect belongs to a client, so another time needs another client.
    clients: Mutex<Vec<(Duration, Client)>>,
}

impl Transport {
    /// Prepares connections; `headers` go with every request, `roots` are trusted beside those of
    /// the machine.
    pub(super) fn new(
        address: &Address,
        headers: HeaderMap,
        roots: Vec<CertificateDer<'static>>,
    ) -> Result<Self> {
        Ok(Self {
            host: address.host().to_owned(),
            use_proxy: !address.is_loopback(),
            headers,
            tls: tls::config(address.is_encrypted(), roots)?,
            clients: Mutex::default(),
        })
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &self,
        outgoing: &Outgoing,
        connect_timeout: Duration,
    ) -> Result<Answer, Failure> {
        let client = self.client(connect_timeout)?;
        match client.execute(outgoing.request()).await {
            Ok(response) => Ok(Answer(response)),
            Err(error) => Err(self.unreached(error)),
        }
    }

    /// The client with that time to connect, one that was used lately if there is one.
    pub(super) fn client(&self, connect_timeout: Duration) -> Result<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients
            .iter()
            .find(|(timeout, _)| *timeout == connect_timeout)
        {
            return Ok(client.clone());
        }
        let mut builder = Client::builder()
            .default_headers(self.headers.clone())
            .tls_backend_preconfigured(self.tls.clone())
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .connect_timeout(connect_timeout);
        if !self.use_proxy {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| {
            Error::new(ErrorKind::Configuration, "no HTTP client could be made").because(error)
        })?;
        if clients.len() == MOST_CLIENTS {
            clients.remove(0);
        }
        clients.push((connect_timeout, client.clone()));
        Ok(client)
    }

    fn unreached(&self, error: reqwest::Error) -> Failure {
        let error = error.without_url();
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

/// An answer whose head has come.
#[derive(Debug)]
pub(super) struct Answer(Response);

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
        self.0.content_length()
    }

    /// The next piece of the body, or `None` at its end.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>> {
        self.0.chunk().await.map_err(|error| {
            let message = "the connection broke in the middle of the answer";
            Error::new(ErrorKind::Unreachable, message).because(error.without_url())
        })
    }
}

/// The host of the address that a redirection names.
pub(super) fn host_of(location: &str) -> Option<String> {
    Url::parse(location).ok()?.host_str().map(str::to_owned)
}
