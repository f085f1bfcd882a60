//! Function calls that a person approves, in a web service. The turn waits in the store until another request decides
//! about its calls, possibly in another process. Runs offline. `{user}` in a path stands for a name that was
//! authenticated.
//!
//! ```sh
//! cargo run -p generativeai-store --example axum_approval
//! curl -d "Pay Ada 5 pounds." http://127.0.0.1:3000/chats/ann
//! curl -d run http://127.0.0.1:3000/chats/ann/calls/ID
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use generativeai::testing::Scripted;
use generativeai::{
    AutomaticFunctionCalling, CallRequest, ChatSession, Decision, ErrorKind, Function,
    FunctionEvent, GenerativeModel, Json, Reason, Result, Unfinished,
};
use generativeai_store::Store;
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// The model with its tools, the store, and a lock for each user. The conversations are in the store alone, so a turn
/// that waits can be decided in any process.
///
/// A message discards the turn of the same user that runs, so the requests of a user wait for each other. The locks are
/// those of one process: a balancer in front of several processes has to send all requests of a user to the same one. A
/// service for many users would also remove the locks that are not in use.
#[derive(Clone)]
struct Service {
    model: GenerativeModel,
    store: Store,
    locks: Arc<Mutex<HashMap<String, Arc<Mutex<()>>>>>,
}

/// What a request does with the conversation of its user.
enum Action {
    Send(String),
    Decide(String, Decision),
}

/// JSON for the page, or a status and a message.
type Reply = std::result::Result<String, (StatusCode, String)>;

impl Service {
    fn new(model: GenerativeModel, store: Store) -> Self {
        Self {
            model,
            store,
            locks: Arc::default(),
        }
    }

    /// Opens the chat of a user. Functions that change nothing run; others wait for a click. `has_run` is set when a
    /// function starts. The prefix of the name separates users from other sessions.
    async fn chat(&self, user: &str, has_run: Arc<AtomicBool>) -> Result<ChatSession> {
        let session = self.store.find_or_create(&format!("user-{user}")).await?;
        let chat = session.chat(&self.model).await?;
        let policy = async |request: CallRequest| match request.function.is_read_only() {
            true => Decision::Run,
            false => Decision::Wait,
        };
        let calling = AutomaticFunctionCalling::default()
            .approve(policy)
            .observer(move |event| {
                if let FunctionEvent::Called(_) = event {
                    has_run.store(true, Ordering::Relaxed);
                }
            });
        Ok(chat.automatic_function_calling(calling))
    }

    /// Runs a turn in its own task: a client that disconnects must not stop a payment halfway.
    async fn spawn(self, user: String, action: Action) -> Reply {
        let turn = tokio::spawn(async move { self.run(&user, action).await });
        let panicked = |error: tokio::task::JoinError| internal(error.to_string());
        turn.await.map_err(panicked)?
    }

    async fn run(&self, user: &str, action: Action) -> Reply {
        let lock = Arc::clone(self.locks.lock().await.entry(user.to_owned()).or_default());
        let _guard = lock.lock().await;
        let has_run = Arc::new(AtomicBool::new(false));
        let mut chat = self.chat(user, has_run.clone()).await.map_err(failed)?;
        let is_decision = matches!(action, Action::Decide(..));
        let outcome = match action {
            // A turn that waits for approval has to be decided first.
            Action::Send(_) if is_waiting(&chat) => {
                return Err((StatusCode::CONFLICT, shown(&chat)));
            }
            Action::Send(message) => {
                // A turn that failed after a payment. Otherwise the model would not know of it, and might pay again.
                if chat.unfinished().is_some_and(Unfinished::functions_started) {
                    chat.keep_partial();
                }
                chat.send_message(message).await
            }
            Action::Decide(id, decision) => chat.decide([(id, decision)]).await,
        };
        match (outcome, chat.unsaved()) {
            (Ok(_), None) => Ok(shown(&chat)),
            // Not "try again": the payment was made, although the conversation does not contain it.
            (_, Some(error)) if has_run.load(Ordering::Relaxed) => {
                Err(internal(format!("ran, but was not recorded: {error}")))
            }
            (Err(error), _) if has_run.load(Ordering::Relaxed) => {
                Err(internal(format!("ran, but the reply failed: {error}")))
            }
            (Ok(_), Some(error)) => Err(internal(format!("not recorded: {error}"))),
            // Decided by another click, or long ago. An error of the service has a status.
            (Err(error), _)
                if is_decision
                    && error.kind() == ErrorKind::Request
                    && error.status().is_none() =>
            {
                Err((StatusCode::CONFLICT, error.to_string()))
            }
            (Err(error), _) => Err(failed(error)),
        }
    }
}

