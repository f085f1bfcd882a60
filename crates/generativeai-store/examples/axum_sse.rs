//! Chats in a web service: one stored conversation for each user, streamed as server-sent events. Runs offline.
//! `{user}` in the path stands for a name that was authenticated.
//!
//! ```sh
//! cargo run -p generativeai-store --example axum_sse
//! curl -N -d "Tell me a story." http://127.0.0.1:3000/chats/ann
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its results")]
#![expect(clippy::print_stderr, reason = "an example reports its errors")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::post;
use futures_util::stream::{self, Stream};
use generativeai::testing::Scripted;
use generativeai::{ChatSession, ErrorKind, GenerativeModel, Result, Unfinished};
use generativeai_store::Store;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

/// The model, the store, a place for the chat of each user, and the turns that run.
///
/// A chat has its own asynchronous lock: two messages of one user wait for each other, and users do not wait for other
/// users. The locks are those of one process. So a balancer in front of several processes has to send all messages of a
/// user to the same process. A service for many users would also close chats that are idle; the store has them all.
#[derive(Clone)]
struct Chats {
    model: GenerativeModel,
    store: Store,
    open: Arc<Mutex<HashMap<String, Arc<Place>>>>,
    turns: Arc<Mutex<JoinSet<()>>>,
}

/// The chat of a user; `None` if it has to be read from the store.
type Place = Mutex<Option<ChatSession>>;

impl Chats {
    fn new(model: GenerativeModel, store: Store) -> Self {
        Self {
            model,
            store,
            open: Arc::default(),
            turns: Arc::default(),
        }
    }

    /// Reads the chat of a user from the store, or creates it. The prefix separates users from other sessions.
    async fn read(&self, user: &str) -> Result<ChatSession> {
        let session = self.store.find_or_create(&format!("user-{user}")).await?;
        session.chat(&self.model).await
    }

    /// Returns the place for the chat of a user. The map is locked for a moment only: a slow read or reply of this user
    /// must not block others.
    async fn place(&self, user: &str) -> Arc<Place> {
        let mut open = self.open.lock().await;
        Arc::clone(open.entry(user.to_owned()).or_default())
    }

    /// Runs the turn of a message to its end, and sends its events. If the client disconnects, nobody receives them.
    async fn run(self, user: String, message: String, events: UnboundedSender<Event>) {
        let send = |name: &str, data: String| {
            events.send(Event::default().event(name).data(data)).ok();
        };
        let place = self.place(&user).await;
        let mut place = place.lock().await;
        let chat = match place.take() {
            Some(chat) => chat,
            None => match self.read(&user).await {
                Ok(chat) => chat,
                Err(error) => return send("error", error.to_string()),
            },
        };
        // Stays in its place during the turn, so that `stop` can save what arrived.
        let chat = place.insert(chat);
        keep_results(chat);
        let mut reply = chat.send_message(message).stream();
        let mut failure = None;
        while let Some(chunk) = reply.next().await {
            match chunk {
                // As JSON, so that a chunk with line breaks is one line of the event: many clients read only one. A
                // chunk may have no text.
                Ok(chunk) => send("message", json!({ "text": chunk.text_lossy() }).to_string()),
                Err(error) => failure = Some(error),
            }
        }
        let chat = reply.into_chat();
        let unsaved = chat.unsaved().cloned();
        match (&failure, &unsaved) {
            (Some(error), _) => send("error", error.to_string()),
            // The chat has the reply and continues, but would lose it with the process.
            (None, Some(error)) => send("unsaved", error.to_string()),
            (None, None) => {}
        }
        if failure.is_none() {
            let usage = chat.last().and_then(|reply| reply.usage_metadata.clone());
            send("done", json!({ "usage": usage }).to_string());
        }
        // Another process has written the session, so this chat is outdated. The user can send the message again.
        let is_outdated = |error: generativeai::Error| error.kind() == ErrorKind::Conflict;
        if failure.or(unsaved).is_some_and(is_outdated) {
            *place = None;
        }
    }

    /// Waits for the turns that run, and stops those that take longer than `limit`. Then stores what arrived of them.
    async fn stop(&self, limit: Duration) {
        // Held to the end, so that no other turn begins.
        let mut turns = self.turns.lock().await;
        let all = async { while turns.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, all).await.is_err() {
            turns.shutdown().await;
        }
        for (user, place) in &*self.open.lock().await {
            if let Some(chat) = &mut *place.lock().await
                && let Err(error) = chat.save().await
            {
                eprintln!("the chat of {user} is not saved: {error}");
            }
        }
    }
}

/// Keeps a turn that failed after functions ran. Otherwise the model would not know what they did.
fn keep_results(chat: &mut ChatSession) {
    if chat.unfinished().is_some_and(Unfinished::functions_started) {
        chat.keep_partial();
    }
}

/// Sends a message, and streams the reply.
///
/// The turn runs in its own task: functions run to their end, and the chat is unlocked after the reply, whether the
/// client reads it, waits or disconnects. To stop the reply of a client that disconnects, stream the reply from here
/// instead (`SendMessage::new` owns the lock of the chat): axum drops the stream, and with it the turn.
async fn send(
    State(chats): State<Chats>,
    Path(user): Path<String>,
    message: String,
) -> Sse<impl Stream<Item = std::result::Result<Event, Infallible>>> {
    // Not bounded: a turn must not wait for its client. A reply has a limited length.
    let (events, received) = mpsc::unbounded_channel();
    let mut turns = chats.turns.lock().await;
    turns.spawn(chats.clone().run(user, message, events));
    // Removes the turns that have ended.
    while turns.try_join_next().is_some() {}
    Sse::new(stream::unfold(received, next_event))
}

