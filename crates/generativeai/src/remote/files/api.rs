//! The methods of `Remote` for files.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncRead;
use tokio::time::{Instant, sleep};

use super::attach::{AttachFile, Origin};
use super::list::FileList;
use super::pieces::Source;
use super::upload::UploadFile;
use crate::backend::RequestOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::files::{File, FileState};
use crate::remote::Remote;

/// The first wait between two looks at a file that is processed, and the longest one.
const WAITS: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(10)];

/// Time for the last look, which is at the end of the limit.
const LAST_LOOK: Duration = Duration::from_secs(1);

impl Remote {
    /// Prepares the upload of a file on disk. Its media type follows from its extension.
    ///
    /// Files may be 2 GB, and all files of a project 20 GB. The service deletes them after 48 hours.
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

    /// Prepares the upload of the next `length` bytes of a reader. Further bytes are not read.
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
    /// uploaded file. Its media type follows from its extension.
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
    ///
    /// [`Authentication`](ErrorKind::Authentication) or [`NotFound`](ErrorKind::NotFound) for a file that does not
    /// exist, or no longer: the Gemini API answers 403 for both.
    pub async fn get_file(&self, name: &str) -> Result<File> {
        self.file(name, RequestOptions::default()).await
    }

    /// Lists the files of the project.
    pub fn list_files(&self) -> FileList {
        FileList::new(self.clone())
    }

    /// Deletes a file by its name: `files/abc-123`, or what follows `files/`.
    ///
    /// # Errors
    ///
    /// Those of [`get_file`](Self::get_file).
    pub async fn delete_file(&self, name: &str) -> Result<()> {
        self.file_deletion(name, RequestOptions::default()).await?;
        self.0.0.stored.forget(name);
        Ok(())
    }

    /// Waits until a file is ready for use. Video is processed for some seconds after its upload.
    ///
    /// The first look is after 0.5 s, and the waits grow to 10 s. A file that is ready is returned at once, without a
    /// request.
    ///
    /// # Errors
    ///
    /// [`Request`](ErrorKind::Request): processing failed; [`Error::status`] contains the reason.
    /// [`Timeout`](ErrorKind::Timeout): the file was not ready within `limit`. Also the errors of
    /// [`get_file`](Self::get_file).
    pub async fn wait_until_active(&self, file: File, limit: Duration) -> Result<File> {
        let deadline = Instant::now().checked_add(limit);
        let [mut wait, longest] = WAITS;
        let mut file = file;
        loop {
            let name = file.name.clone().unwrap_or_default();
            match file.state {
                None | Some(FileState::Active) => return Ok(file),
                Some(FileState::Failed) => return Err(failed(&name, file)),
                Some(_) => {}
            }
            let remaining = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            if remaining.is_some_and(|remaining| remaining.is_zero()) {
                let message = format!("file `{name}` is still processed after {limit:?}");
                return Err(Error::new(ErrorKind::Timeout, message));
            }
            sleep(wait.min(remaining.unwrap_or(wait))).await;
            wait = longest.min(wait * 2);
            let remaining = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            let options = RequestOptions {
                timeout: remaining.map(|remaining| remaining.max(LAST_LOOK)),
                ..RequestOptions::default()
            };
            file = self.file(&name, options).await?;
        }
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
