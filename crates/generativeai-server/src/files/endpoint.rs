//! The endpoints of the Files API.

use std::pin::pin;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::{HeaderName, LOCATION, RANGE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::Stream;
use generativeai::protocol::files::File;
use serde_json::{Map, Value, json};

use super::disk::blocking;
use super::page::{self, Place};
use super::protocol::{self, Dialect, Step, UploadCall};
use super::receive::receive;
use super::site::Site;
use super::storage::{FileStorage, unknown_upload};
use super::upload::{BLOCK, Writer};
use super::{discovery, multipart, properties};
use crate::body::{BodyReader, IncomingBody, check_encoding};
use crate::error::ApiError;
use crate::query::Query;
use crate::response;

// Headers of responses in the dialect `X-Goog-Upload-…`.
const STATUS: HeaderName = HeaderName::from_static("x-goog-upload-status");
const RECEIVED: HeaderName = HeaderName::from_static("x-goog-upload-size-received");
const URL: HeaderName = HeaderName::from_static("x-goog-upload-url");
const GRANULARITY: HeaderName = HeaderName::from_static("x-goog-upload-chunk-granularity");

// Values of `STATUS`.
const ACTIVE: HeaderValue = HeaderValue::from_static("active");
const FINAL: HeaderValue = HeaderValue::from_static("final");
const CANCELLED: HeaderValue = HeaderValue::from_static("cancelled");

/// The Files API, for one request.
pub(crate) struct FilesApi<'a> {
    pub(crate) storage: &'a Arc<FileStorage>,
    pub(crate) bodies: &'a BodyReader,
    pub(crate) site: Site,
}

