//! The JSON of an answer becomes a value, or the error it tells of.

use serde::de::{DeserializeOwned, Error as _};

use super::call::Call;
use super::failure::Failure;
use crate::error::{Error, ErrorKind};
use crate::protocol::Unknown;
use crate::protocol::caches::CachedContent;
use crate::protocol::embeddings::{BatchEmbedContentsResponse, EmbedContentResponse};
use crate::protocol::models::{ListModelsResponse, Model};
use crate::protocol::response::GenerateContentResponse;
use crate::protocol::tokens::CountTokensResponse;

/// What the service answers with.
pub(super) trait Reply: DeserializeOwned {
    /// The members it has beyond its own; an error would be among them.
    fn unknown(&self) -> &Unknown;
}

macro_rules! replies {
    ($($reply:ty),*) => {
        $(impl Reply for $reply {
            fn unknown(&self) -> &Unknown {
                &self.unknown
            }
        })*
    };
}

replies!(
    BatchEmbedContentsResponse,
    CachedContent,
    CountTokensResponse,
    EmbedContentResponse,
    GenerateContentResponse,
    ListModelsResponse,
    Model
);

/// Reads an answer, or an event of one.
pub(super) fn read<R: Reply>(json: &[u8], call: &Call) -> Result<R, Failure> {
    match parse::<R>(json) {
        Ok(reply) if reply.unknown().get("error").is_none() => Ok(reply),
        Ok(reply) => call.error_in(json).map_or(Ok(reply), Err),
        Err(error) => Err(call
            .error_in(json)
            .unwrap_or_else(|| unreadable(json, error, call))),
    }
}

/// Reads an answer that came in one piece.
pub(super) fn read_whole<R: Reply>(body: &[u8], call: &Call) -> Result<R, Failure> {
    match body.trim_ascii() {
        b"" | b"null" => Err(Error::new(ErrorKind::Empty, "the answer is empty").into()),
        body => read(body, call),
    }
}

/// One look at all bytes whether they are text is cheaper than one at each string.
fn parse<R: Reply>(json: &[u8]) -> serde_json::Result<R> {
    serde_json::from_str(std::str::from_utf8(json).map_err(serde_json::Error::custom)?)
}

fn unreadable(json: &[u8], error: serde_json::Error, call: &Call) -> Failure {
    call.foreign(json).with_source(error).into()
}
