//! Model names.

use generativeai::testing::Scripted;
use generativeai_server::{Server, router};

use crate::support::{Tiny, get, post, send};

fn script() -> Tiny {
    Tiny(Scripted::default().then_text("Hi!"))
}

#[tokio::test]
async fn a_gemini_name_is_served_by_the_first_model_which_the_reply_names() {
    let script = script();
    let request = post("/v1beta/models/gemini-2.5-flash:generateContent", "{}");

    let response = send(&router(script.clone()), request).await;

    assert_eq!(response.json()["modelVersion"], "tiny");
    assert_eq!(script.0.requests()[0].model.as_deref(), Some("models/tiny"));
}

#[tokio::test]
async fn a_name_of_the_backend_is_that_model() {
    let script = script();

    let response = send(
        &router(script.clone()),
        post("/v1/models/other:generateContent", "{}"),
    )
    .await;

    assert_eq!(response.json()["modelVersion"], "other");
    assert_eq!(
        script.0.requests()[0].model.as_deref(),
        Some("models/other")
    );
}

#[tokio::test]
async fn unknown_names_are_not_found() {
    let strict = Server::new(script()).strict_model_names(true).into_router();
    let gemini = "/v1beta/models/gemini-2.5-flash:generateContent";

    let responses = [
        send(&strict, post(gemini, "{}")).await,
        send(&strict, get("/v1beta/models/gemini-2.5-flash")).await,
        send(
            &router(script()),
            post("/v1beta/models/llama:generateContent", "{}"),
        )
        .await,
    ];

    for response in responses {
        response.assert_error(404, "NOT_FOUND");
    }
    let exact = send(&strict, post("/v1beta/models/tiny:generateContent", "{}")).await;
    assert_eq!(exact.code(), 200);
}

#[tokio::test]
async fn a_model_that_the_backend_does_not_list_is_found_by_its_name() {
    let script = script();
    let request = post("/v1/models/gemini-hidden:generateContent", "{}");

    let response = send(&router(script.clone()), request).await;

    assert_eq!(response.json()["modelVersion"], "gemini-hidden");
    assert_eq!(
        script.0.requests()[0].model.as_deref(),
        Some("models/gemini-hidden")
    );
}

#[tokio::test]
async fn names_reach_a_backend_that_lists_no_models_unchanged() {
    let script = Scripted::default().then_text("Hi!");

    let response = send(
        &router(script.clone()),
        post("/v1/models/gemini-x:generateContent", "{}"),
    )
    .await;

    assert_eq!(response.json()["modelVersion"], "gemini-x");
    assert_eq!(
        script.requests()[0].model.as_deref(),
        Some("models/gemini-x")
    );
}

#[tokio::test]
async fn models_are_listed_and_described() {
    let router = router(script());

    let list = send(&router, get("/v1beta/models?pageSize=50")).await;
    let more = send(&router, get("/v1beta/models?pageToken=2")).await;
    let gemini = send(&router, get("/v1beta/models/gemini-2.5-flash")).await;
    let unknown = send(&router, get("/v1beta/models/llama")).await;

    assert_eq!(list.json()["models"][0]["name"], "models/tiny");
    assert_eq!(list.json()["nextPageToken"], "2");
    assert_eq!(more.json()["models"][0]["name"], "models/other");
    assert_eq!(gemini.json()["name"], "models/gemini-2.5-flash");
    assert_eq!(gemini.json()["displayName"], "MODELS/TINY");
    assert_eq!(unknown.error()["status"], "NOT_FOUND");
}

#[tokio::test]
async fn a_default_model_serves_the_names_that_google_publishes() {
    for (default, version) in [("other", "other"), ("models/hidden/x:1", "hidden/x:1")] {
        let script = script();
        let server = Server::new(script.clone()).default_model(default);
        let request = post("/v1beta/models/gemini-2.5-flash:generateContent", "{}");

        let response = send(&server.into_router(), request).await;

        assert_eq!(response.code(), 200);
        let sent = script.0.requests()[0].model.clone().expect("a model");
        assert!(sent.ends_with(default), "{sent}");
        assert_eq!(response.json()["modelVersion"], version);
    }
}

#[tokio::test]
async fn a_default_model_does_not_replace_the_models_of_the_backend_or_names_of_others() {
    let script = script();
    let router = Server::new(script.clone())
        .default_model("other")
        .into_router();

    let own = send(&router, post("/v1/models/tiny:generateContent", "{}")).await;
    let unknown = send(&router, post("/v1/models/llama:generateContent", "{}")).await;

    assert_eq!(own.json()["modelVersion"], "tiny");
    assert_eq!(unknown.error()["status"], "NOT_FOUND");
}

/// Row 35 of tests/field.md.
#[tokio::test]
async fn any_name_that_google_publishes_is_served_by_the_first_model() {
    for name in [
        "gemma-3-27b-it",
        "learnlm-2.0-flash-experimental",
        "text-bison-001",
        "gemini-pro",
    ] {
        let script = script();
        let request = post(&format!("/v1beta/models/{name}:generateContent"), "{}");

        let response = send(&router(script.clone()), request).await;

        assert_eq!(response.json()["modelVersion"], "tiny", "{name}");
    }
}

/// Row 43 of tests/field.md.
#[tokio::test]
async fn a_base_url_without_a_version_or_with_two_works() {
    let script = Tiny((0..4).fold(Scripted::default(), |script, _| script.then_text("Hi!")));
    let router = router(script);

    for base in [
        "",
        "/v1beta/v1beta",
        "/v1/v1beta",
        "/v1beta/models/tiny/v1beta",
    ] {
        let path = format!("{base}/models/tiny:generateContent");
        let response = send(&router, post(&path, "{}")).await;

        assert_eq!(response.code(), 200, "{path}");
    }
}