impl FilesApi<'_> {
    /// Returns a file.
    pub(crate) fn get(&self, id: &str) -> Result<Response, ApiError> {
        Ok(response::json(&self.describe(self.storage.file(id)?)))
    }

    /// Returns a page of the list of files.
    pub(crate) async fn list(&self, query: Query) -> Result<Response, ApiError> {
        let size = page::size(query.page_size.as_deref())?;
        let after = query.page_token.as_deref().map(Place::parse).transpose()?;
        let storage = self.storage.clone();
        let (files, next) = blocking(move || Ok(storage.list(after.as_ref(), size))).await?;
        let files: Vec<Value> = files.into_iter().map(|file| self.describe(file)).collect();
        let mut list = Map::new();
        if !files.is_empty() {
            list.insert("files".to_owned(), files.into());
        }
        if let Some(next) = next {
            list.insert("nextPageToken".to_owned(), next.into());
        }
        Ok(response::json(&list))
    }

    /// Deletes a file.
    pub(crate) async fn delete(&self, id: String) -> Result<Response, ApiError> {
        let storage = self.storage.clone();
        blocking(move || storage.delete(&id)).await?;
        Ok(response::json(&json!({})))
    }

    /// Returns the description of the upload path for older clients.
    pub(crate) fn discovery(&self) -> Response {
        let max_size = self.storage.file_size_limit();
        response::json(&discovery::document(&self.site, max_size))
    }

    /// Handles a request to the upload path.
    pub(crate) async fn upload(
        &self,
        parts: &Parts,
        query: &Query,
        body: &mut IncomingBody,
    ) -> Result<Response, ApiError> {
        // Compressed bytes would be stored as they are.
        check_encoding(&parts.headers)?;
        match protocol::parse(&parts.headers, query)? {
            UploadCall::Start(dialect) => self.start(parts, dialect, body).await,
            UploadCall::Continue(id, dialect, step) => self.proceed(&id, dialect, step, body).await,
            UploadCall::Raw => {
                let (mime_type, length) = protocol::body(&parts.headers)?;
                let file = properties::parse(b"", mime_type)?;
                self.store(file, length, body).await
            }
            UploadCall::Multipart => {
                let head = multipart::read(&parts.headers, body);
                let (head, bytes) = self.bodies.in_time(head).await?;
                let file = properties::parse(&head.properties, head.mime_type.as_deref())?;
                self.store(file, None, bytes).await
            }
        }
    }

    /// Starts a resumable upload.
    async fn start(
        &self,
        parts: &Parts,
        dialect: Dialect,
        body: &mut IncomingBody,
    ) -> Result<Response, ApiError> {
        let body = self.bodies.read(&parts.headers, body).await?;
        let (mime_type, length) = protocol::announced(dialect, &parts.headers)?;
        let file = properties::parse(&body.bytes, mime_type)?;
        let storage = self.storage.clone();
        let upload = blocking(move || storage.start(file, length)).await?;
        let url = format!(
            "{}?upload_id={}&upload_protocol=resumable",
            self.site.url(parts.uri.path()),
            upload.record.id
        );
        let url = HeaderValue::try_from(url).map_err(|_| {
            ApiError::invalid("the `Host` header is not valid in the URL of an upload")
        })?;
        let mut response = response::json(&json!({}));
        let headers = response.headers_mut();
        match dialect {
            Dialect::Headers => {
                headers.insert(URL, url);
                headers.insert(STATUS, ACTIVE);
                // Pieces of any size are accepted; clients expect the granularity of the service.
                headers.insert(GRANULARITY, HeaderValue::from_static("8388608"));
            }
            Dialect::Ranges => drop(headers.insert(LOCATION, url)),
        }
        Ok(response)
    }

    /// Handles a request within a resumable upload, after stopping the requests that write it. The error states whether
    /// the upload can be continued.
    async fn proceed(
        &self,
        id: &str,
        dialect: Dialect,
        step: Step,
        bytes: impl Stream<Item = Result<Bytes, ApiError>> + Send + Unpin,
    ) -> Result<Response, ApiError> {
        let Some(writer) = self.writer(id).await else {
            return match self.storage.uploaded(id) {
                Some(file) => Ok(self.complete(file)),
                None => Err(unknown_upload().with_header(STATUS, FINAL)),
            };
        };
        let upload = writer.upload.clone();
        let response = self.step(writer, dialect, step, bytes).await;
        response.map_err(|error| match self.storage.upload(id) {
            None => error.with_header(STATUS, FINAL),
            Some(_) => error
                .with_header(STATUS, ACTIVE)
                .with_header(RECEIVED, upload.received().into()),
        })
    }

    /// Returns the writer of an upload in progress.
    async fn writer(&self, id: &str) -> Option<Writer> {
        let writer = self.storage.upload(id)?.writer().await;
        // The upload may have been completed or cancelled while this request waited for the others.
        self.storage.upload(id).map(|_| writer)
    }

    /// Handles a request within an upload in progress.
    async fn step(
        &self,
        writer: Writer,
        dialect: Dialect,
        step: Step,
        bytes: impl Stream<Item = Result<Bytes, ApiError>> + Send + Unpin,
    ) -> Result<Response, ApiError> {
        let upload = writer.upload.clone();
        let received = upload.received();
        match step {
            // This dialect has no command that finalizes. If all bytes arrived and the request with the last ones
            // failed, the query completes the upload.
            Step::Query if dialect == Dialect::Ranges && upload.record.length == Some(received) => {
                self.finish(writer).await
            }
            Step::Query => Ok(active(dialect, received)),
            Step::Cancel => {
                let storage = self.storage.clone();
                blocking(move || storage.cancel(&upload.record.id)).await?;
                let mut response = response::json(&json!({}));
                response.headers_mut().insert(STATUS, CANCELLED);
                Ok(response)
            }
            Step::Send { offset, .. } if offset.is_some_and(|offset| offset != received) => {
                Err(ApiError::invalid(format!(
                    "the offset of the bytes is wrong: {received} bytes were received"
                )))
            }
            Step::Send { finalize, .. } => {
                let writer = self.receive(writer, bytes).await?;
                if finalize {
                    return self.finish(writer).await;
                }
                Ok(active(dialect, upload.received()))
            }
        }
    }

    /// Stores an upload in one request. If it fails, nothing is left of it, since no client could continue it.
    async fn store(
        &self,
        file: File,
        length: Option<u64>,
        bytes: impl Stream<Item = Result<Bytes, ApiError>> + Send,
    ) -> Result<Response, ApiError> {
        let storage = self.storage.clone();
        let upload = blocking(move || storage.start(file, length)).await?;
        let discard = Discard(Some((self.storage.clone(), upload.record.id.clone())));
        let writer = self.receive(upload.writer().await, pin!(bytes)).await?;
        let response = self.finish(writer).await?;
        discard.keep();
        Ok(response)
    }

    /// Receives bytes into an upload, and reserves the memory of the blocks in which they are written.
    async fn receive(
        &self,
        writer: Writer,
        bytes: impl Stream<Item = Result<Bytes, ApiError>> + Send + Unpin,
    ) -> Result<Writer, ApiError> {
        let _memory = self.bodies.reserve(2 * BLOCK)?;
        receive(self.storage, writer, bytes, self.bodies.timeout).await
    }

    /// Makes a file of an upload.
    async fn finish(&self, mut writer: Writer) -> Result<Response, ApiError> {
        let storage = self.storage.clone();
        let file = blocking(move || storage.complete(&mut writer)).await?;
        Ok(self.complete(file))
    }

    /// Returns the response to the end of an upload.
    fn complete(&self, file: File) -> Response {
        let received = file.size_bytes.unwrap_or_default();
        let mut response = response::json(&json!({"file": self.describe(file)}));
        let headers = response.headers_mut();
        headers.insert(STATUS, FINAL);
        headers.insert(RECEIVED, received.into());
        response
    }

    /// Returns a file as the service writes it, with the address at which the client reaches it.
    fn describe(&self, mut file: File) -> Value {
        let name = file.name.as_deref().unwrap_or_default();
        file.uri = Some(self.site.url(&format!("/v1beta/{name}")));
        let size = file.size_bytes.unwrap_or_default();
        let mut json = json!(file);
        // 64-bit numbers are strings in the JSON of the service, and some clients rely on it.
        json["sizeBytes"] = size.to_string().into();
        json
    }
}

