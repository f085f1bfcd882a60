//! What must hold of any request: the server answers it, in a form that the clients read.
//!
//! `cargo fuzz` calls this (see `fuzz/` beside the crates), and so does a test, for a while.

use std::convert::Infallible;
use std::sync::LazyLock;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, Request, Response};
use generativeai::protocol::content::Role;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::{FinishReason, GenerateContentResponse};
use generativeai::{Backend, BoxFuture, RequestOptions, Result};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::{Server, lenient};

/// A key that must not show.
const KEY: &str = "canary-7b1e40c2";

/// A backend that says back what was said last.
#[derive(Debug)]
struct Echo;

impl Backend for Echo {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let mut said = request.contents.iter().last().cloned().unwrap_or_default();
        said.role = Some(Role::Model);
        let mut reply = GenerateContentResponse::from(said);
        reply.candidates[0].finish_reason = Some(FinishReason::Stop);
        Box::pin(async { Ok(reply) })
    }
}

/// Any request is answered: a success, or an error in JSON that has the code of the answer; without a
/// panic, and without the key where it was not asked with it. The bytes are those of a request in
/// HTTP/1, with `\n` for line ends.
pub fn request(data: &[u8]) {
    static SERVERS: LazyLock<[TowerToHyperService<Router>; 2]> = LazyLock::new(|| {
        [Server::new(Echo), Server::new(Echo).api_key(KEY)]
            .map(|server| TowerToHyperService::new(server.into_router()))
    });
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let built = Builder::new_current_thread().enable_time().build();
        built.expect("a runtime without threads needs nothing")
    });
    for server in &*SERVERS {
        let Some(request) = read(data) else { return };
        let body = request.body().clone();
        let asks = request.uri().path().contains("/models/");
        let answer = RUNTIME.block_on(async {
            let answer: std::result::Result<_, Infallible> =
                server.call(request.map(Body::from)).await;
            let (head, body) = answer.unwrap_or_else(|never| match never {}).into_parts();
            let body = to_bytes(body, usize::MAX).await;
            Response::from_parts(head, body.expect("an answer that comes to its end"))
        });
        check(&answer);
        assert!(shows(data) || !shows(answer.body()), "{answer:?}");
        if asks {
            read_alike(&body);
        }
    }
}

/// A request as it would come, if these bytes are one.
fn read(data: &[u8]) -> Option<Request<Vec<u8>>> {
    let end = data.windows(2).position(|bytes| bytes == b"\n\n")?;
    let (head, body) = (&data[..end], &data[end + 2..]);
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut asked = lines.next()?.splitn(2, |byte| *byte == b' ');
    let mut request = Request::builder().method(asked.next()?).uri(asked.next()?);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        request = request.header(name, value);
    }
    request.body(body.to_vec()).ok()
}

fn shows(bytes: &[u8]) -> bool {
    bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes())
}

fn check(answer: &Response<axum::body::Bytes>) {
    let (code, body) = (answer.status().as_u16(), answer.body());
    assert_ne!(code, 500, "{}", body.escape_ascii());
    if code >= 400 {
        let told: Value = serde_json::from_slice(body).expect("an error in JSON");
        assert_eq!(told["error"]["code"], code);
        assert!(told["error"]["message"].is_string() && told["error"]["status"].is_string());
        return;
    }
    let kind = answer.headers().get("content-type");
    let kind = kind.map_or("", |kind| kind.to_str().expect("a text"));
    if kind.starts_with("application/json") && !body.is_empty() {
        serde_json::from_slice::<Value>(body).expect("an answer in JSON");
    } else if kind == "text/event-stream" {
        let body = std::str::from_utf8(body).expect("a text");
        let events = body.strip_suffix("\r\n\r\n").expect("a last event");
        for event in events.split("\r\n\r\n") {
            let data = event.strip_prefix("data: ").expect("an event");
            serde_json::from_str::<Value>(data).expect("an event in JSON");
        }
    }
}

/// A body that is read as it stands is read the same in the lenient way, if no member has two names.
fn read_alike(body: &[u8]) {
    if body.contains(&b'_') || body.contains(&b'\\') {
        return;
    }
    let strict = serde_json::from_slice::<GenerateContentRequest>(body);
    if let Ok(strict) = strict {
        let lenient = lenient::read::<GenerateContentRequest>(body);
        assert_eq!(lenient.expect("what is read strictly"), strict);
    }
}

#[cfg(test)]
#[path = "../../generativeai/src/remote/fuzz/drive.rs"]
mod drive;

#[cfg(test)]
mod tests {
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
    fn any_request_is_answered_without_a_panic_and_without_a_key_it_does_not_have() {
        drive::fuzz("server_request", request, &SEEDS);
    }

    #[test]
    fn the_seeds_are_answered_as_they_should_be() {
        for (seed, body) in SEEDS
            .iter()
            .zip([true, true, true, true, true, false, false])
        {
            let request = super::read(seed.as_bytes()).expect(seed);
            assert_eq!(!request.body().is_empty(), body, "{seed}");
        }
    }
}
