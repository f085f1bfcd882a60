//! One upload: its bytes, their hash, and the request that writes them.

use std::fmt;
use std::fs::File as DiskFile;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::digest::{Context, SHA256};
use tokio::sync::{OwnedMutexGuard, watch};

use super::disk::disk_error;
use super::folder::UploadRecord;
use crate::error::ApiError;

/// Size in bytes of the blocks in which an upload is written, and read again after a restart. An upload takes the
/// memory of at most two.
pub(super) const BLOCK: usize = 1024 * 1024;

/// Upload in progress.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) record: UploadRecord,
    progress: Mutex<Progress>,
    /// Number of the newest request that writes this upload.
    newest: watch::Sender<u64>,
    /// Held by the request that writes.
    writer: Arc<tokio::sync::Mutex<()>>,
}

/// Received bytes.
struct Progress {
    data: DiskFile,
    received: u64,
    /// Hash of the received bytes. `None` until it is computed: after a restart, the file already has bytes.
    digest: Option<Context>,
}

/// Lock of a request that writes an upload.
///
/// A newer request supersedes the older one: its client has given it up, although the server may not have noticed that
/// the connection is broken.
#[derive(Debug)]
pub(super) struct WriteLock {
    number: u64,
    newest: watch::Receiver<u64>,
    _writer: OwnedMutexGuard<()>,
}

impl WriteLock {
    /// Completes when a newer request wants to write.
    pub(super) async fn superseded(&mut self) {
        let number = self.number;
        if self
            .newest
            .wait_for(|newest| *newest != number)
            .await
            .is_ok()
        {
            return;
        }
        // The upload has ended, so that nothing can replace this request.
        std::future::pending().await
    }
}

impl Upload {
    /// Creates an upload, of which the file has this number of received bytes.
    pub(super) fn new(record: UploadRecord, data: DiskFile, received: u64) -> Self {
        let progress = Progress {
            data,
            received,
            digest: None,
        };
        Self {
            record,
            progress: Mutex::new(progress),
            newest: watch::Sender::new(0),
            writer: Arc::default(),
        }
    }

    /// Stops the requests that write this upload, and waits until they have ended.
    pub(super) async fn write_lock(&self) -> WriteLock {
        // Announced before the lock is awaited: the request that holds it sees the new number, and ends.
        let mut number = 0;
        self.newest.send_modify(|newest| {
            *newest += 1;
            number = *newest;
        });
        WriteLock {
            number,
            newest: self.newest.subscribe(),
            _writer: self.writer.clone().lock_owned().await,
        }
    }

    /// Returns how many bytes were received. Blocks during a write in progress.
    pub(super) fn received(&self) -> u64 {
        self.progress().received
    }

    /// Writes bytes after the received ones.
    pub(super) fn append(&self, bytes: &[u8]) -> Result<(), ApiError> {
        let mut progress = self.progress();
        progress.digest()?;
        let at = progress.received;
        // A failed write may have moved the position.
        let written = progress
            .data
            .seek(SeekFrom::Start(at))
            .and_then(|_| progress.data.write_all(bytes));
        written.map_err(disk_error("write the upload"))?;
        progress.digest()?.update(bytes);
        progress.received += bytes.len() as u64;
        Ok(())
    }

    /// Waits until the received bytes are on disk.
    pub(super) fn sync(&self) -> Result<(), ApiError> {
        let progress = self.progress();
        let synced = progress.data.sync_data();
        synced.map_err(disk_error("write the upload"))
    }

    /// Returns the size and the SHA-256 of the upload, whose bytes are on disk then.
    ///
    /// # Errors
    /// The upload is shorter than announced.
    pub(super) fn seal(&self) -> Result<(u64, [u8; 32]), ApiError> {
        let mut progress = self.progress();
        let received = progress.received;
        if let Some(length) = self.record.length
            && length != received
        {
            return Err(ApiError::invalid(format!(
                "the upload ends after {received} of {length} bytes: send the rest before `finalize`"
            )));
        }
        let digest = progress.digest()?.clone().finish();
        // A failed write may have left bytes after the received ones.
        let synced = progress.data.set_len(received);
        let synced = synced.and_then(|()| progress.data.sync_all());
        synced.map_err(disk_error("write the upload"))?;
        let digest = digest.as_ref().try_into();
        Ok((received, digest.expect("SHA-256 has 32 bytes")))
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // `received` is updated last, so after a panic it covers only bytes that were written and hashed.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

impl Progress {
    /// Returns the hash of the received bytes, which are read again after a restart.
    fn digest(&mut self) -> Result<&mut Context, ApiError> {
        let digest = match self.digest.take() {
            Some(digest) => digest,
            None => hash(&mut self.data, self.received).map_err(disk_error("read the upload"))?,
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
