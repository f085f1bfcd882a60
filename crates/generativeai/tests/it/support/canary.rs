//! A key that must show up nowhere, and a backend through which all that a client tells is searched
//! for it.

use std::error::Error as StdError;
use std::ops::{Deref, DerefMut};

use futures_util::TryStreamExt as _;
use generativeai::protocol::caches::CachedContent;
use generativeai::protocol::embeddings::{
    BatchEmbedContentsRequest, BatchEmbedContentsResponse, EmbedContentRequest,
    EmbedContentResponse,
};
use generativeai::protocol::models::{ListModelsResponse, Model};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::protocol::tokens::{CountTokensRequest, CountTokensResponse};
use generativeai::{
    Backend, BoxFuture, ChatSession, ChunkStream, Error, Remote, RequestOptions, Result,
};

use super::trace::{self, holds};

/// The key of all tests that have one.
pub(crate) const CANARY: &str = "canary-7b1e40c2";

/// Fails if an error holds the key: it, its causes, its attempts, or the status that came.
#[track_caller]
pub(crate) fn checked(error: Error) -> Error {
    let mut shown = format!("{error} {error:?} {error:#?}");
    let mut cause = StdError::source(&error);
    while let Some(found) = cause {
        shown.push_str(&format!("{found} {found:?} {found:#?}"));
        cause = found.source();
    }
    if let Some(status) = error.status() {
        shown.push_str(&serde_json::to_string(status).expect("a status can be written"));
    }
    assert!(!holds(&shown, CANARY), "{shown}");
    error
}

/// Fails if a chat holds the key: shown, or saved.
#[track_caller]
pub(crate) fn check(chat: &ChatSession) {
    let turn = chat.unfinished();
    let saved = serde_json::to_string(chat).expect("a chat can be saved");
    let shown = format!("{chat:?} {chat:#?} {turn:?} {turn:#?} {saved}");
    assert!(!holds(&shown, CANARY), "{shown}");
}

/// A client whose errors are searched for the key, all of them; and it, and the traces, at its end.
#[derive(Clone, Debug)]
pub(crate) struct Searched(pub(crate) Remote);

impl Drop for Searched {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let shown = format!("{:?} {:#?}", self.0, self.0);
        assert!(!holds(&shown, CANARY), "{shown}");
        assert_eq!(trace::leaks(), [""; 0], "a key was traced");
    }
}

/// Methods that answer in one piece.
macro_rules! in_one_piece {
    ($($method:ident: $asked:ty => $answer:ty,)*) => {
        $(
            fn $method(&self, asked: $asked, options: RequestOptions) -> BoxFuture<Result<$answer>> {
                let answer = self.0.$method(asked, options);
                Box::pin(async move { answer.await.map_err(checked) })
            }
        )*
    };
}

impl Backend for Searched {
    in_one_piece! {
        generate_content: GenerateContentRequest => GenerateContentResponse,
        count_tokens: CountTokensRequest => CountTokensResponse,
        embed_content: EmbedContentRequest => EmbedContentResponse,
        batch_embed_contents: BatchEmbedContentsRequest => BatchEmbedContentsResponse,
        list_models: Option<String> => ListModelsResponse,
        get_model: String => Model,
        get_cached_content: String => CachedContent,
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        let chunks = self.0.stream_generate_content(request, options);
        Box::pin(chunks.map_err(checked))
    }
}

/// A chat that is searched for the key when the test is done with it, whatever came of its turns.
#[derive(Debug)]
pub(crate) struct SearchedChat(pub(crate) ChatSession);

impl Deref for SearchedChat {
    type Target = ChatSession;

    fn deref(&self) -> &ChatSession {
        &self.0
    }
}

impl DerefMut for SearchedChat {
    fn deref_mut(&mut self) -> &mut ChatSession {
        &mut self.0
    }
}

impl Drop for SearchedChat {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            check(&self.0);
        }
    }
}
