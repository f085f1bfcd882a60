//! `Remote` against a server that does what a network does.

mod answers;
mod attempts;
#[cfg(feature = "blocking")]
mod blocking;
mod broken;
mod connect;
mod dropped;
mod http2;
mod kept;
mod safety;
mod time;

use generativeai::protocol::request::GenerateContentRequest;
use generativeai::remote::RemoteBuilder;
use generativeai::{Backend, ChatSession, Error, GenerativeModel, Remote, RequestOptions, Result};

use crate::support::canary::{self, CANARY, Searched, SearchedChat};
use crate::support::{Server, TestClock, log, trace};

/// A client of the server, with a clock of its own.
fn client(server: &Server) -> (Searched, TestClock) {
    let clock = TestClock::new();
    let remote = built(builder(&server.url()).clock(clock.clone()));
    (remote, clock)
}

/// The client that is set up, whose errors are searched for the key.
fn built(builder: RemoteBuilder) -> Searched {
    Searched(builder.build().expect("all settings are good"))
}

fn builder(url: &str) -> RemoteBuilder {
    log::install(CANARY);
    trace::guard(CANARY);
    Remote::builder().base_url(url).api_key(CANARY)
}

fn chat(remote: &Searched) -> SearchedChat {
    let model = GenerativeModel::new("m").backend(remote.clone());
    SearchedChat(model.start_chat())
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
async fn whole(remote: &Searched) -> Result<String> {
    let reply = remote
        .generate_content(hello(), RequestOptions::default())
        .await;
    reply
        .and_then(|reply| reply.text())
        .map_err(canary::checked)
}

/// Asks, and reads the texts of a stream; and the error that ended it, if one did.
async fn streamed(remote: &Searched) -> (Vec<String>, Option<Error>) {
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
                return (texts, Some(error));
            }
        }
    }
    (texts, None)
}

async fn next(
    chunks: &mut generativeai::ChunkStream,
) -> Option<Result<generativeai::protocol::response::GenerateContentResponse>> {
    std::future::poll_fn(|cx| chunks.as_mut().poll_next(cx)).await
}

/// Lets all that is ready happen.
async fn look_around() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}
