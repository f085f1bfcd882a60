//! Request for an upload, and its settings.

use std::fmt;

use super::pieces::Source;
use super::progress::{OnProgress, UploadProgress};
use super::resumable::Session;
use crate::backend::RequestOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::media::mime_type_of;
use crate::protocol::files::File;
use crate::remote::Remote;
use crate::stream::BoxFuture;

/// Maximum length of a display name, in characters.
const MAX_DISPLAY_NAME: usize = 512;

/// Upload of a file. `.await` runs it, and returns the file as the service describes it.
///
/// The bytes are sent in pieces of 8 MiB, one of which is in memory at a time. After a failure the upload resumes at
/// the first byte that the service has not received. [`Retry`](crate::Retry) limits the attempts without progress. At
/// the end, the SHA-256 of the sent bytes is compared with the one that the service reports.
///
/// Dropping the future cancels the upload. The service then discards the received bytes.
///
/// [`RequestOptions::timeout`] is a deadline for the whole upload. Without it, each piece may take 600 s.
///
/// API page: [Files](https://ai.google.dev/gemini-api/docs/files).
///
/// # Errors
/// The message names the file. [`ErrorKind::Request`]: the file cannot be read, its media type is unknown or
/// invalid, or the
/// service refuses it (too large, a wrong type, a name that exists). [`ErrorKind::Quota`] or
/// [`ErrorKind::RateLimited`]: the project has no room left for files. [`ErrorKind::Corrupt`]: the service has stored
/// other bytes.
///
/// ```no_run
/// use generativeai::{GenerativeModel, Remote};
/// use generativeai::protocol::content::Part;
///
/// # async fn example() -> generativeai::Result<()> {
/// let remote = Remote::from_env()?;
/// let film = remote
///     .upload_file("ben-nevis.mp4")
///     .on_progress(|progress| eprintln!("{} of {} bytes", progress.sent, progress.total))
///     .await?;
/// let film = remote.wait_until_active(film, std::time::Duration::from_secs(60)).await?;
///
/// let mut chat = GenerativeModel::new("gemini-flash-latest").backend(remote).start_chat();
/// chat.send_message([Part::text("What happens in this film?"), film.into()]).await?;
/// # Ok(()) }
/// ```
#[must_use = "nothing is uploaded until the future is awaited"]
pub struct UploadFile {
    pub(super) remote: Remote,
    source: Source,
    file: File,
    /// Expected SHA-256 of the bytes, if it is known.
    sha256: Option<String>,
    on_progress: Option<OnProgress>,
    options: RequestOptions,
}

impl UploadFile {
    pub(super) fn new(remote: Remote, source: Source) -> Self {
        let mut file = File::default();
        if let Source::Path(path) = &source {
            file.mime_type = mime_type_of(path).map(str::to_owned);
            file.display_name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
        }
        Self {
            remote,
            source,
            file,
            sha256: None,
            on_progress: None,
            options: RequestOptions::default(),
        }
    }

    /// Sets the resource name, `files/…`: at most 40 lower-case letters, digits and `-` after the slash. `files/` may
    /// be left out. Default: the service chooses a name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.file.name = Some(match name.starts_with("files/") {
            true => name,
            false => format!("files/{name}"),
        });
        self
    }

    /// Sets the display name, which lists of files show: at most 512 characters. Default: the name of the file on disk.
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.file.display_name = Some(name.into());
        self
    }

    /// Sets the media type, such as `video/mp4`. Default: the type that belongs to the extension of the file.
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.file.mime_type = Some(mime_type.into());
        self
    }

    /// Sets a function that is called at the start and whenever the service has received a piece.
    ///
    /// It runs on the task that uploads, so it should return quickly.
    pub fn on_progress(
        mut self,
        on_progress: impl Fn(UploadProgress) + Send + Sync + 'static,
    ) -> Self {
        self.on_progress = Some(Box::new(on_progress));
        self
    }

    /// Sets the options of the requests.
    pub fn request_options(mut self, options: RequestOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the expected SHA-256 of the bytes. An upload of other bytes fails before its last piece is sent.
    pub(super) fn sha256(mut self, sha256: impl Into<String>) -> Self {
        self.sha256 = Some(sha256.into());
        self
    }

    /// Returns the media type that was set, or else the one that belongs to the extension of the file.
    pub(super) fn media_type(&self) -> Result<&str> {
        let message = match self.file.mime_type.as_deref() {
            Some(mime_type) if mime_type.contains('/') => return Ok(mime_type),
            // Not quoted: if the arguments were swapped, it is the content of the file.
            Some(_) => "its media type has no slash, unlike `image/png`",
            None => {
                "its media type is unknown: set it, or use an extension of the type, such as .pdf"
            }
        };
        Err(Error::new(ErrorKind::Request, message))
    }

    /// Returns the options of the requests. Options that are not set come from the client.
    pub(super) fn options(&self) -> RequestOptions {
        self.options.clone().or(&self.remote.client.service.options)
    }

    async fn run(self) -> Result<File> {
        let label = self.source.label();
        self.upload()
            .await
            .map_err(|error| error.with_context(format_args!("upload of {label}")))
    }

    /// Runs the upload. The errors do not name the file.
    pub(super) async fn upload(self) -> Result<File> {
        let (media_type, options) = (self.media_type().map(drop), self.options());
        let mut pieces = self.source.open().await?;
        // A path that is not a file has no media type either, so this error comes second.
        media_type?;
        let display_name = self.file.display_name.as_deref().unwrap_or_default();
        let length = display_name.chars().count();
        if length > MAX_DISPLAY_NAME {
            let message = format!(
                "the display name has {length} characters, and {MAX_DISPLAY_NAME} are allowed"
            );
            return Err(Error::new(ErrorKind::Request, message));
        }
        pieces.expected = self.sha256;
        let service = self.remote.client.service.clone();
        let session = Session::start(service, options, self.file, pieces.length).await?;
        session.run(pieces, self.on_progress).await
    }
}

impl IntoFuture for UploadFile {
    type Output = Result<File>;
    type IntoFuture = BoxFuture<Result<File>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for UploadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadFile")
            .field("source", &self.source.label())
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}
