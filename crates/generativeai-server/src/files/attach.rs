//! Replaces references to uploaded files in a request with the bytes of the files.
//!
//! The backend cannot read the files of this server. Text becomes a text part, which every model reads; other files,
//! and all files in function responses, become inline data, which the backend may refuse.

use std::io;
use std::sync::Arc;

use axum::http::uri::Authority;
use generativeai::protocol::content::{
    Blob, Content, Contents, Data, FileData, FunctionResponsePart, Part,
};
use generativeai::protocol::files::File;
use tokio::sync::OwnedSemaphorePermit;

use super::disk::{blocking, disk_error};
use super::properties::is_id;
use super::site::Site;
use super::storage::{FileStorage, file_size, missing};
use crate::body::BodyReader;
use crate::error::ApiError;
use crate::guard::AllowedHosts;

/// Memory of a file in a request, as a multiple of its size: its bytes, and their encoding in base64 twice, which is a
/// third longer.
const MEMORY_FACTOR: u64 = 4;

/// The files that a request refers to, and the memory that they take.
pub(crate) struct Attachments<'a> {
    /// `None` if the server stores no files.
    pub(crate) storage: Option<&'a Arc<FileStorage>>,
    pub(crate) bodies: &'a BodyReader,
    pub(crate) hosts: &'a AllowedHosts,
    /// Address at which the client reached the server.
    pub(crate) site: Site,
    /// Memory of the request and its files.
    pub(crate) memory: OwnedSemaphorePermit,
    /// Names and types of the files that became inline data, for error messages.
    pub(crate) names: String,
}

