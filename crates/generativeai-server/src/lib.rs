//! The Gemini REST API over any backend: develop against it offline, with any official client.
//!
//! A [`Backend`](generativeai::Backend) answers requests: the embedded model of `generativeai-local`, a
//! script of a test, or a client of another service. [`Server`] puts the HTTP API in front of it, so
//! that programs in any language can use it.
//!
//! ```no_run
//! use std::net::TcpListener;
//!
//! use generativeai::testing::Scripted;
//! use generativeai_server::Server;
//!
//! # async fn example() -> std::io::Result<()> {
//! let listener = TcpListener::bind(("127.0.0.1", 8080))?;
//! let stop = std::future::pending();
//! Server::new(Scripted::default().then_text("Hello!")).serve(listener, stop).await
//! # }
//! ```
//!
//! [`router`] returns the same API as an [`axum::Router`](https://docs.rs/axum/0.8/axum/struct.Router.html), to be
//! nested in another application or called in tests without a network:
//!
//! ```
//! use axum::body::{Body, to_bytes};
//! use axum::http::Request;
//! use generativeai::testing::Scripted;
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let router = generativeai_server::router(Scripted::default().then_text("Hello!"));
//! let request = Request::post("/v1beta/models/gemini-flash-latest:generateContent")
//!     .header("host", "localhost")
//!     .body(Body::from(r#"{"contents": [{"parts": [{"text": "Hi"}]}]}"#))
//!     .unwrap();
//!
//! let response = router.oneshot(request).await.unwrap();
//!
//! let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
//! assert!(String::from_utf8_lossy(&body).contains("Hello!"));
//! # }
//! ```
//!
//! # Pointing clients to the server
//!
//! | client | setting |
//! | --- | --- |
//! | Rust, `generativeai` | `Remote::builder().base_url("http://127.0.0.1:8080")`, or `GOOGLE_GEMINI_BASE_URL` |
//! | Python, `google-genai` | `genai.Client(http_options={"base_url": "http://127.0.0.1:8080"})` |
//! | JavaScript, `@google/genai` | `new GoogleGenAI({httpOptions: {baseUrl: "http://127.0.0.1:8080"}})` |
//! | curl | `http://127.0.0.1:8080/v1beta/models/gemini-flash-latest:generateContent` |
//!
//! Most clients require an API key. Any string is accepted, unless [`Server::api_key`] sets a key. Model names need no
//! change: see [`Server::strict_model_names`].
//!
//! # Endpoints
//!
//! | path | endpoint |
//! | --- | --- |
//! | `POST models/{model}:generateContent` | one reply |
//! | `POST models/{model}:streamGenerateContent` | a reply in chunks: server-sent events with `?alt=sse`, else a JSON array |
//! | `POST models/{model}:countTokens` | number of tokens of a request |
//! | `POST models/{model}:embedContent`, `:batchEmbedContents` | embeddings |
//! | `GET models`, `GET models/{model}` | the backend's models |
//! | `GET cachedContents/{cache}` | a cache of the backend |
//! | `POST upload/files` | uploads: resumable, multipart and raw, if the server [stores files](Server::files) |
//! | `GET files`, `GET files/{file}`, `DELETE files/{file}` | the uploaded files |
//! | `/` | the playground, a page to try the model |
//! | `/healthz` | `ok` |
//!
//! The API paths are served under `/v1`, `/v1beta`, `/v1alpha`, `/v1beta1` and without a version, with
//! or without `publishers/google` in front. Requests are accepted in camelCase and in snake_case, enums
//! by name and by number, JSON also with single quotes and trailing commas; replies are in camelCase. The server
//! keeps unknown members. The backend decides whether it sends, ignores or refuses them.
//!
//! # Files
//!
//! With [`Server::files`] clients upload files and refer to them in messages. The server stores them for 48 hours. For
//! the backend it replaces a reference with the text of the file, if its type is `text/*` or JSON, or else with inline
//! data. Files in function responses always become inline data. A backend that cannot read the type refuses the request
//! with a 400 that names the file. The backend gets references to other hosts unchanged.
//!
//! # Errors
//!
//! Every error is the JSON of the service, `{"error": {"code", "message", "status", "details"}}`, also
//! for unknown paths and for panics of the backend. The code is the one that the service would send,
//! so that clients handle it in the same way:
//!
//! | code | status | cause |
//! | --- | --- | --- |
//! | 400 | `INVALID_ARGUMENT` | a malformed request (the message has the path of the member), a wrong API key |
//! | 401 | `UNAUTHENTICATED` | a bearer token that is not the API key |
//! | 403 | `PERMISSION_DENIED` | no API key; a host or an origin that is not allowed |
//! | 403 | `PERMISSION_DENIED` | a file that does not exist, or has expired |
//! | 404 | `NOT_FOUND` | an unknown model |
//! | 404 | `UNIMPLEMENTED` | a part of the API that the server or the backend does not support. Not 501, which clients retry |
//! | 405 | `UNIMPLEMENTED` | a method that the path does not have; `Allow` lists those that it has |
//! | 408 | `DEADLINE_EXCEEDED` | a body that arrives too slowly |
//! | 409 | `ALREADY_EXISTS` | a file of the same name |
//! | 409 | `ABORTED` | a newer request continues the upload |
//! | 413, 415, 431 | `INVALID_ARGUMENT` | a body that is too large or compressed; too many headers |
//! | 429 | `RESOURCE_EXHAUSTED` | a full queue or too little memory, with `RetryInfo`; full file storage, without |
//! | 500 | `INTERNAL` | a panic, or a disk that cannot be read or written |
//! | 503, 504 | `UNAVAILABLE`, `DEADLINE_EXCEEDED` | an unreachable backend; the client's deadline (`X-Server-Timeout`) |
//!
//! An error in the middle of a stream is a line of JSON after the last event. A JSON array has no place
//! for an error: its connection is dropped, so that the client sees an incomplete response.
//!
//! # Cancellation
//!
//! When a client disconnects, its reply is dropped, which stops the backend. No work continues for a disconnected
//! client.
//!
//! # Path of a request
//!
//! ```text
//! serve           connection, with timeouts for its headers and for reading the response
//!   ▼
//! router, guard   header count, host, origin
//!   ▼
//! api             key, endpoint (route, query), deadline
//!   ▼
//! body            size, time and memory limits
//!   ▼
//! faults, queue   injected faults; a place among the running requests, or 429
//!   ▼
//! models          the model for the requested name
//!   ▼
//! files           references to files are replaced with their bytes
//!   ▼
//! dyn Backend
//!   ▼
//! response        one reply, or
//! stream, framing chunks, encoded exactly as the clients expect
//! hops            in both, for long replies: earlier hops are skipped, and the reply ends after some tokens
//! ```

mod api;
mod body;
mod deadline;
mod error;
mod faults;
mod files;
mod framing;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod guard;
mod hops;
mod models;
mod query;
mod queue;
mod reply;
mod response;
mod route;
mod router;
mod serve;
mod server;
mod static_files;
mod stream;

pub use faults::Faults;
pub use files::FileStorage;
pub use server::{Server, router};
