//! Chats in a web service: one conversation for each user, streamed as server-sent events. Runs offline.
//!
//! ```sh
//! cargo run -p generativeai --example axum_sse
//! curl -N -d "Tell me a story." http://127.0.0.1:3000/chats/ann
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::post;
use futures_util::stream::{self, Stream};
use generativeai::testing::Scripted;
use generativeai::{ChatSession, GenerativeModel};
use serde_json::json;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, mpsc};

/// The model, and the chats by the name of the user.
///
/// A chat has its own asynchronous lock: two messages of one user wait for each other, and users do not
/// wait for other users. `generativeai-store` keeps chats in a database instead.
#[derive(Clone)]
struct Chats {
    model: GenerativeModel,
    by_user: Arc<Mutex<HashMap<String, Arc<AsyncMutex<ChatSession>>>>>,
}

impl Chats {
    fn of(&self, user: String) -> Arc<AsyncMutex<ChatSession>> {
        let mut chats = self.by_user.lock().expect("no thread panics with the lock");
        let new = || Arc::new(AsyncMutex::new(self.model.start_chat()));
        Arc::clone(chats.entry(user).or_insert_with(new))
    }
}

/// Sends a message, and streams the reply.
async fn send(
    State(chats): State<Chats>,
    Path(user): Path<String>,
    message: String,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let chat = chats.of(user).lock_owned().await;
    // A reply borrows its chat, so a task owns both. The channel holds few events: a client that reads
    // slowly slows down the reply.
    let (events, received) = mpsc::channel(4);
    tokio::spawn(reply(chat, message, events));
    Sse::new(stream::unfold(received, |mut received| async {
        received.recv().await.map(|event| (Ok(event), received))
    }))
}

async fn reply(
    mut chat: OwnedMutexGuard<ChatSession>,
    message: String,
    events: mpsc::Sender<Event>,
) {
    let mut reply = chat.send_message(message).stream();
    loop {
        let chunk = tokio::select! {
            chunk = reply.next() => chunk,
            // The client is gone. Dropping the reply stops the request, and leaves the history as it was
            // before the message.
            () = events.closed() => return,
        };
        let event = match chunk {
            // As JSON, since a line break would end the data of an event.
            Some(Ok(chunk)) => {
                let text = chunk.text().unwrap_or_default();
                Event::default().data(json!({ "text": text }).to_string())
            }
            Some(Err(error)) => Event::default().event("error").data(error.to_string()),
            None => break,
        };
        if events.send(event).await.is_err() {
            return;
        }
    }
    let usage = chat.last().and_then(|reply| reply.usage_metadata.clone());
    let usage = json!({ "usage": usage }).to_string();
    events
        .send(Event::default().event("done").data(usage))
        .await
        .ok();
}

fn router() -> Router {
    // Prepared replies instead of a model. Leave out the backend to use the Gemini API.
    let replies = Scripted::default()
        .then_chunks(["Once ", "upon ", "a time."])
        .then_text("The end.");
    let chats = Chats {
        model: GenerativeModel::new("gemini-flash-latest").backend(replies),
        by_user: Arc::default(),
    };
    Router::new()
        .route("/chats/{user}", post(send))
        .with_state(chats)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, router()).await
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn ask(address: std::net::SocketAddr, message: &str) -> std::io::Result<String> {
        let length = message.len();
        let request = format!(
            "POST /chats/ann HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{message}"
        );
        let mut connection = TcpStream::connect(address).await?;
        connection.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn a_conversation_is_streamed_as_events() -> std::io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async { axum::serve(listener, router()).await });

        let first = ask(address, "Tell me a story.").await?;
        let second = ask(address, "And then?").await?;

        for event in [
            r#"{"text":"Once "}"#,
            r#"{"text":"a time."}"#,
            "event: done",
        ] {
            assert!(first.contains(event), "{event} is missing in {first}");
        }
        assert!(second.contains(r#"{"text":"The end."}"#), "{second}");
        server.abort();
        Ok(())
    }
}
