//! `Remote` against a server that does what a network does.

mod answers;
mod attempts;
mod broken;
mod connect;
mod dropped;
mod http2;
mod kept;
mod safety;
mod time;

use generativeai::protocol::GenerateContentRequest;
use generativeai::remote::RemoteBuilder;
use generativeai::{Backend, ChatSession, Error, GenerativeModel, Remote, RequestOptions, Result};

use crate::support::{Server, TestClock, log, trace};

/// A key that must show up nowhere.
const CANARY: &str = "canary-7b1e40c2";

/// A client of the server, with a clock of its own.
fn client(server: &Server) -> (Remote, TestClock) {
    let clock = TestClock::new();
    let remote = builder(&server.url()).clock(clock.clone()).build();
    (remote.expect("all settings are good"), clock)
}

fn builder(url: &str) -> RemoteBuilder {
    log::install(CANARY);
    trace::guard(CANARY);
    Remote::builder().base_url(url).api_key(CANARY)
}

fn chat(remote: &Remote) -> ChatSession {
    GenerativeModel::new("m")
        .backend(remote.clone())
        .start_chat()
}

/// The text of the reply that did not come to its end.
fn kept(chat: &ChatSession) -> String {
    let unfinished = chat.unfinished().expect("an unfinished turn");
    let received = unfinished.received.as_ref().expect("a part of a reply");
    received.text().expect("a text")
}

fn hello() -> GenerateContentRequest {
    GenerateContentRequest::default()
        .model("models/m")
        .contents(["Hello"])
}

/// Asks, and reads an answer in one piece.
async fn whole(remote: &Remote) -> Result<String> {
    let reply = remote
        .generate_content(hello(), RequestOptions::default())
        .await;
    reply.and_then(|reply| reply.text()).map_err(checked)
}

/// Asks, and reads the texts of a stream; and the error that ended it, if one did.
async fn streamed(remote: &Remote) -> (Vec<String>, Option<Error>) {
    let mut chunks = remote.stream_generate_content(hello(), RequestOptions::default());
    let mut texts = Vec::new();
    while let Some(chunk) = next(&mut chunks).await {
        match chunk {
            Ok(chunk) => texts.push(chunk.text().unwrap_or_default()),
            Err(error) => {
                assert!(
                    next(&mut chunks).await.is_none(),
                    "nothing comes after an error"
                );
                return (texts, Some(checked(error)));
            }
        }
    }
    (texts, None)
}

async fn next(
    chunks: &mut generativeai::ChunkStream,
) -> Option<Result<generativeai::protocol::GenerateContentResponse>> {
    std::future::poll_fn(|cx| chunks.as_mut().poll_next(cx)).await
}

/// Fails if an error holds the key.
#[track_caller]
fn checked(error: Error) -> Error {
    let mut shown = format!("{error} {error:?} {error:#?}");
    let mut cause = std::error::Error::source(&error);
    while let Some(found) = cause {
        shown.push_str(&format!("{found} {found:?}"));
        cause = found.source();
    }
    assert!(!shown.contains("canary"), "{shown}");
    error
}
