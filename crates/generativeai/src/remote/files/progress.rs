//! Progress of an upload.

/// Callback of [`UploadFile::on_progress`](super::UploadFile::on_progress).
pub(super) type OnProgress = Box<dyn Fn(UploadProgress) + Send + Sync>;

/// Progress of an upload: the bytes that the service has received.
///
/// ```no_run
/// # async fn example(remote: generativeai::Remote) -> generativeai::Result<()> {
/// let upload = remote.upload_file("film.mp4");
/// let film = upload.on_progress(|progress| {
///     eprint!("\r{} %", progress.sent * 100 / progress.total.max(1));
/// });
/// println!("{:?}", film.await?.uri);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadProgress {
    /// Bytes that the service has received.
    pub sent: u64,
    /// Size of the file in bytes.
    pub total: u64,
}
