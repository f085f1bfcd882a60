//! Receives the bytes of one request into an upload.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::time::timeout;

use super::disk::blocking;
use super::storage::FileStorage;
use super::upload::{BLOCK, Writer};
use crate::error::ApiError;

/// Writes what arrives into an upload. The next bytes must arrive within `idle_timeout`.
///
/// Bytes that arrived before an error stay, so that the client can resume.
///
/// # Errors
/// The connection broke, no bytes arrived in time, a newer request continues the upload, or a limit is exceeded.
pub(super) async fn receive(
    storage: &Arc<FileStorage>,
    mut writer: Writer,
    mut bytes: impl Stream<Item = Result<Bytes, ApiError>> + Send + Unpin,
    idle_timeout: Duration,
) -> Result<Writer, ApiError> {
    let mut block = Vec::new();
    let result = loop {
        let next = tokio::select! {
            // First, so that a client that sends fast cannot delay the newer request.
            biased;
            () = writer.superseded() => {
                let message = "a newer request continues the upload";
                break Err(ApiError::aborted(message).closing_connection());
            }
            next = timeout(idle_timeout, bytes.next()) => next,
        };
        match next {
            Ok(Some(Ok(bytes))) => {
                // A slow upload must not expire before the block is full and written.
                storage.upload(&writer.upload.record.id);
                block.extend_from_slice(&bytes);
            }
            Ok(Some(Err(error))) => break Err(error),
            Ok(None) => break Ok(()),
            Err(_) => {
                let message = format!("no bytes of the upload arrived within {idle_timeout:?}");
                break Err(ApiError::timed_out(message).closing_connection());
            }
        }
        if block.len() >= BLOCK {
            (writer, block) = write(storage.clone(), writer, block).await?;
        }
    };
    let (writer, _) = write(storage.clone(), writer, block).await?;
    // The response reports these bytes as received, so they must survive a power cut.
    let writer = blocking(move || writer.sync().map(|()| writer)).await?;
    result.map(|()| writer)
}

/// Writes a block. Returns it empty, so that its allocation is reused.
async fn write(
    storage: Arc<FileStorage>,
    mut writer: Writer,
    mut block: Vec<u8>,
) -> Result<(Writer, Vec<u8>), ApiError> {
    blocking(move || {
        let record = &writer.upload.record;
        let size = writer.upload.received() + block.len() as u64;
        if let Some(length) = record.length
            && size > length
        {
            let message = format!("the upload is larger than the announced {length} bytes");
            return Err(ApiError::invalid(message).closing_connection());
        }
        storage
            .reserve(&record.id, size)
            .map_err(ApiError::closing_connection)?;
        writer.append(&block)?;
        block.clear();
        Ok((writer, block))
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::SystemTime;

    use futures_util::stream;
    use generativeai::protocol::files::File;
    use tempfile::TempDir;

    use super::*;

    #[tokio::test]
    async fn bytes_are_written_before_the_end_of_the_upload() {
        let folder = TempDir::new().expect("a folder");
        let storage = Arc::new(FileStorage::open(folder.path()).expect("a folder"));
        let upload = storage.start(File::default(), None).expect("an upload");
        let writer = upload.clone().writer().await;
        let written = upload.clone();
        let frames = stream::iter(0..3).map(move |number| {
            assert_eq!(written.received(), number * BLOCK as u64);
            Ok(Bytes::from(vec![0; BLOCK]))
        });

        let received = receive(&storage, writer, frames, Duration::from_secs(1)).await;

        assert!(received.is_ok());
    }

    #[tokio::test]
    async fn an_upload_of_slow_bytes_does_not_expire() {
        let folder = TempDir::new().expect("a folder");
        let minutes = Arc::new(AtomicU64::new(0));
        let clock = minutes.clone();
        let now =
            move || SystemTime::UNIX_EPOCH + Duration::from_mins(clock.load(Ordering::SeqCst));
        let storage = FileStorage::open(folder.path())
            .expect("a folder")
            .clock(now);
        let storage = Arc::new(storage);
        let upload = storage.start(File::default(), None).expect("an upload");
        let writer = upload.clone().writer().await;
        let frames = stream::iter(0..3).map(|_| {
            minutes.fetch_add(50, Ordering::SeqCst);
            // Removes expired uploads.
            storage.list(None, 1);
            Ok(Bytes::from_static(b"byte"))
        });

        let received = receive(&storage, writer, frames, Duration::from_secs(1)).await;

        assert!(received.is_ok());

        assert_eq!(upload.received(), 12);
    }
}
