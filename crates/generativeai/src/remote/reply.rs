//! The JSON of a response becomes a value, or the error that it contains.

use serde::de::DeserializeOwned;

use super::failure::{self, ErrorReader, Failure};
use crate::error::{Error, ErrorKind};
use crate::protocol::caches::CachedContent;
use crate::protocol::embeddings::{BatchEmbedContentsResponse, EmbedContentResponse};
use crate::protocol::files::{DeleteFileResponse, File, ListFilesResponse, UploadedFile};
use crate::protocol::models::{ListModelsResponse, Model};
use crate::protocol::read_json;
use crate::protocol::response::GenerateContentResponse;
use crate::protocol::tokens::CountTokensResponse;

/// Response of a method of the API, or an event of one.
pub trait Reply: DeserializeOwned + Send + 'static {
    /// Returns whether the JSON has a member `error`, which is then read.
    fn has_error(&self) -> bool;
}

macro_rules! replies {
    ($($reply:ty),*) => {
        $(impl Reply for $reply {
            fn has_error(&self) -> bool {
                self.unknown.get("error").is_some()
            }
        })*
    };
}

replies!(
    BatchEmbedContentsResponse,
    CachedContent,
    CountTokensResponse,
    DeleteFileResponse,
    EmbedContentResponse,
    File,
    GenerateContentResponse,
    ListFilesResponse,
    ListModelsResponse,
    Model,
    UploadedFile
);

/// Reads a response, or an event of a stream: one value, or an array of them.
pub(super) fn read<R: Reply>(json: &[u8], errors: &ErrorReader) -> Result<Vec<R>, Failure> {
    let read = match json.trim_ascii_start() {
        [b'[', ..] => read_json::<Vec<Option<R>>>(json),
        _ => read_json::<R>(json).map(|reply| vec![Some(reply)]),
    };
    match read {
        Ok(replies) if !replies.iter().flatten().any(R::has_error) => {
            Ok(replies.into_iter().flatten().collect())
        }
        Ok(replies) => match Failure::in_success(json, errors) {
            Some(failure) => Err(failure),
            None => Ok(replies.into_iter().flatten().collect()),
        },
        Err(error) => Err(Failure::in_success(json, errors)
            .unwrap_or_else(|| failure::foreign(json, errors).with_source(error).into())),
    }
}

/// Reads a response that arrived in one piece.
pub(super) fn read_whole<R: Reply>(body: &[u8], errors: &ErrorReader) -> Result<R, Failure> {
    let body = body.trim_ascii();
    if matches!(body, b"" | b"null") {
        return Err(Error::new(ErrorKind::Empty, "the response is empty").into());
    }
    let mut replies = read(body, errors)?;
    match (replies.pop(), replies.is_empty()) {
        (Some(reply), true) => Ok(reply),
        _ => Err(failure::foreign(body, errors).into()),
    }
}
