//! Fuzz target: the server answers any request in a form that clients can parse.
//!
//! Driven by `cargo fuzz` (the `fuzz/` folder of the repository) and, for a limited time, by a test.

use std::convert::Infallible;
use std::sync::LazyLock;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderName, HeaderValue, Request, Response};
use generativeai::protocol::content::Role;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::{FinishReason, GenerateContentResponse};
use generativeai::{Backend, BoxFuture, RequestOptions, Result};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

type Server = TowerToHyperService<Router>;

/// API key that no response may contain.
const KEY: &str = "canary-7b1e40c2";

/// A backend that returns the last content of the request.
#[derive(Debug)]
struct Echo;

impl Backend for Echo {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let mut content = request.contents.iter().last().cloned().unwrap_or_default();
        content.role = Some(Role::Model);
        let mut reply = GenerateContentResponse::from(content);
        reply.candidates[0].finish_reason = Some(FinishReason::Stop);
        Box::pin(async { Ok(reply) })
    }
}

/// Sends a request to two servers, one without and one with an API key. The bytes are an HTTP/1 request with `\n` as
/// line ending.
///
/// # Panics
/// A response breaks one of these rules: it is a success, or an error in JSON with the code of the response; its code
/// is not 500; and it contains the API key only if the request did.
pub fn request(data: &[u8]) {
    static SERVERS: LazyLock<[Server; 2]> = LazyLock::new(|| {
        [
            crate::Server::new(Echo),
            crate::Server::new(Echo).api_key(KEY),
        ]
        .map(|server| TowerToHyperService::new(server.into_router()))
    });
    for server in &*SERVERS {
        let Some(response) = send(server, data) else {
            return;
        };
        check(&response);
        assert!(
            contains_key(data) || !contains_key(response.body()),
            "{response:?}"
        );
    }
}

/// Sends a request to a server. Returns `None` if the bytes are not a request.
fn send(server: &Server, data: &[u8]) -> Option<Response<Bytes>> {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let built = Builder::new_current_thread().enable_time().build();
        built.expect("a runtime without I/O and threads needs no resources")
    });
    let request = parse(data)?;
    RUNTIME.block_on(async {
        let response: std::result::Result<_, Infallible> =
            server.call(request.map(Body::from)).await;
        let (head, body) = response.unwrap_or_else(|never| match never {}).into_parts();
        let body = to_bytes(body, usize::MAX)
            .await
            .expect("a complete response");
        Some(Response::from_parts(head, body))
    })
}

/// Parses a request.
fn parse(data: &[u8]) -> Option<Request<Vec<u8>>> {
    let end = data.windows(2).position(|bytes| bytes == b"\n\n")?;
    let (head, body) = (&data[..end], &data[end + 2..]);
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut request_line = lines.next()?.splitn(2, |byte| *byte == b' ');
    let mut request = Request::builder()
        .method(request_line.next()?)
        .uri(request_line.next()?);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        request = request.header(name, value);
    }
    request.body(body.to_vec()).ok()
}

fn contains_key(bytes: &[u8]) -> bool {
    bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes())
}

/// Checks the form of a response.
fn check(response: &Response<Bytes>) {
    let (code, body) = (response.status().as_u16(), response.body());
    assert_ne!(code, 500, "{}", body.escape_ascii());
    if code >= 400 {
        let error: Value = serde_json::from_slice(body).expect("an error in JSON");
        assert_eq!(error["error"]["code"], code);
        assert!(error["error"]["message"].is_string() && error["error"]["status"].is_string());
        return;
    }
    let content_type = response.headers().get("content-type");
    let content_type = content_type.map_or("", |value| value.to_str().expect("text"));
    if content_type.starts_with("application/json") && !body.is_empty() {
        serde_json::from_slice::<Value>(body).expect("a response in JSON");
    } else if content_type == "text/event-stream" {
        let body = std::str::from_utf8(body).expect("text");
        let events = body.strip_suffix("\r\n\r\n").expect("a last event");
        for event in events.split("\r\n\r\n") {
            let data = event.strip_prefix("data: ").expect("an event");
            serde_json::from_str::<Value>(data).expect("an event in JSON");
        }
    }
}

#[cfg(test)]
mod tests {
    use generativeai::__internals::driver;

    use super::*;

    const SEEDS: [&str; 7] = [
        "POST /v1beta/models/m:generateContent\nhost: localhost\nx-goog-api-key: canary-7b1e40c2\n\n{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hi\"},{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AAAA\"}}]}],\"generationConfig\":{\"temperature\":0.5,\"topK\":4}}",
        "POST /v1beta/models/gemini-x:streamGenerateContent?alt=sse&key=canary-7b1e40c2\nhost: localhost:8080\n\n{\"contents\":[{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{\"a_b\":1}}}]}],\"system_instruction\":{\"parts\":[{\"text\":\"x\"}]}}",
        "POST /v1/models/m:streamGenerateContent?$alt=json;enum-encoding=int\nhost: 127.0.0.1\nauthorization: Bearer canary-7b1e40c2\nx-server-timeout: 5\n\n{\"contents\":[{\"role\":\"model\",\"parts\":[{\"new_kind\":{}}]}],\"tools\":[{\"googleSearch\":{}}]}",
        "POST /v1beta/models/m:countTokens\nhost: localhost\n\n{\"generate_content_request\":{\"model\":\"models/m\",\"contents\":[{\"parts\":[{\"text\":\"a\"}]}]}}",
        "POST /v1beta/models/m:batchEmbedContents\nhost: [::1]\n\n{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}",
        "GET /v1beta/models?pageToken=2&pageSize=3\nhost: localhost\norigin: http://localhost:5173\n\n",
        "OPTIONS /v1alpha/models/%2e%2e%2fetc\nhost: localhost\naccess-control-request-method: POST\n\n",
    ];

    #[test]
    fn any_request_is_answered_without_a_panic_and_without_leaking_the_key() {
        driver::run_with("server_request", request, &SEEDS, |exchange| {
            let (path, body) = (exchange["path"].as_str(), &exchange["request"]);
            let path = path.unwrap_or_default();
            vec![format!("POST {path}\nhost: localhost\n\n{body}")]
        });
    }

    #[test]
    fn the_seeds_reach_the_parts_of_the_server_that_they_are_meant_for() {
        let server = TowerToHyperService::new(crate::Server::new(Echo).into_router());
        let codes = SEEDS.map(|seed| {
            let response = send(&server, seed.as_bytes()).expect(seed);
            response.status().as_u16()
        });

        // Three replies; two methods that the backend lacks; another origin; a preflight request.
        assert_eq!(codes, [200, 200, 200, 404, 404, 403, 405]);
    }
}
