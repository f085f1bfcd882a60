//! The JSON of a response becomes a value, or the error that it contains.

use serde::de::DeserializeOwned;

use super::failure::{self, Failure};
use super::secret::Secret;
use crate::error::{Error, ErrorKind};
use crate::protocol::caches::CachedContent;
use crate::protocol::embeddings::{BatchEmbedContentsResponse, EmbedContentResponse};
use crate::protocol::models::{ListModelsResponse, Model};
use crate::protocol::response::GenerateContentResponse;
use crate::protocol::tokens::CountTokensResponse;
use crate::protocol::{Unknown, read_json};

/// Response of a method of the API.
pub(super) trait Reply: DeserializeOwned {
    /// Returns the members that the type does not know. The service may put an error among them.
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

/// Reads a response, or an event of a stream: one value, or an array of them.
pub(super) fn read<R: Reply>(json: &[u8], secrets: &[Secret]) -> Result<Vec<R>, Failure> {
    let read = match json.trim_ascii_start() {
        [b'[', ..] => read_json::<Vec<Option<R>>>(json),
        _ => read_json::<R>(json).map(|reply| vec![Some(reply)]),
    };
    let is_error = |reply: &R| reply.unknown().get("error").is_some();
    match read {
        Ok(replies) if !replies.iter().flatten().any(is_error) => {
            Ok(replies.into_iter().flatten().collect())
        }
        Ok(replies) => match Failure::in_success(json, secrets) {
            Some(failure) => Err(failure),
            None => Ok(replies.into_iter().flatten().collect()),
        },
        Err(error) => Err(Failure::in_success(json, secrets)
            .unwrap_or_else(|| failure::foreign(json, secrets).with_source(error).into())),
    }
}

/// Reads a response that arrived in one piece.
pub(super) fn read_whole<R: Reply>(body: &[u8], secrets: &[Secret]) -> Result<R, Failure> {
    let body = body.trim_ascii();
    if matches!(body, b"" | b"null") {
        return Err(Error::new(ErrorKind::Empty, "the response is empty").into());
    }
    let mut replies = read(body, secrets)?;
    match (replies.pop(), replies.is_empty()) {
        (Some(reply), true) => Ok(reply),
        _ => Err(failure::foreign(body, secrets).into()),
    }
}
