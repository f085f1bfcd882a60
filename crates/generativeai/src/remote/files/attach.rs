//! Request for an attachment, and its settings.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;

use super::pieces::{Pieces, Source};
use super::progress::UploadProgress;
use super::reference::Reference;
use super::stored::Key;
use super::upload::UploadFile;
use crate::backend::{Deadline, RequestOptions};
use crate::error::Result;
use crate::protocol::content::{Blob, Part};
use crate::protocol::files::File;
use crate::remote::Remote;
use crate::stream::BoxFuture;

/// Default of [`AttachFile::inline_limit`].
const INLINE_LIMIT: u64 = 14 << 20;

/// Maximum time for which the service may process a file after its upload, unless the request has a timeout.
const PROCESSING: Duration = Duration::from_secs(600);

/// Source of the bytes of an attachment. They are read twice: for the hash, and for the upload.
pub(super) enum Origin {
    Path(PathBuf),
    Bytes(Bytes),
}

impl Origin {
    fn source(&self) -> Source {
        match self {
            Self::Path(path) => Source::Path(path.clone()),
            Self::Bytes(bytes) => Source::Bytes(bytes.clone()),
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Bytes(_) => None,
        }
    }
}

/// Attachment of a message. `.await` returns it as a [`Part`]: inline data if it is small, else a reference to an
/// uploaded file.
///
/// Data up to 14 MiB is inline, unless [`inline_limit`](Self::inline_limit) sets another limit. Inline data is sent
/// again with each request of the conversation. The Gemini API limits it to 100 MB in a request, and to 50 MB for a
/// PDF. An uploaded file may have 2 GB.
///
/// The same bytes are uploaded once for all clones of a [`Remote`], even if several tasks attach them at the same time.
/// The service deletes a file after 48 hours. When a `Remote` sends a message that refers to an expired attachment, it
/// uploads the file on disk again. An attachment from memory has no such file: attach the same bytes again, and
/// messages that refer to them can be sent.
///
/// The history contains the reference: the URI and, in [`Part::part_metadata`], the path on disk, the SHA-256 and the
/// expiration time. So another process can continue a saved or stored conversation. The metadata is not sent to the
/// service.
///
/// Dropping the future cancels the upload.
///
/// # Errors
/// Those of [`UploadFile`], with the name of the file. A file that has changed since it was attached is not uploaded
/// again, and the message that needs it fails with [`ErrorKind::Request`](crate::ErrorKind::Request).
///
/// ```
/// use generativeai::protocol::content::Part;
/// use generativeai::Remote;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let path = std::env::temp_dir().join(format!("generativeai-doc-{}.md", std::process::id()));
/// # std::fs::write(&path, "# Ben Nevis")?;
/// let remote = Remote::builder().base_url("http://127.0.0.1:8080").build()?;
///
/// // A small file is sent with the message, and needs no connection.
/// let notes = remote.attach_file(&path).await?;
/// assert_eq!(notes.kind(), Some("inlineData"));
/// let message = [Part::text("Summarize these notes."), notes];
/// # std::fs::remove_file(&path)?;
/// # Ok(()) }
/// ```
///
/// A large one is uploaded:
///
/// ```no_run
/// use generativeai::protocol::content::Part;
/// use generativeai::{GenerativeModel, Remote};
///
/// # async fn example() -> generativeai::Result<()> {
/// let remote = Remote::from_env()?;
/// let film = remote
///     .attach_file("ben-nevis.mp4")
///     .on_progress(|progress| eprintln!("{} of {} bytes", progress.sent, progress.total))
///     .await?;
///
/// let mut chat = GenerativeModel::new("gemini-flash-latest").backend(remote).start_chat();
/// chat.send_message([Part::text("What happens in this film?"), film]).await?;
/// chat.send_message("And at the end?").await?; // refers to the same file
/// # Ok(()) }
/// ```
#[must_use = "nothing is read until the future is awaited"]
pub struct AttachFile {
    origin: Origin,
    /// Upload that runs if the data is larger than `inline_limit`.
    upload: UploadFile,
    inline_limit: u64,
}

