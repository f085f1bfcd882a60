//! The only handler of the axum router: checks and dispatches every request, and reports errors in JSON. The paths are
//! matched by [`route`](crate::route::route), not by axum.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::api::Api;
use crate::body::IncomingBody;
use crate::error::ApiError;
use crate::guard::check_header_count;
use crate::static_files;

/// Handles every request: adds the CORS headers to every response, and turns an error or a panic into JSON.
pub(crate) async fn handle(State(api): State<Arc<Api>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let cors = api.origins.cors_headers(&parts.headers);
    let mut body = IncomingBody::new(&parts.headers, body);
    // A panic of the backend would end the task of the connection, and the client would see a lost connection instead
    // of an error. `AssertUnwindSafe` holds: the locks of the shared state tolerate poisoning.
    let result = AssertUnwindSafe(dispatch(&api, &parts, &mut body)).catch_unwind();
    let mut response = match result.await.unwrap_or_else(|_| Err(ApiError::panicked())) {
        Ok(response) => response,
        Err(error) => {
            // Most clients read the response only after they have sent the body. If the server closed the connection
            // before, they would report a reset instead.
            api.bodies.discard(body).await;
            error.to_response()
        }
    };
    // Errors have the headers, too. Without them the browser hides the response, and a page could not show the message.
    response.headers_mut().extend(cors);
    response
}

/// Checks a request, and dispatches it.
///
/// A preflight request of a page whose origin is not allowed gets the error that its request would get, which
/// names the remedy. The page is served before the API, whose key it does not need.
async fn dispatch(api: &Api, parts: &Parts, body: &mut IncomingBody) -> Result<Response, ApiError> {
    check_header_count(&parts.headers)?;
    let allowed = api.hosts.check(parts);
    let allowed = allowed.and_then(|()| api.origins.check(parts));
    if let (Err(error), Some(report)) = (&allowed, &api.on_refused) {
        report(error.message());
    }
    allowed?;
    if parts.method == Method::OPTIONS {
        return preflight(api, parts);
    }
    match static_files::find(&parts.method, parts.uri.path()) {
        Some(file) => file,
        None => api.handle(parts, body).await,
    }
}

/// Answers a browser that asks whether a page may send a request.
fn preflight(api: &Api, parts: &Parts) -> Result<Response, ApiError> {
    let headers = api.origins.preflight_headers(&parts.headers);
    let headers = headers.ok_or_else(|| {
        ApiError::method_not_allowed(&parts.method, "GET, HEAD, POST, PUT, DELETE")
    })?;
    Ok((StatusCode::NO_CONTENT, headers).into_response())
}