/// Sends a message.
async fn send(State(service): State<Service>, Path(user): Path<String>, message: String) -> Reply {
    service.spawn(user, Action::Send(message)).await
}

/// Decides on a call: the body is `run`, or the reason for a denial. If two clicks arrive at once, the second one gets
/// a conflict.
async fn decide(
    State(service): State<Service>,
    Path((user, id)): Path<(String, String)>,
    body: String,
) -> Reply {
    let decision = match body.as_str() {
        "run" => Decision::Run,
        reason => Decision::deny(reason),
    };
    service.spawn(user, Action::Decide(id, decision)).await
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
    match error.kind() {
        // Another process has written the session.
        ErrorKind::Conflict => (StatusCode::CONFLICT, error.to_string()),
        _ => internal(error.to_string()),
    }
}

fn internal(message: String) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, message)
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
    // The example `axum_sse` shows how to end the turns that run when the process stops.
    axum::serve(listener, router(Service::new(model, store))).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use generativeai::Error;
    use tokio::sync::Semaphore;
    use tower::ServiceExt;

    use super::*;

    type Tested<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

    /// Returns the service with a script, as after a start of its process.
    fn service(script: &Scripted, store: &Store, pay: Function) -> Router {
        let model = GenerativeModel::new("m").tools(pay).backend(script.clone());
        router(Service::new(model, store.clone()))
    }

    /// Returns a payment that reports its start and waits for a permit, and counts.
    fn slow_pay() -> (Function, Arc<[Semaphore; 2]>, Arc<AtomicU32>) {
        let gates = Arc::new([Semaphore::new(0), Semaphore::new(0)]);
        let paid = Arc::new(AtomicU32::new(0));
        let (inner, count) = (gates.clone(), paid.clone());
        let pay = Function::new("pay", "Pays someone.", move |_: Value| {
            let (gates, paid) = (inner.clone(), count.clone());
            async move {
                gates[0].add_permits(1);
                gates[1].acquire().await.expect("it is open").forget();
                paid.fetch_add(1, Ordering::Relaxed);
                "paid"
            }
        });
        (pay, gates, paid)
    }

    /// Returns the path of the first call that waits.
    fn path_of(waiting: &str) -> Tested<String> {
        let waiting: Value = serde_json::from_str(waiting)?;
        let id = waiting["waiting"][0]["id"].as_str().ok_or("no id")?;
        Ok(format!("/chats/ann/calls/{id}"))
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

        let here = service(&script, &store, pay());
        let (status, waiting) = post(&here, "/chats/ann", "Pay Ada!").await?;
        let path = path_of(&waiting)?;
        let waiting: Value = serde_json::from_str(&waiting)?;
        let call = &waiting["waiting"][0];
        let other = service(&script, &store, pay());
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
        let contents = store.session("user-ann").await?.contents().await?;
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
        let service = service(&script, &store, pay());

        let waiting = post(&service, "/chats/ann", "Pay Ada!").await?.1;
        let reply = post(&service, &path_of(&waiting)?, "too much").await?.1;

        assert_eq!(reply, r#"{"reply":"I did not pay."}"#);
        let sent = json!(script.requests()[1].contents);
        assert!(sent.to_string().contains("denied: too much"), "{sent}");
        Ok(())
    }

    #[tokio::test]
    async fn a_message_waits_for_a_function_that_runs_even_if_its_client_disconnects() -> Tested {
        let store = Store::open("sqlite::memory:").await?;
        let script = Scripted::default()
            .then_call("pay", json!({"to": "Ada"}))
            .then_text("Ada has got it.")
            .then_text("You are welcome.");
        let (pay, gates, paid) = slow_pay();
        let [started, go] = &*gates;
        let service = service(&script, &store, pay);
        let waiting = post(&service, "/chats/ann", "Pay Ada!").await?.1;

        let path = path_of(&waiting)?;
        let click = post(&service, &path, "run");
        tokio::select! {
            _ = click => return Err("nothing ran".into()),
            permit = started.acquire() => permit?.forget(),
        }
        // The click was dropped above, with its connection.
        let (thanks, ()) = tokio::join!(post(&service, "/chats/ann", "Thanks."), async {
            tokio::task::yield_now().await;
            go.add_permits(1);
        });

        assert_eq!(thanks?, (200, r#"{"reply":"You are welcome."}"#.to_owned()));
        assert_eq!(paid.load(Ordering::Relaxed), 1);
        assert_eq!(store.session("user-ann").await?.contents().await?.len(), 6);
        Ok(())
    }

    #[tokio::test]
    async fn a_conflict_after_a_payment_is_not_reported_as_a_late_click() -> Tested {
        let store = Store::open("sqlite::memory:").await?;
        let script = Scripted::default()
            .then_call("pay", json!({"to": "Ada"}))
            .then_text("You are welcome.");
        let (pay, gates, paid) = slow_pay();
        let [started, go] = &*gates;
        let here = service(&script, &store, pay.clone());
        let elsewhere = service(&script, &store, pay);
        let waiting = post(&here, "/chats/ann", "Pay Ada!").await?.1;

        let path = path_of(&waiting)?;
        let (click, thanks) = tokio::join!(post(&here, &path, "run"), async {
            started.acquire().await?.forget();
            let thanks = post(&elsewhere, "/chats/ann", "Thanks.").await;
            go.add_permits(1);
            thanks
        });

        assert_eq!(thanks?.0, 200);
        let (status, message) = click?;
        assert_eq!(status, 500);
        assert!(
            message.starts_with("ran, but was not recorded: "),
            "{message}"
        );
        assert_eq!(paid.load(Ordering::Relaxed), 1);
        Ok(())
    }

    #[tokio::test]
    async fn after_a_payment_and_a_failed_reply_the_model_knows_of_the_payment() -> Tested {
        let store = Store::open("sqlite::memory:").await?;
        let script = Scripted::default()
            .then_call("pay", json!({"to": "Ada"}))
            .then_fail(&[])
            .then_text("Yes.");
        let service = service(&script, &store, pay());

        let waiting = post(&service, "/chats/ann", "Pay Ada!").await?.1;
        let failed = post(&service, &path_of(&waiting)?, "run").await?;
        let reply = post(&service, "/chats/ann", "Has she got it?").await?.1;

        assert_eq!(failed.0, 500);
        assert!(
            failed.1.starts_with("ran, but the reply failed: "),
            "{failed:?}"
        );
        assert_eq!(reply, r#"{"reply":"Yes."}"#);
        let sent = json!(script.requests()[2].contents).to_string();
        assert!(sent.contains(r#""paid""#), "{sent}");
        Ok(())
    }

    #[tokio::test]
    async fn a_request_that_the_service_refuses_is_not_a_late_click() -> Tested {
        let store = Store::open("sqlite::memory:").await?;
        let refused = || Error::new(ErrorKind::Request, "too long");
        let script = Scripted::default()
            .then_error(&[], refused())
            .then_call("pay", json!({"to": "Ada"}))
            .then_error(&[], refused());
        let service = service(&script, &store, pay());

        let message = post(&service, "/chats/ann", "Pay Bob!").await?;
        let waiting = post(&service, "/chats/ann", "Pay Ada!").await?.1;
        let click = post(&service, &path_of(&waiting)?, "run").await?;

        assert_eq!((message.0, click.0), (500, 500));
        Ok(())
    }
}