type Received = UnboundedReceiver<Event>;

/// Returns the next event of a turn. There is none after its end.
async fn next_event(
    mut received: Received,
) -> Option<(std::result::Result<Event, Infallible>, Received)> {
    let event = received.recv().await?;
    Some((Ok(event), received))
}

fn router(chats: Chats) -> Router {
    Router::new()
        .route("/chats/{user}", post(send))
        .with_state(chats)
}

/// Waits for SIGTERM or Ctrl-C.
async fn stop_signal() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate()).expect("a handler can be set");
        tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => {}
        }
    }
    #[cfg(not(unix))]
    interrupted.await.ok();
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    // Prepared replies instead of a model. Leave out the backend to use the Gemini API.
    let replies = Scripted::default()
        .then_chunks(["Once ", "upon ", "a time."])
        .then_text("The end.");
    let model = GenerativeModel::new("gemini-flash-latest").backend(replies);
    let store = Store::open("sqlite::memory:").await?; // a file, such as `sqlite:chats.sqlite`, survives a restart
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let chats = Chats::new(model, store);
    let server = axum::serve(listener, router(chats.clone()));
    let server = server.with_graceful_shutdown(stop_signal());
    let server = tokio::spawn(server.into_future());
    // After the signal the server accepts no connections. Its clients get the rest of their replies.
    stop_signal().await;
    chats.stop(Duration::from_secs(10)).await;
    tokio::time::timeout(Duration::from_secs(1), server)
        .await
        .ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use futures_util::StreamExt;
    use generativeai::Reason;
    use tower::ServiceExt;

    use super::*;

    type Tested<T = ()> = std::result::Result<T, Box<dyn Error>>;

    /// Returns the chats with a script, as after a start of their process.
    fn chats(script: Scripted, store: &Store) -> Chats {
        let model = GenerativeModel::new("m").backend(script);
        Chats::new(model, store.clone())
    }

    fn service(script: Scripted, store: &Store) -> Router {
        router(chats(script, store))
    }

    /// Replies with the number of contents that were sent.
    fn counting() -> Scripted {
        Scripted::answer_with(|request| format!("{} contents.", request.contents.len()))
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
        let contents = store.session("user-ann").await?.contents().await?;
        Ok(contents.iter().map(ToString::to_string).collect())
    }

    #[tokio::test]
    async fn a_conversation_is_streamed_as_events_and_continues_after_a_restart() -> Tested {
        let store = Store::open("sqlite::memory:").await?;
        let script = Scripted::default().then_chunks(["Once ", "upon ", "a time."]);

        let first = ask(&service(script, &store), "Tell me a story.").await?;
        let second = ask(&service(counting(), &store), "And then?").await?;

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
    async fn a_turn_goes_on_after_its_client_has_disconnected() -> Tested {
        let store = Store::open("sqlite::memory:").await?;
        let script = Scripted::default()
            .then_chunks(["Once ", "upon ", "a time."])
            .then_text("The end.");
        let service = service(script, &store);

        drop(send(&service, "Tell me a story.").await?);
        let answer = ask(&service, "How does it end?").await?;

        assert!(answer.contains(r#"{"text":"The end."}"#), "{answer}");
        assert_eq!(history(&store).await?[1], "model: Once upon a time.");
        Ok(())
    }

    #[tokio::test]
    async fn a_stop_ends_a_turn_that_hangs_and_stores_what_arrived() -> Tested {
        let store = Store::open("sqlite::memory:").await?;
        let chats = chats(Scripted::default().then_hang(&["Once "]), &store);
        let body = send(&router(chats.clone()), "Tell me a story.").await?;
        let mut events = body.into_data_stream();
        let first = events.next().await.ok_or("no event")??;
        assert!(String::from_utf8_lossy(&first).contains("Once"));

        chats.stop(Duration::ZERO).await;

        assert!(events.next().await.is_none());
        let session = store.session("user-ann").await?;
        let chat = session.chat(&chats.model).await?;
        let turn = chat.unfinished().ok_or("no unfinished turn")?;
        assert!(matches!(turn.reason, Reason::Interrupted));
        let received = turn.received.as_ref().map(|reply| reply.to_string());
        assert_eq!(received.as_deref(), Some("Once "));
        Ok(())
    }

    #[tokio::test]
    async fn two_requests_of_one_user_wait_for_each_other() -> Tested {
        let store = Store::open("sqlite::memory:").await?;
        let service = service(counting(), &store);

        let answers = tokio::try_join!(ask(&service, "One"), ask(&service, "Two"))?;

        let answers = format!("{answers:?}");
        assert!(
            answers.contains("1 contents.") && answers.contains("3 contents."),
            "{answers}"
        );
        assert_eq!(history(&store).await?.len(), 4);
        Ok(())
    }

    #[tokio::test]
    async fn after_a_message_in_another_process_one_message_fails_and_the_next_continues() -> Tested
    {
        let store = Store::open("sqlite::memory:").await?;
        let [here, elsewhere] = [(); 2].map(|()| service(counting(), &store));
        ask(&here, "One").await?;
        ask(&elsewhere, "Two").await?;

        let conflict = ask(&here, "Three").await?;
        let again = ask(&here, "Three").await?;

        assert!(conflict.contains("event: error"), "{conflict}");
        assert!(again.contains("5 contents."), "{again}");
        Ok(())
    }
}
