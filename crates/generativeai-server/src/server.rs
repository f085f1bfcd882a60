//! The server: what it is told, and the router it becomes.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use futures_util::FutureExt;
use generativeai::Backend;

use crate::api::Api;
use crate::body::Bodies;
use crate::failure::{Code, Failure};
use crate::fault::Faults;
use crate::gate::Gate;
use crate::guard::{self, Hosts, Key, Origins};
use crate::names::Names;
use crate::{answer, page};

/// The Gemini REST API in front of a backend, before it is started.
///
/// A value with setters and two ways out: a [router](Self::into_router), or a server that
/// [serves](Self::serve).
///
/// ```
/// use generativeai::testing::Scripted;
/// use generativeai_server::Server;
///
/// let router: axum::Router = Server::new(Scripted::default()).api_key("secret").into_router();
/// ```
#[derive(Debug)]
#[must_use = "a server does nothing until it serves, or becomes a router"]
pub struct Server {
    backend: Arc<dyn Backend>,
    pub(crate) hosts: Option<Hosts>,
    origins: Origins,
    key: Option<Key>,
    strict_names: bool,
    at_once: usize,
    queue: usize,
    body_limit: usize,
    body_timeout: Duration,
    memory: usize,
    faults: Faults,
    pub(crate) header_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) drain_timeout: Duration,
}

/// What every request passes.
#[derive(Debug)]
struct Shared {
    hosts: Hosts,
    origins: Origins,
    api: Api,
}

/// The Gemini REST API in front of a backend, as a router with the default settings.
///
/// ```
/// use generativeai::testing::Scripted;
///
/// let router: axum::Router = generativeai_server::router(Scripted::default());
/// ```
pub fn router(backend: impl Backend + 'static) -> Router {
    Server::new(backend).into_router()
}

impl Server {
    /// Puts the API in front of a backend.
    pub fn new(backend: impl Backend + 'static) -> Self {
        Self {
            backend: Arc::new(backend),
            hosts: None,
            origins: Origins::default(),
            key: None,
            strict_names: false,
            at_once: 16,
            queue: 64,
            body_limit: 20 * 1024 * 1024,
            body_timeout: Duration::from_secs(60),
            memory: 256 * 1024 * 1024,
            faults: Faults::default(),
            header_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(10),
        }
    }

    /// Sets the key that clients must show, as `x-goog-api-key`, `?key=` or a bearer token; by default
    /// none is asked for.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(Key(key.into()));
        self
    }

    /// Sets whether a name stands for the model of that name alone; by default any `gemini-…` stands
    /// for the first model there is, so that programs need no change.
    pub fn strict_names(mut self, strict: bool) -> Self {
        self.strict_names = strict;
        self
    }

    /// Allows the server to be asked under that name, beside those of this machine for itself; `*`
    /// allows every name.
    ///
    /// Without this, a [server](Self::serve) on a loopback address, and a router, refuse other names
    /// with 403, so that no web page can reach them under its own; a server on another address takes
    /// every name.
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        let host = host.into();
        self.hosts = Some(match self.hosts {
            _ if host == "*" => Hosts::Any,
            Some(Hosts::Any) => Hosts::Any,
            Some(Hosts::Loopback(mut more)) => {
                more.push(host);
                Hosts::Loopback(more)
            }
            None => Hosts::Loopback(vec![host]),
        });
        self
    }

    /// Allows the pages of that origin, such as `http://localhost:5173`, to ask; `*` allows all. By
    /// default only its own page may, and others are refused with 403.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        let origin = origin.into();
        if origin == "*" {
            self.origins.any = true;
        } else {
            self.origins.some.push(origin);
        }
        self
    }

    /// Sets how many requests the backend answers at once; by default 16, and 1 at least.
    pub fn at_once(mut self, requests: usize) -> Self {
        self.at_once = requests;
        self
    }

    /// Sets how many requests may wait for that; by default 64. Who finds the queue full gets 429.
    pub fn queue(mut self, requests: usize) -> Self {
        self.queue = requests;
        self
    }

    /// Sets how many bytes the body of a request may have; by default 20 MiB. A larger one gets 413.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Sets how long the body of a request may take to come; by default 60 s. A slower one gets 408.
    pub fn body_timeout(mut self, time: Duration) -> Self {
        self.body_timeout = time;
        self
    }

    /// Sets how many bytes the requests that are being answered may take all together; by default
    /// 256 MiB. What goes beyond gets 429; a request that alone would, 413. JSON of many small values
    /// takes more than its text: each counts for 256 bytes.
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets faults to be made on purpose.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Sets how long a connection may take to send the head of its next request; by default 30 s.
    /// Then it is closed. Heeded when [serving](Self::serve).
    pub fn header_timeout(mut self, time: Duration) -> Self {
        self.header_timeout = time;
        self
    }

    /// Sets how long a client may leave an answer unread; by default 60 s. Then its connection is
    /// closed, and its reply ended. Heeded when [serving](Self::serve).
    pub fn write_timeout(mut self, time: Duration) -> Self {
        self.write_timeout = time;
        self
    }

    /// Sets how long the answers on their way may take when the server stops; by default 10 s. Heeded
    /// when [serving](Self::serve).
    pub fn drain_timeout(mut self, time: Duration) -> Self {
        self.drain_timeout = time;
        self
    }

    /// The router. Nest it, or serve it with the server of your choice.
    pub fn into_router(self) -> Router {
        let api = Api {
            backend: self.backend,
            key: self.key,
            names: Names::new(self.strict_names),
            gate: Gate::new(self.at_once, self.queue),
            bodies: Bodies::new(self.body_limit, self.body_timeout, self.memory),
            faults: self.faults,
        };
        let hosts = self.hosts.unwrap_or(Hosts::Loopback(Vec::new()));
        let shared = Shared {
            hosts,
            origins: self.origins,
            api,
        };
        Router::new().fallback(handle).with_state(Arc::new(shared))
    }
}

/// Answers every request there is, in JSON whatever happens.
async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let cors = shared.origins.headers(&parts.headers);
    let answer = AssertUnwindSafe(shared.answer(parts, body)).catch_unwind();
    let answer = answer.await.unwrap_or_else(|_| Err(Failure::panicked()));
    let mut response = answer.unwrap_or_else(|failure| answer::failure(&failure));
    response.headers_mut().extend(cors);
    response
}

impl Shared {
    async fn answer(
        &self,
        parts: axum::http::request::Parts,
        body: axum::body::Body,
    ) -> Result<Response, Failure> {
        guard::head(&parts)?;
        self.hosts.check(&parts)?;
        if parts.method == Method::OPTIONS {
            let headers = self
                .origins
                .preflight(&parts.headers)
                .ok_or_else(not_allowed)?;
            let mut response = answer::nothing();
            response.headers_mut().extend(headers);
            return Ok(response);
        }
        self.origins.check(&parts)?;
        match page::file(&parts.method, parts.uri.path()) {
            Some(file) => file,
            None => self.api.answer(parts, body).await,
        }
    }
}

fn not_allowed() -> Failure {
    let mut failure = Failure::new(
        Code::METHOD,
        "OPTIONS is not for this: no origin is allowed to ask",
    );
    failure.allow = Some("GET, HEAD, POST");
    failure
}
