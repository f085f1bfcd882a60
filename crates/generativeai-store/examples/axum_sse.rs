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
            let text = json!({ "text": chunk.text().unwrap_or_default() });
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
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    type Tested = Result<(), Box<dyn Error>>;

    /// Starts the service with a script, and returns its address and its store.
    async fn start(script: Scripted, store: &Store) -> Result<SocketAddr, Box<dyn Error>> {
        let model = GenerativeModel::new("m").backend(script);
        let router = router(Chats::new(model, store.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async { axum::serve(listener, router).await });
        Ok(address)
    }

    async fn post(address: SocketAddr, message: &str) -> std::io::Result<TcpStream> {
        let length = message.len();
        let request = format!(
            "POST /chats/ann HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{message}"
        );
        let mut connection = TcpStream::connect(address).await?;
        connection.write_all(request.as_bytes()).await?;
        Ok(connection)
    }

    async fn ask(address: SocketAddr, message: &str) -> std::io::Result<String> {
        let mut answer = String::new();
        let mut connection = post(address, message).await?;
        connection.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    async fn history(store: &Store) -> Result<Vec<String>, Box<dyn Error>> {
        let contents = store.session("ann").await?.contents().await?;
        Ok(contents.iter().map(ToString::to_string).collect())
    }

    #[tokio::test]
    async fn a_conversation_is_streamed_as_events_and_continues_after_a_restart() -> Tested {
        let store = Store::open("sqlite::memory:").await?;
        let script = Scripted::default().then_chunks(["Once ", "upon ", "a time."]);

        let first = ask(start(script, &store).await?, "Tell me a story.").await?;
        let script =
            Scripted::answer_with(|request| format!("{} contents.", request.contents.len()));
        let second = ask(start(script, &store).await?, "And then?").await?;

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
        let address = start(script, &store).await?;

        let mut connection = post(address, "Tell me a story.").await?;
        let mut received = String::new();
        while !received.contains("Once") {
            let mut bytes = [0; 512];
            let length = connection.read(&mut bytes).await?;
            received.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
        drop(connection);
        let answer = ask(address, "How does it end?").await?;

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
        let address = start(script, &store).await?;

        let answers = tokio::try_join!(ask(address, "One"), ask(address, "Two"))?;

        let answers = format!("{answers:?}");
        assert!(
            answers.contains("1 contents.") && answers.contains("3 contents."),
            "{answers}"
        );
        assert_eq!(history(&store).await?.len(), 4);
        Ok(())
    }
}
