//! Chats in a web service: one stored conversation for each user, streamed as server-sent events. Runs offline.
//!
//! ```sh
//! cargo run -p generativeai-store --example axum_sse
//! curl -N -d "Tell me a story." http://127.0.0.1:3000/chats/ann
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::post;
use futures_util::stream::{self, Stream};
use generativeai::testing::Scripted;
use generativeai::{ChatSession, GenerativeModel, ReplyStream, SendMessage};
use generativeai_store::Store;
use serde_json::json;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The model, the store, and the open chats by the name of the user.
///
/// A chat has its own asynchronous lock: two messages of one user wait for each other, and users do not wait for other
/// users. A service for many users would also close chats that are idle; the store has them all.
#[derive(Clone)]
struct Chats {
    model: GenerativeModel,
    store: Store,
    open: Arc<Mutex<HashMap<String, Arc<Mutex<ChatSession>>>>>,
}

impl Chats {
    fn new(model: GenerativeModel, store: Store) -> Self {
        Self {
            model,
            store,
            open: Arc::default(),
        }
    }

    /// Locks the chat of a user, which is read from the store or created if it is not open.
    async fn of(&self, user: &str) -> generativeai::Result<OwnedMutexGuard<ChatSession>> {
        let mut open = self.open.lock().await;
        let chat = match open.get(user) {
            Some(chat) => Arc::clone(chat),
            None => {
                let session = self.store.find_or_create(user).await?;
                let chat = Arc::new(Mutex::new(session.chat(&self.model).await?));
                open.insert(user.to_owned(), Arc::clone(&chat));
                chat
            }
        };
        // Released before waiting for the chat: a long reply of this user must not block others.
        drop(open);
        Ok(chat.lock_owned().await)
    }
}

/// Sends a message, and streams the reply. If the client disconnects, axum drops the stream: the request to the model
/// stops, the history is as it was before the message, and the chat is unlocked.
async fn send(
    State(chats): State<Chats>,
    Path(user): Path<String>,
    message: String,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, (StatusCode, String)> {
    let failed =
        |error: generativeai::Error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    let chat = chats.of(&user).await.map_err(failed)?;
    let reply = SendMessage::new(chat, message).stream();
    Ok(Sse::new(stream::unfold(Some(reply), next_event)))
}

type Reply = ReplyStream<'static, OwnedMutexGuard<ChatSession>>;

/// Returns the next event of a reply, and the rest of the reply unless it was the last event.
async fn next_event(reply: Option<Reply>) -> Option<(Result<Event, Infallible>, Option<Reply>)> {
    let mut reply = reply?;
    let event = match reply.next().await {
        // As JSON, so that a chunk with line breaks is one line of the event: many clients read only one. A chunk may
        // have no text.
        Some(Ok(chunk)) => {
            let text = json!({ "text": chunk.text_lossy() });
            return Some((Ok(Event::default().data(text.to_string())), Some(reply)));
        }
        Some(Err(error)) => Event::default().event("error").data(error.to_string()),
        None => {
            let usage = reply
                .response()
                .and_then(|reply| reply.usage_metadata.clone());
            Event::default()
                .event("done")
                .data(json!({ "usage": usage }).to_string())
        }
    };
    Some((Ok(event), None))
}

fn router(chats: Chats) -> Router {
    Router::new()
        .route("/chats/{user}", post(send))
        .with_state(chats)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Prepared replies instead of a model. Leave out the backend to use the Gemini API.
    let replies = Scripted::default()
        .then_chunks(["Once ", "upon ", "a time."])
        .then_text("The end.");
    let model = GenerativeModel::new("gemini-flash-latest").backend(replies);
    let store = Store::open("sqlite::memory:").await?; // a file, such as `sqlite:chats.sqlite`, survives a restart
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, router(Chats::new(model, store))).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use futures_util::StreamExt;
    use tower::ServiceExt;

    use super::*;

    type Tested<T = ()> = Result<T, Box<dyn Error>>;

    /// Returns the service with a script, as after a start of its process.
    fn service(script: Scripted, store: &Store) -> Router {
        let model = GenerativeModel::new("m").backend(script);
        router(Chats::new(model, store.clone()))
    }

    /// Sends a message, and returns the body of the response.
    async fn send(service: &Router, message: &'static str) -> Tested<Body> {
        let request = Request::post("/chats/ann").body(Body::from(message))?;
        Ok(service.clone().oneshot(request).await?.into_body())
    }

    async fn ask(service: &Router, message: &'static str) -> Tested<String> {
        let answer = to_bytes(send(service, message).await?, usize::MAX).await?;
        Ok(String::from_utf8(answer.to_vec())?)
    }

    async fn history(store: &Store) -> Tested<Vec<String>> {
        let contents = store.session("ann").await?.contents().await?;
        Ok(contents.iter().map(ToString::to_string).collect())
    }

    #[tokio::test]
    async fn a_conversation_is_streamed_as_events_and_continues_after_a_restart() -> Tested {
        let store = Store::open("sqlite::memory:").await?;
        let script = Scripted::default().then_chunks(["Once ", "upon ", "a time."]);

        let first = ask(&service(script, &store), "Tell me a story.").await?;
        let script =
            Scripted::answer_with(|request| format!("{} contents.", request.contents.len()));
        let second = ask(&service(script, &store), "And then?").await?;

        for event in [
            r#"{"text":"Once "}"#,
            r#"{"text":"a time."}"#,
            "event: done",
        ] {
            assert!(first.contains(event), "{event} is missing in {first}");
        }
        assert!(second.contains(r#"{"text":"3 contents."}"#), "{second}");
        Ok(())
    }

    #[tokio::test]
    async fn a_client_that_disconnects_stops_its_reply_and_unlocks_the_chat() -> Tested {
        let store = Store::open("sqlite::memory:").await?;
        let script = Scripted::default()
            .then_hang(&["Once "])
            .then_text("The end.");
        let service = service(script, &store);

        let body = send(&service, "Tell me a story.").await?;
        let mut events = body.into_data_stream();
        let first = events.next().await.ok_or("no event")??;
        assert!(String::from_utf8_lossy(&first).contains("Once"));
        drop(events);
        let answer = ask(&service, "How does it end?").await?;

        assert!(answer.contains(r#"{"text":"The end."}"#), "{answer}");
        assert_eq!(
            history(&store).await?,
            ["user: How does it end?", "model: The end."]
        );
        Ok(())
    }

    #[tokio::test]
    async fn two_requests_of_one_user_wait_for_each_other() -> Tested {
        let store = Store::open("sqlite::memory:").await?;
        let script =
            Scripted::answer_with(|request| format!("{} contents.", request.contents.len()));
        let service = service(script, &store);

        let answers = tokio::try_join!(ask(&service, "One"), ask(&service, "Two"))?;

        let answers = format!("{answers:?}");
        assert!(
            answers.contains("1 contents.") && answers.contains("3 contents."),
            "{answers}"
        );
        assert_eq!(history(&store).await?.len(), 4);
        Ok(())
    }
}