impl AttachFile {
    pub(super) fn new(remote: Remote, origin: Origin) -> Self {
        Self {
            upload: UploadFile::new(remote, origin.source()),
            origin,
            inline_limit: INLINE_LIMIT,
        }
    }

    /// Sets the media type, such as `video/mp4`. Default: the type that belongs to the extension of the file.
    pub fn mime_type(self, mime_type: impl Into<String>) -> Self {
        self.with(|upload| upload.mime_type(mime_type))
    }

    /// Sets the maximum size in bytes of inline data. Larger files are uploaded. Default: 14 MiB.
    pub fn inline_limit(mut self, bytes: u64) -> Self {
        self.inline_limit = bytes;
        self
    }

    /// Sets a function that is called at the start of an upload and whenever the service has received a piece.
    ///
    /// It is not called if nothing is uploaded: the data is inline, was uploaded before, or is uploaded by another
    /// task.
    pub fn on_progress(self, on_progress: impl Fn(UploadProgress) + Send + Sync + 'static) -> Self {
        self.with(|upload| upload.on_progress(on_progress))
    }

    /// Sets the options of the requests of an upload.
    pub fn request_options(self, options: RequestOptions) -> Self {
        self.with(|upload| upload.request_options(options))
    }

    fn with(mut self, set: impl FnOnce(UploadFile) -> UploadFile) -> Self {
        self.upload = set(self.upload);
        self
    }

    async fn run(self) -> Result<Part> {
        let label = self.origin.source().label();
        self.attach()
            .await
            .map_err(|error| error.with_context(format_args!("attachment of {label}")))
    }

    async fn attach(self) -> Result<Part> {
        let pieces = self.origin.source().open().await?;
        let mime_type = self.upload.media_type()?.to_owned();
        if pieces.length <= self.inline_limit {
            return Ok(Blob::new(mime_type, read(pieces).await?).into());
        }
        let sha256 = hash(pieces).await?;
        let key = Key {
            sha256: sha256.clone(),
            mime_type,
        };
        let reference = Reference::new(sha256, self.origin.path());
        let remote = self.upload.remote.clone();
        let upload = remote.store(self.upload, &key);
        let stored = &remote.client.service.stored;
        let file = stored.get(&key, |_| true, |_| upload).await?;
        Ok(reference.into_part(file))
    }
}

impl Remote {
    /// Uploads an attachment, and waits until it is ready for use.
    pub(super) async fn store(&self, upload: UploadFile, key: &Key) -> Result<File> {
        let timeout = upload.options().timeout;
        let deadline = Deadline::start(timeout);
        // The source was read for the hash, and is read again for the upload: it may have changed in between.
        let upload = upload.mime_type(&key.mime_type).sha256(&key.sha256);
        let file = upload.upload().await?;
        let limit = deadline.remaining().or(timeout).unwrap_or(PROCESSING);
        self.wait_until_active(file, limit).await
    }
}

/// Reads all bytes.
async fn read(mut pieces: Pieces) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let piece = pieces.next().await?;
        bytes.extend_from_slice(&piece.bytes);
        if piece.is_last {
            return Ok(bytes);
        }
    }
}

/// Reads all bytes for their hash.
async fn hash(mut pieces: Pieces) -> Result<String> {
    while !pieces.next().await?.is_last {
        // Reading from memory never waits: without this, the hash of many bytes would block other tasks.
        tokio::task::yield_now().await;
    }
    Ok(pieces.sha256())
}

impl IntoFuture for AttachFile {
    type Output = Result<Part>;
    type IntoFuture = BoxFuture<Result<Part>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for AttachFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachFile")
            .field("upload", &self.upload)
            .field("inline_limit", &self.inline_limit)
            .finish_non_exhaustive()
    }
}
