//! Hosts, origins and API keys.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;
use generativeai::testing::Scripted;
use generativeai_server::{Server, router};
use serde_json::json;

use crate::support::{get, hello, send, with};

fn script() -> Scripted {
    (0..8).fold(Scripted::default(), |script, _| script.then_text("Hi!"))
}

#[tokio::test]
async fn requests_for_other_hosts_are_rejected_unless_allowed() {
    let bad = with(hello("generateContent"), &[("host", "evil.example")]);
    let page = with(get("/"), &[("host", "evil.example")]);

    for request in [bad, page] {
        let response = send(&router(script()), request).await;

        response.assert_error(403, "PERMISSION_DENIED");
    }
    let open = Server::new(script()).allow_host("model.lan").into_router();
    let named = with(hello("generateContent"), &[("host", "model.lan:8080")]);
    assert_eq!(send(&open, named).await.code(), 200);
}

#[tokio::test]
async fn the_key_is_accepted_wherever_clients_send_it() {
    let guarded = Server::new(script()).api_key("s3cret").into_router();

    for (path, headers) in [
        ("generateContent", &[("x-goog-api-key", "s3cret")][..]),
        ("generateContent?key=s3cret", &[]),
        ("generateContent", &[("authorization", "Bearer s3cret")]),
    ] {
        assert_eq!(send(&guarded, with(hello(path), headers)).await.code(), 200);
    }
    assert_eq!(send(&guarded, get("/healthz")).await.code(), 200);
}

#[test]
fn the_key_is_not_in_the_debug_output_of_a_server() {
    let guarded = Server::new(script()).api_key("s3cret");

    assert!(!format!("{guarded:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_wrong_key_is_the_error_that_the_service_returns() {
    let guarded = Server::new(script()).api_key("s3cret").into_router();

    let wrong = send(
        &guarded,
        with(hello("generateContent"), &[("x-goog-api-key", "x")]),
    )
    .await;
    // The key comes before other errors in the query string.
    let none = send(&guarded, get("/v1beta/models?alt=proto")).await;

    assert_eq!(wrong.code(), 400);
    assert_eq!(wrong.error()["details"][0]["reason"], "API_KEY_INVALID");
    none.assert_error(403, "PERMISSION_DENIED");
}

#[tokio::test]
async fn requests_of_pages_of_other_origins_are_rejected_unless_allowed() {
    let origin = &[("origin", "http://page.example")];

    let refused = send(&router(script()), with(hello("generateContent"), origin)).await;
    let own = &[
        ("host", "localhost:8080"),
        ("origin", "http://localhost:8080"),
    ];
    let own = send(&router(script()), with(hello("generateContent"), own)).await;
    let reported = Arc::new(Mutex::new(Vec::new()));
    let reports = Arc::clone(&reported);
    let open = Server::new(script())
        .allow_origin("http://page.example")
        .on_refused(move |message| reports.lock().expect("no panic").push(message.to_owned()))
        .into_router();
    let allowed = send(&open, with(hello("generateContent"), origin)).await;
    let other = send(
        &open,
        with(hello("generateContent"), &[("origin", "http://b.example")]),
    )
    .await;

    assert_eq!(refused.error()["status"], "PERMISSION_DENIED");
    assert_eq!(refused.header("access-control-allow-origin"), "");
    assert_eq!(own.code(), 200);
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        "http://page.example"
    );
    assert_eq!(allowed.code(), 200);
    assert_eq!(other.code(), 403);
    let reported = reported.lock().expect("no panic");
    let message = other.error()["message"].clone();
    assert_eq!(json!(*reported), json!([message]));
    assert!(reported[0].starts_with("requests from pages of `http://b.example` are not allowed"));
}

#[tokio::test]
async fn a_preflight_request_of_an_allowed_origin_succeeds() {
    let preflight = || {
        let request =
            Request::options("/v1beta/models/m:generateContent").header("host", "localhost");
        let request = request.header("origin", "http://page.example");
        let request = request.header(
            "access-control-request-headers",
            "content-type,x-goog-api-key",
        );
        request.body(Body::empty()).expect("a request")
    };
    let open = Server::new(script())
        .api_key("s3cret")
        .allow_origin("*")
        .into_router();

    let allowed = send(&open, preflight()).await;
    let refused = send(&router(script()), preflight()).await;

    assert_eq!(allowed.code(), 204);
    assert_eq!(
        allowed.header("access-control-allow-methods"),
        "GET, POST, PUT, DELETE"
    );
    assert_eq!(
        allowed.header("access-control-allow-headers"),
        "content-type,x-goog-api-key"
    );
    assert_eq!(refused.code(), 403);
    assert!(
        refused
            .text()
            .contains("allow the origin with `allow_origin`")
    );
}
