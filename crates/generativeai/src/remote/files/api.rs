//! Methods of `Remote` for files.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncRead;
use tokio::time::sleep;

use super::attach::{AttachFile, Origin};
use super::list::FileList;
use super::pieces::Source;
use super::upload::UploadFile;
use crate::backend::{Deadline, RequestOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::files::{DeleteFileResponse, File, FileState};
use crate::remote::Remote;
use crate::remote::failure::EXPIRED_FILE;
use crate::remote::request::Outgoing;

/// First and longest wait between two requests for the state of a file. The wait doubles each time.
const WAITS: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(10)];

/// Minimum timeout of a request for the state of a file. The last one starts when the limit has been reached, so no
/// time would be left for it.
const MIN_TIMEOUT: Duration = Duration::from_secs(1);

impl Remote {
    /// Prepares the upload of a file on disk. Its extension determines its media type.
    ///
    /// The limit is 2 GB for a file, and 20 GB for all files of a project. The service deletes a file after 48 hours.
    /// To send a file with a message, [`attach_file`](Self::attach_file) is simpler: it chooses between an upload and
    /// inline data.
    pub fn upload_file(&self, path: impl Into<PathBuf>) -> UploadFile {
        UploadFile::new(self.clone(), Source::Path(path.into()))
    }

    /// Prepares the upload of bytes in memory.
    pub fn upload_bytes(
        &self,
        bytes: impl Into<Bytes>,
        mime_type: impl Into<String>,
    ) -> UploadFile {
        UploadFile::new(self.clone(), Source::Bytes(bytes.into())).mime_type(mime_type)
    }

    /// Prepares the upload of the next `length` bytes of a reader, such as a download in progress. Further bytes are
    /// not read. A reader that ends earlier is an error.
    pub fn upload_reader(
        &self,
        reader: impl AsyncRead + Send + 'static,
        length: u64,
        mime_type: impl Into<String>,
    ) -> UploadFile {
        let source = Source::Reader(Box::pin(reader), length);
        UploadFile::new(self.clone(), source).mime_type(mime_type)
    }

    /// Prepares the attachment of a file on disk to a message: inline data if it is small, else a reference to an
    /// uploaded file. Its extension determines its media type.
    pub fn attach_file(&self, path: impl Into<PathBuf>) -> AttachFile {
        AttachFile::new(self.clone(), Origin::Path(path.into()))
    }

    /// Prepares the attachment of bytes in memory to a message, like [`attach_file`](Self::attach_file).
    pub fn attach_bytes(
        &self,
        bytes: impl Into<Bytes>,
        mime_type: impl Into<String>,
    ) -> AttachFile {
        AttachFile::new(self.clone(), Origin::Bytes(bytes.into())).mime_type(mime_type)
    }

    /// Returns the description of a file by its name: `files/abc-123`, or what follows `files/`.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) or [`Authentication`](ErrorKind::Authentication) if the file does not exist or
    /// has expired. The Gemini API responds with 403 both to a missing file and to a missing permission, so the kind
    /// depends on the message of its response.
    pub async fn get_file(&self, name: &str) -> Result<File> {
        self.file(name, RequestOptions::default()).await
    }

    /// Lists the files of the project to which the API key belongs. Files of other projects are not accessible.
    pub fn list_files(&self) -> FileList {
        FileList::new(self.clone())
    }

    /// Deletes a file by its name: `files/abc-123`, or what follows `files/`.
    ///
    /// # Errors
    /// Those of [`get_file`](Self::get_file).
    pub async fn delete_file(&self, name: &str) -> Result<()> {
        let request = self.address().file(name).map(Outgoing::delete);
        let options = RequestOptions::default();
        let deleted: Result<DeleteFileResponse> = self.client.unary(request, options).await;
        deleted.map_err(|error| about(name, error))?;
        self.client.service.stored.forget(name);
        Ok(())
    }

    /// Waits until a file is ready for use. Video is processed for some seconds after its upload.
    ///
    /// Polls the service after 0.5 s, and then at intervals that grow to 10 s. A file that is ready is returned
    /// immediately, without a request.
    ///
    /// # Errors
    /// [`Request`](ErrorKind::Request): processing failed; [`Error::status`] contains the reason.
    /// [`Timeout`](ErrorKind::Timeout): the file was not ready within `limit`. Also the errors of
    /// [`get_file`](Self::get_file).
    pub async fn wait_until_active(&self, file: File, limit: Duration) -> Result<File> {
        let deadline = Deadline::start(Some(limit));
        let [mut wait, longest] = WAITS;
        let mut file = file;
        loop {
            let name = file.name.clone().unwrap_or_default();
            match file.state {
                None | Some(FileState::Active) => return Ok(file),
                Some(FileState::Failed) => return Err(failed(&name, file)),
                Some(_) => {}
            }
            if deadline.is_over() {
                let message = format!("file `{name}` is still processed after {limit:?}");
                return Err(Error::new(ErrorKind::Timeout, message));
            }
            sleep(wait.min(deadline.remaining().unwrap_or(wait))).await;
            wait = longest.min(wait * 2);
            let remaining = deadline.remaining();
            let options = RequestOptions {
                timeout: remaining.map(|remaining| remaining.max(MIN_TIMEOUT)),
                ..RequestOptions::default()
            };
            file = self.file(&name, options).await?;
        }
    }

    /// Requests the description of a file.
    async fn file(&self, name: &str, options: RequestOptions) -> Result<File> {
        let request = self.address().file(name).map(Outgoing::get);
        let file = self.client.unary(request, options).await;
        file.map_err(|error| about(name, error))
    }
}

/// Adds the name of the file to an error, and a hint if the file may not exist (404, or 403: see `get_file`). A message
/// that already contains the name or the hint does not get it twice.
fn about(name: &str, error: Error) -> Error {
    let message = error.to_string();
    let is_missing = matches!(error.http_code(), Some(403 | 404));
    let error = match is_missing && !message.contains(EXPIRED_FILE) {
        true => error.with_hint(EXPIRED_FILE),
        false => error,
    };
    let id = name.trim_start_matches("files/");
    match message.contains(&format!("`files/{id}`")) {
        true => error,
        false => error.with_context(format_args!("file `{name}`")),
    }
}

fn failed(name: &str, file: File) -> Error {
    let status = file.error.unwrap_or_default();
    let mut message = format!("processing of file `{name}` failed");
    if let Some(reason) = &status.message {
        message.push_str(": ");
        message.push_str(reason);
    }
    Error::new(ErrorKind::Request, message).with_status(status)
}
