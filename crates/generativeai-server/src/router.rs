//! The axum router: one handler that checks and dispatches every request, and reports errors in JSON.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::api::Api;
use crate::body::IncomingBody;
use crate::error::ApiError;
use crate::guard::{AllowedOrigins, check_header_count};
use crate::static_files;

/// State shared by all requests.
#[derive(Debug)]
pub(crate) struct App {
    /// Origins of the pages that may use the server.
    pub(crate) origins: AllowedOrigins,
    /// The API itself.
    pub(crate) api: Api,
}

impl App {
    /// Turns the application into a router.
    ///
    /// The paths are matched by [`route`](crate::route::route), not by axum.
    pub(crate) fn into_router(self) -> Router {
        Router::new().fallback(handle).with_state(Arc::new(self))
    }

    /// Returns the response to a request. If it is an error, the rest of the body is discarded first: most clients read
    /// the response only after they have sent the body. If the server closed the connection before, they would report a
    /// reset instead.
    async fn respond(&self, parts: &Parts, body: Body) -> Result<Response, ApiError> {
        let mut body = IncomingBody::new(&parts.headers, body);
        let response = self.dispatch(parts, &mut body).await;
        if response.is_err() {
            self.api.bodies.discard(body).await;
        }
        response
    }

    /// Checks a request, and dispatches it.
    ///
    /// A preflight request of a page whose origin is not allowed gets the error that its request would get, which
    /// names the remedy. The page is served before the API, whose key it does not need.
    async fn dispatch(&self, parts: &Parts, body: &mut IncomingBody) -> Result<Response, ApiError> {
        check_header_count(&parts.headers)?;
        self.api.hosts.check(parts)?;
        self.origins.check(parts)?;
        if parts.method == Method::OPTIONS {
            return self.preflight(parts);
        }
        match static_files::find(&parts.method, parts.uri.path()) {
            Some(file) => file,
            None => self.api.handle(parts, body).await,
        }
    }

    /// Answers a browser that asks whether a page may send a request.
    fn preflight(&self, parts: &Parts) -> Result<Response, ApiError> {
        let headers = self.origins.preflight_headers(&parts.headers);
        let headers = headers.ok_or_else(|| {
            ApiError::method_not_allowed(&parts.method, "GET, HEAD, POST, PUT, DELETE")
        })?;
        Ok((StatusCode::NO_CONTENT, headers).into_response())
    }
}

/// Handles every request: adds the CORS headers to every response, and turns an error or a panic into JSON.
async fn handle(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let cors = app.origins.cors_headers(&parts.headers);
    // A panic of the backend would end the task of the connection, and the client would see a lost connection instead
    // of an error. `AssertUnwindSafe` holds: the locks of the shared state tolerate poisoning.
    let result = AssertUnwindSafe(app.respond(&parts, body)).catch_unwind();
    let result = result.await.unwrap_or_else(|_| Err(ApiError::panicked()));
    let mut response = result.unwrap_or_else(|error| error.to_response());
    // Errors have the headers, too. Without them the browser hides the response, and a page could not show the message.
    response.headers_mut().extend(cors);
    response
}
