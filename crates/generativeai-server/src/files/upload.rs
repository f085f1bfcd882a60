//! One upload: its bytes, their hash, and the request that writes them.

use std::convert::Infallible;
use std::fs::File as DiskFile;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest::{Context, SHA256};
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::disk::disk_error;
use super::folder::UploadRecord;
use crate::error::ApiError;

/// Size in bytes of the blocks in which an upload is written, and read again after a restart. An upload takes the
/// memory of at most two.
pub(super) const BLOCK: usize = 1024 * 1024;

/// Upload in progress.
pub(super) struct Upload {
    pub(super) record: UploadRecord,
    received: AtomicU64,
    bytes: Arc<tokio::sync::Mutex<UploadedBytes>>,
    /// Belongs to the newest request that writes this upload. Dropping it supersedes the request.
    newest: Mutex<Option<oneshot::Sender<Infallible>>>,
}

/// The received bytes on disk.
struct UploadedBytes {
    data: DiskFile,
    /// Hash of the received bytes. `None` until it is computed: after a restart, the file already has bytes.
    digest: Option<Context>,
}

/// Request that may write an upload. There is one at a time.
///
/// A newer request supersedes the older one: its client has given it up, although the server may not have noticed that
/// the connection is broken.
pub(super) struct Writer {
    pub(super) upload: Arc<Upload>,
    bytes: OwnedMutexGuard<UploadedBytes>,
    superseded: oneshot::Receiver<Infallible>,
}

impl Upload {
    /// Creates an upload, of which the file has this number of received bytes.
    pub(super) fn new(record: UploadRecord, data: DiskFile, received: u64) -> Self {
        let digest = None;
        Self {
            record,
            received: received.into(),
            bytes: Arc::new(tokio::sync::Mutex::new(UploadedBytes { data, digest })),
            newest: Mutex::default(),
        }
    }

    /// Stops the requests that write this upload, and waits until they have ended.
    pub(super) async fn writer(self: Arc<Self>) -> Writer {
        let (newest, superseded) = oneshot::channel();
        // Replaced before the lock is awaited: the request that holds it sees that, and ends.
        let older = self
            .newest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(newest);
        drop(older);
        Writer {
            bytes: self.bytes.clone().lock_owned().await,
            superseded,
            upload: self,
        }
    }

    /// Returns how many bytes were received.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::SeqCst)
    }
}

impl Writer {
    /// Completes when a newer request wants to write.
    pub(super) async fn superseded(&mut self) {
        // Nothing is ever sent: an error means that the sender was dropped.
        let _ = (&mut self.superseded).await;
    }

    /// Writes bytes after the received ones.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        let at = self.upload.received();
        self.bytes.digest(at)?;
        // A failed write may have moved the position.
        let data = &mut self.bytes.data;
        let written = data
            .seek(SeekFrom::Start(at))
            .and_then(|_| data.write_all(bytes));
        written.map_err(disk_error("write the upload"))?;
        self.bytes.digest(at)?.update(bytes);
        let received = at + bytes.len() as u64;
        self.upload.received.store(received, Ordering::SeqCst);
        Ok(())
    }

    /// Waits until the received bytes are on disk.
    pub(super) fn sync(&self) -> Result<(), ApiError> {
        let synced = self.bytes.data.sync_data();
        synced.map_err(disk_error("write the upload"))
    }

    /// Returns the size and the SHA-256 of the upload, whose bytes are on disk then.
    ///
    /// # Errors
    /// The upload is shorter than announced.
    pub(super) fn seal(&mut self) -> Result<(u64, [u8; 32]), ApiError> {
        let received = self.upload.received();
        if let Some(length) = self.upload.record.length
            && length != received
        {
            return Err(ApiError::invalid(format!(
                "the upload ends after {received} of {length} bytes: send the rest before `finalize`"
            )));
        }
        let digest = self.bytes.digest(received)?.clone().finish();
        // A failed write may have left bytes after the received ones.
        let synced = self.bytes.data.set_len(received);
        let synced = synced.and_then(|()| self.bytes.data.sync_all());
        synced.map_err(disk_error("write the upload"))?;
        let digest = digest.as_ref().try_into();
        Ok((received, digest.expect("SHA-256 has 32 bytes")))
    }
}

impl UploadedBytes {
    /// Returns the hash of the received bytes, which are read again after a restart.
    fn digest(&mut self, received: u64) -> Result<&mut Context, ApiError> {
        let digest = match self.digest.take() {
            Some(digest) => digest,
            None => hash(&mut self.data, received).map_err(disk_error("read the upload"))?,
        };
        Ok(self.digest.insert(digest))
    }
}

/// Returns the hash of the first bytes of a file.
fn hash(data: &mut DiskFile, length: u64) -> std::io::Result<Context> {
    let mut digest = Context::new(&SHA256);
    data.rewind()?;
    let mut data = data.take(length);
    let mut block = vec![0; BLOCK];
    loop {
        match data.read(&mut block)? {
            0 => return Ok(digest),
            count => digest.update(&block[..count]),
        }
    }
}
