//! Shared by the tests: requests to a router, and backends that can be observed.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderName, Request, StatusCode};
use generativeai::protocol::content::Content;
use generativeai::protocol::models::{ListModelsResponse, Model};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::protocol::tokens::{CountTokensRequest, CountTokensResponse};
use generativeai::testing::Scripted;
use generativeai::{Backend, BoxFuture, ChunkStream, Error, ErrorKind, RequestOptions, Result};
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use tower::ServiceExt;

/// A complete response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn code(&self) -> u16 {
        self.status.as_u16()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Returns the error of the body, whose code must equal the status code.
    pub(crate) fn error(&self) -> Value {
        let json = self.json();
        assert_eq!(json["error"]["code"], self.code(), "{json}");
        assert!(
            json["error"]["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{json}"
        );
        assert!(self.header("content-type").starts_with("application/json"));
        json["error"].clone()
    }

    /// Checks that the response is an error with this code and this status.
    #[track_caller]
    pub(crate) fn assert_error(&self, code: u16, status: &str) {
        let error = self.error();
        assert_eq!((self.code(), &error["status"]), (code, &status.into()));
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }
}

/// Sends a request and reads the complete response.
pub(crate) async fn send(router: &Router, request: Request<Body>) -> Response {
    let response = router
        .clone()
        .oneshot(request)
        .await
        .expect("a router never fails");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX)
        .await
        .expect("a complete body")
        .to_vec();
    Response {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path)
        .header("host", "localhost")
        .body(Body::empty())
        .expect("a request")
}

pub(crate) fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::post(path).header("host", "localhost");
    request
        .header("content-type", "application/json")
        .body(body.into())
        .expect("a request")
}

/// Returns a request with a short message to a method of the model `m`.
pub(crate) fn hello(method: &str) -> Request<Body> {
    post(
        &format!("/v1beta/models/m:{method}"),
        r#"{"contents":[{"parts":[{"text":"Hello"}]}]}"#,
    )
}

/// Sets headers of a request.
pub(crate) fn with(mut request: Request<Body>, headers: &[(&'static str, &str)]) -> Request<Body> {
    for &(name, value) in headers {
        request.headers_mut().insert(
            HeaderName::from_static(name),
            value.parse().expect("a value"),
        );
    }
    request
}

/// A scripted backend that lists two models: `models/tiny` and `models/other`.
#[derive(Clone, Debug)]
pub(crate) struct Tiny(pub(crate) Scripted);

impl Backend for Tiny {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        self.0.generate_content(request, options)
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        self.0.stream_generate_content(request, options)
    }

    fn count_tokens(
        &self,
        request: CountTokensRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<CountTokensResponse>> {
        let inner = request
            .generate_content_request
            .map_or(0, |request| request.contents.len());
        let mut response = CountTokensResponse::default();
        response.total_tokens = i32::try_from(request.contents.len() + inner).ok();
        Box::pin(async { Ok(response) })
    }

    fn list_models(
        &self,
        page: Option<String>,
        _: RequestOptions,
    ) -> BoxFuture<Result<ListModelsResponse>> {
        let mut response = ListModelsResponse::default();
        if page.as_deref() == Some("2") {
            response.models = vec![model("models/other")];
        } else {
            response.models = vec![model("models/tiny")];
            response.next_page_token = Some("2".into());
        }
        Box::pin(async { Ok(response) })
    }

    fn get_model(&self, name: String, _: RequestOptions) -> BoxFuture<Result<Model>> {
        Box::pin(async move {
            match name.as_str() {
                "models/tiny" | "models/other" | "models/gemini-hidden" => Ok(model(&name)),
                _ => Err(Error::new(
                    ErrorKind::NotFound,
                    format!("unknown model `{name}`"),
                )),
            }
        })
    }
}

fn model(name: &str) -> Model {
    let mut model = Model::default();
    model.name = Some(name.to_owned());
    model.display_name = Some(name.to_uppercase());
    model
}

/// A backend that sends one chunk per permit of `tokens`, and reports when a reply starts and when it
/// is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Endless {
    pub(crate) tokens: Arc<Semaphore>,
    pub(crate) events: mpsc::UnboundedSender<Event>,
}

/// An event in the life of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Started,
    Dropped,
}

/// Reports when it is dropped.
struct Running(mpsc::UnboundedSender<Event>);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.send(Event::Dropped);
    }
}

impl Endless {
    pub(crate) fn new(tokens: usize) -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (events, receiver) = mpsc::unbounded_channel();
        (
            Self {
                tokens: Arc::new(Semaphore::new(tokens)),
                events,
            },
            receiver,
        )
    }

    fn start(&self) -> Running {
        let _ = self.events.send(Event::Started);
        Running(self.events.clone())
    }
}

impl Backend for Endless {
    fn generate_content(
        &self,
        _: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let this = self.clone();
        Box::pin(async move {
            let _running = this.start();
            std::future::pending().await
        })
    }

    fn stream_generate_content(&self, _: GenerateContentRequest, _: RequestOptions) -> ChunkStream {
        let this = self.clone();
        Box::pin(futures_util::stream::unfold(None, move |running| {
            let this = this.clone();
            async move {
                let running = running.unwrap_or_else(|| this.start());
                this.tokens.acquire().await.expect("never closed").forget();
                let mut chunk = GenerateContentResponse::from(Content::model("ha "));
                chunk.candidates[0].finish_reason = None;
                Some((Ok(chunk), Some(running)))
            }
        }))
    }
}
