//! Uploads and files of the Gemini API without `async`.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use super::delegate::delegate;
use super::runtime::{next, wait};
use crate::backend::RequestOptions;
use crate::error::Result;
use crate::protocol::content::Part;
use crate::protocol::files::File;
use crate::remote::UploadProgress;

/// [Client](crate::Remote) of the Gemini API without `async`, for files.
///
/// ```no_run
/// use generativeai::{Remote, blocking};
///
/// let remote = blocking::Remote::from(Remote::from_env()?);
/// let film = remote.upload_file("ben-nevis.mp4").send()?;
/// for file in remote.list_files() {
///     println!("{}", file?.name.unwrap_or_default());
/// }
/// remote.delete_file(film.name.as_deref().unwrap_or_default())?;
/// # Ok::<(), generativeai::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Remote(crate::Remote);

impl From<crate::Remote> for Remote {
    fn from(remote: crate::Remote) -> Self {
        Self(remote)
    }
}

impl Remote {
    delegate! { self: "Remote";
        methods {
            /// Prepares the upload of a file on disk.
            [&self] upload_file(path: impl Into<PathBuf>) -> UploadFile => UploadFile;

            /// Prepares the upload of bytes.
            [&self] upload_bytes(bytes: impl Into<Bytes>, mime_type: impl Into<String>) -> UploadFile => UploadFile;

            /// Prepares the attachment of a file on disk to a message.
            [&self] attach_file(path: impl Into<PathBuf>) -> AttachFile => AttachFile;

            /// Prepares the attachment of bytes to a message.
            [&self] attach_bytes(bytes: impl Into<Bytes>, mime_type: impl Into<String>) -> AttachFile => AttachFile;

            /// Returns the description of a file.
            ///
            /// # Errors
            /// The errors of the asynchronous method.
            [&self] get_file(name: &str) -> Result<File> => wait;

            /// Deletes a file.
            ///
            /// # Errors
            /// The errors of the asynchronous method.
            [&self] delete_file(name: &str) -> Result<()> => wait;

            /// Waits until a file is ready for use.
            ///
            /// # Errors
            /// The errors of the asynchronous method.
            [&self] wait_until_active(file: File, limit: Duration) -> Result<File> => wait;
        }
    }

    /// Lists the files of the project, like [`Remote::list_files`](crate::Remote::list_files). Nothing is requested
    /// until the first file is read.
    pub fn list_files(&self) -> FileList {
        FileList {
            list: self.0.list_files(),
            has_ended: false,
        }
    }
}

/// Upload of a file, without `async`.
#[derive(Debug)]
#[must_use = "nothing is uploaded until `send` is called"]
pub struct UploadFile(crate::remote::UploadFile);

impl UploadFile {
    delegate! { self: "remote::UploadFile";
        methods {
            /// Sets the resource name, `files/…`.
            [self] name(name: impl Into<String>) -> Self => Self;

            /// Sets the name for people, at most 512 characters. Default: the name of the file on disk.
            [self] display_name(name: impl Into<String>) -> Self => Self;

            /// Sets the media type. Default: it follows from the extension of the file.
            [self] mime_type(mime_type: impl Into<String>) -> Self => Self;

            /// Sets a function that is called at the start and whenever the service has received a piece.
            [self] on_progress(on_progress: impl Fn(UploadProgress) + Send + Sync + 'static) -> Self => Self;

            /// Sets the options of the requests.
            [self] request_options(options: RequestOptions) -> Self => Self;
        }
    }

    /// Uploads the file, and returns it as the service describes it.
    ///
    /// # Errors
    /// The errors of [`UploadFile`](crate::remote::UploadFile).
    pub fn send(self) -> Result<File> {
        wait(self.0)
    }
}

/// Attachment of a message, without `async`.
#[derive(Debug)]
#[must_use = "nothing is read until `send` is called"]
pub struct AttachFile(crate::remote::AttachFile);

impl AttachFile {
    delegate! { self: "remote::AttachFile";
        methods {
            /// Sets the media type. Default: it follows from the extension of the file.
            [self] mime_type(mime_type: impl Into<String>) -> Self => Self;

            /// Sets the maximum size in bytes of inline data. Larger files are uploaded. Default: 14 MiB.
            [self] inline_limit(bytes: u64) -> Self => Self;

            /// Sets a function that is called at the start of an upload and whenever the service has received a piece.
            [self] on_progress(on_progress: impl Fn(UploadProgress) + Send + Sync + 'static) -> Self => Self;

            /// Sets the options of the requests of an upload.
            [self] request_options(options: RequestOptions) -> Self => Self;
        }
    }

    /// Reads the file, uploads it if it is large, and returns the part of a message.
    ///
    /// # Errors
    /// The errors of [`AttachFile`](crate::remote::AttachFile).
    pub fn send(self) -> Result<Part> {
        wait(self.0)
    }
}

/// List of files, as an iterator. An error is the last item.
#[derive(Debug)]
#[must_use = "nothing is requested until the first file is read"]
pub struct FileList {
    list: crate::remote::FileList,
    /// Whether waiting failed: see [`next`].
    has_ended: bool,
}

impl Iterator for FileList {
    type Item = Result<File>;

    fn next(&mut self) -> Option<Self::Item> {
        next(&mut self.has_ended, self.list.next())
    }
}