/// Discards an upload that no client can continue, if its request fails or is dropped.
struct Discard(Option<(Arc<FileStorage>, String)>);

impl Discard {
    /// Keeps the upload, which has become a file.
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Discard {
    fn drop(&mut self) {
        if let Some((storage, id)) = self.0.take() {
            // If it fails, the upload expires like an abandoned one.
            tokio::task::spawn_blocking(move || storage.cancel(&id).is_ok());
        }
    }
}

/// Returns the response to a part of an upload.
fn active(dialect: Dialect, received: u64) -> Response {
    let mut response = response::json(&json!({}));
    let headers = response.headers_mut();
    match dialect {
        Dialect::Headers => {
            headers.insert(STATUS, ACTIVE);
            headers.insert(RECEIVED, received.into());
        }
        Dialect::Ranges => {
            if let Some(last) = received.checked_sub(1)
                && let Ok(range) = HeaderValue::try_from(format!("bytes=0-{last}"))
            {
                headers.insert(RANGE, range);
            }
            *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::Request;
    use futures_util::stream;
    use tempfile::TempDir;

    use super::*;

    #[tokio::test]
    async fn a_query_that_waits_behind_a_cancel_reports_the_end_of_the_upload() {
        let folder = TempDir::new().expect("a folder");
        let storage = Arc::new(FileStorage::open(folder.path()).expect("a folder"));
        let (parts, ()) = Request::new(()).into_parts();
        let api = FilesApi {
            storage: &storage,
            bodies: &BodyReader::new(1_000, Duration::from_secs(1), 1_000),
            site: Site::of(&parts),
        };
        let upload = storage.start(File::default(), None).expect("an upload");
        let id = upload.record.id.as_str();
        let writer = upload.clone().writer().await;

        // Polled in this order, both requests wait for the lock, and the cancel gets it first.
        let (cancelled, queried, ()) = tokio::join!(
            biased;
            api.proceed(id, Dialect::Headers, Step::Cancel, stream::empty()),
            api.proceed(id, Dialect::Headers, Step::Query, stream::empty()),
            async { drop(writer) },
        );

        assert!(cancelled.is_ok());
        let response = queried.expect_err("an error").to_response();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()[STATUS], "final");
    }
}
