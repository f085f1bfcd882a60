//! Receives the bytes of one request into an upload.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::time::timeout;

use super::disk::blocking;
use super::storage::FileStorage;
use super::upload::{BLOCK, Upload, WriteLock};
use crate::error::ApiError;

/// Bytes of a request as they arrive.
pub(super) type Frames<'a> = Pin<&'a mut (dyn Stream<Item = Result<Bytes, ApiError>> + Send)>;

/// Writes what arrives into an upload.
pub(super) struct Receiver {
    pub(super) storage: Arc<FileStorage>,
    pub(super) upload: Arc<Upload>,
    /// Right to write the upload.
    pub(super) lock: WriteLock,
    /// Time within which the next bytes must arrive.
    pub(super) idle_timeout: Duration,
}

impl Receiver {
    /// Writes all bytes. Bytes that arrived before an error stay, so that the client can resume.
    ///
    /// # Errors
    /// The connection broke, no bytes arrived in time, a newer request continues the upload, or a limit is exceeded.
    pub(super) async fn receive(&mut self, mut frames: Frames<'_>) -> Result<(), ApiError> {
        let mut block = Vec::new();
        let result = loop {
            match self.next(&mut frames).await {
                Ok(Some(bytes)) => {
                    // A slow upload must not expire before the block is full and written.
                    self.storage.upload(&self.upload.record.id);
                    block.extend_from_slice(&bytes);
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            if block.len() >= BLOCK {
                block = self.write(block).await?;
            }
        };
        self.write(block).await?;
        // The response reports these bytes as received, so they must survive a power cut.
        let upload = self.upload.clone();
        blocking(move || upload.sync()).await?;
        result
    }

    /// Waits for the next bytes: `None` at the end of the request.
    async fn next(&mut self, frames: &mut Frames<'_>) -> Result<Option<Bytes>, ApiError> {
        tokio::select! {
            // First, so that a client that sends fast cannot delay the newer request.
            biased;
            () = self.lock.superseded() => {
                let message = "a newer request continues the upload";
                Err(ApiError::aborted(message).closing_connection())
            }
            next = timeout(self.idle_timeout, frames.next()) => match next {
                Ok(next) => next.transpose(),
                Err(_) => {
                    let message = format!("no bytes of the upload arrived within {:?}", self.idle_timeout);
                    Err(ApiError::timed_out(message).closing_connection())
                }
            }
        }
    }

    /// Writes a block. Returns it empty, so that its allocation is reused.
    async fn write(&self, mut block: Vec<u8>) -> Result<Vec<u8>, ApiError> {
        let (storage, upload) = (self.storage.clone(), self.upload.clone());
        blocking(move || {
            let size = upload.received() + block.len() as u64;
            if let Some(length) = upload.record.length
                && size > length
            {
                return Err(ApiError::invalid(format!(
                    "the upload is larger than the announced {length} bytes"
                ))
                .closing_connection());
            }
            storage
                .reserve(&upload.record.id, size)
                .map_err(ApiError::closing_connection)?;
            upload.append(&block)?;
            block.clear();
            Ok(block)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::SystemTime;

    use futures_util::stream;
    use generativeai::protocol::files::File;
    use tempfile::TempDir;

    use super::*;

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
        let mut receiver = Receiver {
            storage: storage.clone(),
            upload: upload.clone(),
            lock: upload.write_lock().await,
            idle_timeout: Duration::from_secs(1),
        };
        let frames = stream::iter(0..3).map(|_| {
            minutes.fetch_add(50, Ordering::SeqCst);
            // Removes expired uploads.
            storage.list(None, 1);
            Ok(Bytes::from_static(b"byte"))
        });

        receiver.receive(pin!(frames)).await.expect("received");

        assert_eq!(upload.received(), 12);
    }
}