impl Attachments<'_> {
    /// Replaces the references in contents.
    ///
    /// # Errors
    /// A file does not exist, or is too large for a request.
    pub(crate) async fn resolve_all(&mut self, contents: &mut Contents) -> Result<(), ApiError> {
        let refers = |content: &Content| content.parts.iter().any(has_reference);
        if self.storage.is_none() || !contents.iter().any(refers) {
            return Ok(());
        }
        // `Contents` shares its contents, so changing a part means copying all. Most requests have no reference.
        let mut resolved: Vec<Content> = contents.iter().cloned().collect();
        for content in &mut resolved {
            self.resolve(content).await?;
        }
        *contents = resolved.into();
        Ok(())
    }

    /// Replaces the references in a content.
    pub(crate) async fn resolve(&mut self, content: &mut Content) -> Result<(), ApiError> {
        let Some(storage) = self.storage else {
            return Ok(());
        };
        for part in &mut content.parts {
            match &mut part.data {
                Some(Data::FileData(reference)) => {
                    if let Some((id, file)) = self.find(storage, reference)? {
                        let data = self.read(storage, (&id, file), reference).await?;
                        part.data = Some(data);
                    }
                }
                Some(Data::FunctionResponse(response)) => {
                    for media in &mut response.parts {
                        self.resolve_media(storage, media).await?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Replaces the reference in a function response. Its media are never text parts.
    async fn resolve_media(
        &mut self,
        storage: &FileStorage,
        media: &mut FunctionResponsePart,
    ) -> Result<(), ApiError> {
        if let Some(reference) = &media.file_data
            && let Some((id, file)) = self.find(storage, reference)?
        {
            if media.inline_data.is_some() {
                return Err(ApiError::invalid(format!(
                    "a function response has inlineData next to `files/{id}`: remove one of them"
                )));
            }
            let (mime_type, bytes) = self.bytes(storage, &id, file).await?;
            media.inline_data = Some(self.inline(&id, reference, (mime_type, &bytes)));
            media.file_data = None;
        }
        Ok(())
    }

    /// Returns the file of a reference, with the type that the reference states. `None` if the reference leads
    /// elsewhere: the backend may be able to read it.
    fn find(
        &self,
        storage: &FileStorage,
        reference: &FileData,
    ) -> Result<Option<(String, File)>, ApiError> {
        let uri = reference.file_uri.as_deref().unwrap_or_default();
        let Some((host, id)) = file_id_of(uri) else {
            return Ok(None);
        };
        if host.is_some_and(|host| host != self.site.host() && !self.may_be_here(host)) {
            return Ok(None);
        }
        // The host may differ from that of this request: clients may reach the server under several names.
        let mut file = match storage.file(id) {
            Ok(file) => file,
            Err(_) if host.is_some_and(|host| host != self.site.host()) => return Ok(None),
            Err(_) => return Err(missing(id)),
        };
        let mime_type = reference.mime_type.clone().filter(|it| !it.is_empty());
        file.mime_type = mime_type.or(file.mime_type);
        Ok(Some((id.to_owned(), file)))
    }

    /// Returns whether the host of a URI may be this server: whether clients may use its name for the server. A server
    /// that allows every name knows only that it is not the service, whose URIs have the same form.
    fn may_be_here(&self, host: &str) -> bool {
        let Ok(host) = Authority::try_from(host) else {
            return false;
        };
        let name = host.host().to_ascii_lowercase();
        self.hosts.allows(&name) && !name.ends_with(".googleapis.com")
    }

    /// Reads a file for a request: as text if its type is text and it is UTF-8, otherwise as inline data.
    async fn read(
        &mut self,
        storage: &FileStorage,
        (id, file): (&str, File),
        reference: &FileData,
    ) -> Result<Data, ApiError> {
        let (mime_type, mut bytes) = self.bytes(storage, id, file).await?;
        if is_text(&mime_type) {
            match String::from_utf8(bytes) {
                Ok(text) => return Ok(Data::Text(without_mark(text))),
                // Another encoding, which the backend may be able to decode.
                Err(error) => bytes = error.into_bytes(),
            }
        }
        let blob = self.inline(id, reference, (mime_type, &bytes));
        Ok(Data::InlineData(blob))
    }

    /// Reads the type and the bytes of a file.
    ///
    /// # Errors
    /// 400: the file is larger than a request may be. 403: it was deleted meanwhile. 413: the files of the request take
    /// more memory than the server has. 429: too little memory is free.
    async fn bytes(
        &mut self,
        storage: &FileStorage,
        id: &str,
        file: File,
    ) -> Result<(String, Vec<u8>), ApiError> {
        let size = file_size(&file);
        let mime_type = file.mime_type.unwrap_or_default();
        let limit = self.bodies.max_bytes as u64;
        if size > limit {
            return Err(ApiError::invalid(format!(
                "the file `files/{id}` ({mime_type}) has {size} bytes, and a request may have {limit}"
            )));
        }
        let memory = usize::try_from(size * MEMORY_FACTOR).unwrap_or(usize::MAX);
        self.bodies.reserve_more(&mut self.memory, memory)?;
        // The memory is reserved before the file is read: requests with large files must not exhaust it.
        let path = storage.data(id);
        let name = id.to_owned();
        let read = move || {
            std::fs::read(path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => missing(&name),
                _ => disk_error("read the file")(error),
            })
        };
        Ok((mime_type, blocking(read).await?))
    }

    /// Creates the inline data for a reference, with the other members of the reference.
    fn inline(
        &mut self,
        id: &str,
        reference: &FileData,
        (mime_type, bytes): (String, &[u8]),
    ) -> Blob {
        let separator = if self.names.is_empty() { "" } else { ", " };
        self.names
            .push_str(&format!("{separator}`files/{id}` of type {mime_type}"));
        let mut blob = Blob::new(mime_type, bytes);
        blob.display_name = reference.display_name.clone();
        blob.unknown = reference.unknown.clone();
        blob
    }
}

/// Returns whether a part refers to a file, itself or in the media of a function response.
fn has_reference(part: &Part) -> bool {
    match &part.data {
        Some(Data::FileData(_)) => true,
        Some(Data::FunctionResponse(response)) => {
            response.parts.iter().any(|media| media.file_data.is_some())
        }
        _ => false,
    }
}

/// Returns the host and the id in the URI of a file: `http://localhost:8080/v1beta/files/abc`, or `files/abc`.
fn file_id_of(uri: &str) -> Option<(Option<&str>, &str)> {
    let (host, path) = match uri.split_once("://") {
        Some(("http" | "https", rest)) => {
            let (host, path) = rest.split_once('/')?;
            (Some(host), path)
        }
        Some(_) => return None,
        None => (None, uri),
    };
    let id = match path.rsplit_once("files/")? {
        ("", id) => id,
        (before, id) if host.is_some() && before.ends_with('/') => id,
        _ => return None,
    };
    is_id(id).then_some((host, id))
}

/// Returns whether files of this type are text.
fn is_text(mime_type: &str) -> bool {
    let essence = mime_type.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence.starts_with("text/") || essence == "application/json" || essence.ends_with("+json")
}

/// Removes the byte order mark.
fn without_mark(text: String) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_of_files_are_recognised_by_their_end() {
        for (uri, expected) in [
            (
                "http://localhost:8080/v1beta/files/abc",
                Some((Some("localhost:8080"), "abc")),
            ),
            (
                "https://h/gemini/v1beta/files/a-1",
                Some((Some("h"), "a-1")),
            ),
            ("files/abc", Some((None, "abc"))),
            ("v1beta/files/abc", None),
            ("https://www.youtube.com/watch?v=files", None),
            ("gs://bucket/files/abc", None),
            ("http://h/v1beta/files/", None),
            ("http://h/v1beta/files/..", None),
            ("http://h/myfiles/abc", None),
            ("", None),
        ] {
            assert_eq!(file_id_of(uri), expected, "{uri}");
        }
    }

    #[test]
    fn text_and_json_are_text() {
        for mime_type in [
            "text/plain; charset=utf-8",
            "Text/CSV",
            "application/json",
            "application/ld+json",
        ] {
            assert!(is_text(mime_type), "{mime_type}");
        }
        for mime_type in ["image/png", "application/pdf", "video/mp4", ""] {
            assert!(!is_text(mime_type), "{mime_type}");
        }
    }
}
