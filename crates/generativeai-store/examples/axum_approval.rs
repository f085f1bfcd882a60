//! Function calls that a person approves, in a web service. The turn waits in the store until another request decides
//! about its calls, possibly in another process. Runs offline.
//!
//! ```sh
//! cargo run -p generativeai-store --example axum_approval
//! curl -d "Pay Ada 5 pounds." http://127.0.0.1:3000/chats/ann
//! curl -d run http://127.0.0.1:3000/chats/ann/calls/ID
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use generativeai::testing::Scripted;
use generativeai::{
    AutomaticFunctionCalling, CallRequest, ChatSession, Decision, ErrorKind, Function,
    GenerativeModel, Json, Reason, Result,
};
use generativeai_store::Store;
use serde_json::{Value, json};

/// The model with its tools, and the store. Requests share nothing else, so any process can answer any of them.
#[derive(Clone)]
struct Service {
    model: GenerativeModel,
    store: Store,
}

/// JSON for the page, or a status and a message.
type Reply = std::result::Result<String, (StatusCode, String)>;

impl Service {
    /// Opens the chat of a user. Functions that change nothing run; others wait for a click.
    async fn chat(&self, user: &str) -> Result<ChatSession> {
        let session = self.store.find_or_create(user).await?;
        let chat = session.chat(&self.model).await?;
        let policy = async |request: CallRequest| match request.function.is_read_only() {
            true => Decision::Run,
            false => Decision::Wait,
        };
        Ok(chat.automatic_function_calling(AutomaticFunctionCalling::default().approve(policy)))
    }
}

/// Sends a message. A turn that waits for approval is not changed: it has to be decided first.
async fn send(State(service): State<Service>, Path(user): Path<String>, message: String) -> Reply {
    let mut chat = service.chat(&user).await.map_err(failed)?;
    if is_waiting(&chat) {
        return Err((StatusCode::CONFLICT, shown(&chat)));
    }
    chat.send_message(message).await.map_err(failed)?;
    Ok(shown(&chat))
}

/// Decides on a call: the body is `run`, or the reason for a denial. If two clicks arrive at once, the second one gets
/// a conflict.
async fn decide(
    State(service): State<Service>,
    Path((user, id)): Path<(String, String)>,
    body: String,
) -> Reply {
    let mut chat = service.chat(&user).await.map_err(failed)?;
    let decision = match body.as_str() {
        "run" => Decision::Run,
        reason => Decision::deny(reason),
    };
    chat.decide([(id, decision)]).await.map_err(failed)?;
    Ok(shown(&chat))
}

fn is_waiting(chat: &ChatSession) -> bool {
    let reason = chat.unfinished().map(|turn| &turn.reason);
    matches!(reason, Some(Reason::AwaitingApproval(_)))
}

/// Returns the content of the page: the calls that wait, or the reply.
fn shown(chat: &ChatSession) -> String {
    let shown = match chat.unfinished().map(|turn| &turn.reason) {
        Some(Reason::AwaitingApproval(calls)) => json!({ "waiting": calls }),
        _ => json!({ "reply": chat.last().and_then(|reply| reply.text().ok()) }),
    };
    shown.to_string()
}

fn failed(error: generativeai::Error) -> (StatusCode, String) {
    let status = match error.kind() {
        // Decided by another click, or long ago.
        ErrorKind::Conflict | ErrorKind::Request => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, error.to_string())
}

fn router(service: Service) -> Router {
    Router::new()
        .route("/chats/{user}", post(send))
        .route("/chats/{user}/calls/{id}", post(decide))
        .with_state(service)
}

/// Pays someone: a function that a model should not run without approval.
fn pay() -> Function {
    Function::new("pay", "Pays someone.", |payment: Value| {
        Json(json!({ "paid": payment }))
    })
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    // Prepared replies instead of a model. Leave out the backend to use the Gemini API.
    let replies = Scripted::default()
        .then_call("pay", json!({"to": "Ada", "pounds": 5}))
        .then_text("Ada has got 5 pounds.");
    let model = GenerativeModel::new("gemini-flash-latest")
        .tools(pay())
        .backend(replies);
    let store = Store::open("sqlite::memory:").await?; // a file, such as `sqlite:chats.sqlite`, survives a restart
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, router(Service { model, store })).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    type Tested<T = ()> = std::result::Result<T, Box<dyn Error>>;

    /// Returns the service with a script, as after a start of its process.
    fn service(script: &Scripted, store: &Store) -> Router {
        let model = GenerativeModel::new("m")
            .tools(pay())
            .backend(script.clone());
        let store = store.clone();
        router(Service { model, store })
    }

    /// Sends a request, and returns the status and the body.
    async fn post(service: &Router, path: &str, body: &'static str) -> Tested<(u16, String)> {
        let request = Request::post(path).body(Body::from(body))?;
        let response = service.clone().oneshot(request).await?;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await?;
        Ok((status, String::from_utf8(body.to_vec())?))
    }

    #[tokio::test]
    async fn a_click_in_another_request_of_another_process_decides_once() -> Tested {
        let store = Store::open("sqlite::memory:").await?;
        let script = Scripted::default()
            .then_call("pay", json!({"to": "Ada", "pounds": 5}))
            .then_text("Ada has got 5 pounds.");

        let (status, waiting) = post(&service(&script, &store), "/chats/ann", "Pay Ada!").await?;
        let waiting: Value = serde_json::from_str(&waiting)?;
        let call = &waiting["waiting"][0];
        let path = format!("/chats/ann/calls/{}", call["id"].as_str().ok_or("no id")?);
        let other = service(&script, &store);
        let early = post(&other, "/chats/ann", "And Bob!").await?;
        let decided = post(&other, &path, "run").await?;
        let again = post(&other, &path, "run").await?;

        assert_eq!(status, 200);
        assert_eq!(call["call"]["args"], json!({"to": "Ada", "pounds": 5}));
        assert_eq!(early.0, 409);
        assert_eq!(
            decided,
            (200, r#"{"reply":"Ada has got 5 pounds."}"#.to_owned())
        );
        assert_eq!(again.0, 409);
        let contents = store.session("ann").await?.contents().await?;
        let paid = json!({"paid": {"to": "Ada", "pounds": 5}});
        let response = &json!(contents[2].parts[0])["functionResponse"]["response"];
        assert_eq!((contents.len(), response), (4, &paid));
        Ok(())
    }

    #[tokio::test]
    async fn a_denial_reaches_the_model() -> Tested {
        let store = Store::open("sqlite::memory:").await?;
        let script = Scripted::default()
            .then_call("pay", json!({"to": "Ada", "pounds": 5}))
            .then_text("I did not pay.");
        let service = service(&script, &store);

        let waiting = post(&service, "/chats/ann", "Pay Ada!").await?.1;
        let waiting: Value = serde_json::from_str(&waiting)?;
        let id = waiting["waiting"][0]["id"].as_str().ok_or("no id")?;
        let reply = post(&service, &format!("/chats/ann/calls/{id}"), "too much")
            .await?
            .1;

        assert_eq!(reply, r#"{"reply":"I did not pay."}"#);
        let sent = json!(script.requests()[1].contents);
        assert!(sent.to_string().contains("denied: too much"), "{sent}");
        Ok(())
    }
}
