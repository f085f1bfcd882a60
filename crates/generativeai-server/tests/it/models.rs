//! Which model a name stands for.

use generativeai::testing::Scripted;
use generativeai_server::{Server, router};

use crate::support::{Tiny, get, post, send};

fn script() -> Tiny {
    Tiny(Scripted::default().then_text("Hi!"))
}

#[tokio::test]
async fn any_gemini_is_the_model_there_is_and_the_reply_says_so() {
    let script = script();
    let request = post("/v1beta/models/gemini-2.5-flash:generateContent", "{}");

    let answer = send(&router(script.clone()), request).await;

    assert_eq!(answer.json()["modelVersion"], "tiny");
    assert_eq!(script.0.requests()[0].model.as_deref(), Some("models/tiny"));
}

#[tokio::test]
async fn a_name_that_exists_is_that_model() {
    let script = script();

    let answer = send(
        &router(script.clone()),
        post("/v1/models/other:generateContent", "{}"),
    )
    .await;

    assert_eq!(answer.json()["modelVersion"], "other");
    assert_eq!(
        script.0.requests()[0].model.as_deref(),
        Some("models/other")
    );
}

#[tokio::test]
async fn other_names_are_not_found() {
    let strict = Server::new(script()).strict_names(true).into_router();
    let gemini = "/v1beta/models/gemini-2.5-flash:generateContent";

    let answers = [
        send(&strict, post(gemini, "{}")).await,
        send(&strict, get("/v1beta/models/gemini-2.5-flash")).await,
        send(
            &router(script()),
            post("/v1beta/models/llama:generateContent", "{}"),
        )
        .await,
    ];

    for answer in answers {
        assert_eq!(
            (answer.code(), &answer.error()["status"]),
            (404, &"NOT_FOUND".into())
        );
    }
    let exact = send(&strict, post("/v1beta/models/tiny:generateContent", "{}")).await;
    assert_eq!(exact.code(), 200);
}

#[tokio::test]
async fn a_model_that_is_not_listed_is_found_by_its_name() {
    let script = script();
    let request = post("/v1/models/gemini-hidden:generateContent", "{}");

    let answer = send(&router(script.clone()), request).await;

    assert_eq!(answer.json()["modelVersion"], "gemini-hidden");
    assert_eq!(
        script.0.requests()[0].model.as_deref(),
        Some("models/gemini-hidden")
    );
}

#[tokio::test]
async fn a_backend_that_tells_nothing_of_its_models_judges_names_itself() {
    let script = Scripted::default().then_text("Hi!");

    let answer = send(
        &router(script.clone()),
        post("/v1/models/gemini-x:generateContent", "{}"),
    )
    .await;

    assert!(answer.json().get("modelVersion").is_none());
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
