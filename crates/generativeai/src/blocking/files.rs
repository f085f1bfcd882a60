//! Uploads and files of the Gemini API without `async`.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

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
    /// Prepares the upload of a file on disk, like [`Remote::upload_file`](crate::Remote::upload_file).
    pub fn upload_file(&self, path: impl Into<PathBuf>) -> UploadFile {
        UploadFile(self.0.upload_file(path))
    }

    /// Prepares the upload of bytes, like [`Remote::upload_bytes`](crate::Remote::upload_bytes).
    pub fn upload_bytes(
        &self,
        bytes: impl Into<Bytes>,
        mime_type: impl Into<String>,
    ) -> UploadFile {
        UploadFile(self.0.upload_bytes(bytes, mime_type))
    }

    /// Prepares the attachment of a file on disk to a message, like
    /// [`Remote::attach_file`](crate::Remote::attach_file).
    pub fn attach_file(&self, path: impl Into<PathBuf>) -> AttachFile {
        AttachFile(self.0.attach_file(path))
    }

    /// Prepares the attachment of bytes to a message, like [`Remote::attach_bytes`](crate::Remote::attach_bytes).
    pub fn attach_bytes(
        &self,
        bytes: impl Into<Bytes>,
        mime_type: impl Into<String>,
    ) -> AttachFile {
        AttachFile(self.0.attach_bytes(bytes, mime_type))
    }

    /// Returns the description of a file, like [`Remote::get_file`](crate::Remote::get_file).
    ///
    /// # Errors
    /// The errors of [`Remote::get_file`](crate::Remote::get_file).
    pub fn get_file(&self, name: &str) -> Result<File> {
        wait(self.0.get_file(name))
    }

    /// Lists the files of the project, like [`Remote::list_files`](crate::Remote::list_files). Nothing is requested
    /// until the first file is read.
    pub fn list_files(&self) -> FileList {
        FileList {
            list: self.0.list_files(),
            has_ended: false,
        }
    }

    /// Deletes a file, like [`Remote::delete_file`](crate::Remote::delete_file).
    ///
    /// # Errors
    /// The errors of [`Remote::delete_file`](crate::Remote::delete_file).
    pub fn delete_file(&self, name: &str) -> Result<()> {
        wait(self.0.delete_file(name))
    }

    /// Waits until a file is ready for use, like [`Remote::wait_until_active`](crate::Remote::wait_until_active).
    ///
    /// # Errors
    /// The errors of [`Remote::wait_until_active`](crate::Remote::wait_until_active).
    pub fn wait_until_active(&self, file: File, limit: Duration) -> Result<File> {
        wait(self.0.wait_until_active(file, limit))
    }
}

/// Upload of a file, without `async`.
#[derive(Debug)]
#[must_use = "nothing is uploaded until `send` is called"]
pub struct UploadFile(crate::remote::UploadFile);

impl UploadFile {
    /// Sets the resource name, `files/…`.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self(self.0.name(name))
    }

    /// Sets the name for people, at most 512 characters. Default: the name of the file on disk.
    pub fn display_name(self, name: impl Into<String>) -> Self {
        Self(self.0.display_name(name))
    }

    /// Sets the media type. Default: it follows from the extension of the file.
    pub fn mime_type(self, mime_type: impl Into<String>) -> Self {
        Self(self.0.mime_type(mime_type))
    }

    /// Sets a function that is called at the start and whenever the service has received a piece.
    pub fn on_progress(self, on_progress: impl Fn(UploadProgress) + Send + Sync + 'static) -> Self {
        Self(self.0.on_progress(on_progress))
    }

    /// Sets the options of the requests.
    pub fn request_options(self, options: RequestOptions) -> Self {
        Self(self.0.request_options(options))
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
    /// Sets the media type. Default: it follows from the extension of the file.
    pub fn mime_type(self, mime_type: impl Into<String>) -> Self {
        Self(self.0.mime_type(mime_type))
    }

    /// Sets the maximum size in bytes of inline data. Larger files are uploaded. Default: 14 MiB.
    pub fn inline_limit(self, bytes: u64) -> Self {
        Self(self.0.inline_limit(bytes))
    }

    /// Sets a function that is called at the start of an upload and whenever the service has received a piece.
    pub fn on_progress(self, on_progress: impl Fn(UploadProgress) + Send + Sync + 'static) -> Self {
        Self(self.0.on_progress(on_progress))
    }

    /// Sets the options of the requests of an upload.
    pub fn request_options(self, options: RequestOptions) -> Self {
        Self(self.0.request_options(options))
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
