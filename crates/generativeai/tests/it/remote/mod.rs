//! `Remote` against a server that injects the faults of a network.

mod answers;
mod attempts;
#[cfg(feature = "blocking")]
mod blocking;
mod broken;
mod connect;
mod cuts;
mod dropped;
mod files;
mod http2;
mod many;
mod pool;
mod proxies;
mod safety;
mod time;

use generativeai::protocol::request::GenerateContentRequest;
use generativeai::remote::RemoteBuilder;
use generativeai::{Backend, ChatSession, Error, GenerativeModel, Remote, RequestOptions, Result};

use crate::support::canary::{self, CANARY, Searched, SearchedChat};
use crate::support::{Retries, Server, StoppedTime, log, trace};

/// Creates a client of the server that retries without a wait.
fn client(server: &Server) -> (Searched, Retries) {
    immediate(builder(&server.url()))
}

/// Builds a client that retries without a wait.
fn immediate(builder: RemoteBuilder) -> (Searched, Retries) {
    let retries = Retries::default();
    (built(builder.request_options(retries.immediate())), retries)
}

/// Creates a client of the server for a test that starts with paused time: time stands still, except for the
/// waits between attempts.
fn in_stopped_time(server: &Server) -> (Searched, Retries, StoppedTime) {
    let retries = Retries::default();
    let builder = builder(&server.url()).request_options(retries.in_stopped_time());
    (built(builder), retries, StoppedTime::start())
}

/// Builds a client whose errors are searched for the key.
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

/// Returns the text of the incomplete reply.
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

/// Sends a request and returns the text of a reply in one piece.
async fn whole(remote: &Searched) -> Result<String> {
    let reply = remote
        .generate_content(hello(), RequestOptions::default())
        .await;
    reply
        .and_then(|reply| reply.text())
        .map_err(canary::checked)
}

/// Sends a request and returns the texts of a streamed reply, and the error that ended it.
async fn streamed(remote: &Searched) -> (Vec<String>, Option<Error>) {
    let mut chunks = remote.stream_generate_content(hello(), RequestOptions::default());
    let mut texts = Vec::new();
    while let Some(chunk) = next(&mut chunks).await {
        match chunk {
            Ok(chunk) => texts.push(chunk.text_lossy()),
            Err(error) => {
                assert!(
                    next(&mut chunks).await.is_none(),
                    "an error is the last item"
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

/// Lets every task that is ready run.
async fn settle() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}
