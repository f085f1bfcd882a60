//! Downloads into the cache of models, for this library and the program `genai`, which share the cache. Not part of the
//! public API.

use std::borrow::Cow;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use generativeai::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};

use crate::package::{mismatch, unwritable};

/// Size and hash of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileContent {
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal digits.
    pub sha256: Cow<'static, str>,
}

/// Locks a model of the cache for this process until the returned file is dropped, or the process ends. If another
/// process holds the lock, `busy` is called first; its error is returned instead of waiting. The folder is created.
///
/// The lock file is never deleted: a process that already has it open would lock the deleted file, and a later one a
/// new file with the same name.
///
/// # Errors
///
/// [`Storage`](ErrorKind::Storage) if the folder cannot be written, and the errors of `busy`.
pub fn lock<E: From<Error>>(
    folder: &Path,
    file: &str,
    busy: impl FnOnce() -> Result<(), E>,
) -> Result<File, E> {
    let path = folder.join(format!(".{file}.lock"));
    let unwritable = |error| unwritable(&path, error);
    fs::create_dir_all(folder).map_err(unwritable)?;
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    let lock = options.open(&path).map_err(unwritable)?;
    match lock.try_lock() {
        Ok(()) => return Ok(lock),
        Err(TryLockError::WouldBlock) => busy()?,
        Err(TryLockError::Error(error)) => return Err(unwritable(error).into()),
    }
    lock.lock().map_err(unwritable)?;
    Ok(lock)
}

/// A partial download: the first `size` bytes of a file. It is resumed at its end, and verified before it becomes the
/// file.
///
/// Between two calls, `file` is positioned at its end, and `sha256` has hashed all of its bytes.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    file: File,
    size: u64,
    sha256: Sha256,
    expected: FileContent,
}

impl Part {
    /// Opens or creates a partial download, and hashes its content. New bytes are hashed as they arrive, so a complete
    /// file is not read again. A file that is longer than the expected one is not a beginning of it, and is emptied.
    ///
    /// # Errors
    ///
    /// [`Storage`](ErrorKind::Storage) if the file cannot be read or written.
    pub fn open(path: PathBuf, expected: &FileContent) -> Result<Self> {
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = options
            .open(&path)
            .map_err(|error| unwritable(&path, error))?;
        let mut sha256 = Sha256::new();
        let size = hash(&mut file, &mut sha256).map_err(|error| {
            let message = format!("cannot read {}", path.display());
            Error::new(ErrorKind::Storage, message).with_source(error)
        })?;
        let mut part = Self {
            path,
            file,
            size,
            sha256,
            expected: expected.clone(),
        };
        if size > expected.bytes {
            part.restart()?;
        }
        Ok(part)
    }

    /// Returns the size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a piece. A download that becomes longer than the expected file is deleted: a small archive can
    /// decompress to any size, and must not fill the disk.
    ///
    /// # Errors
    ///
    /// [`Storage`](ErrorKind::Storage) if the file cannot be written, [`Decode`](ErrorKind::Decode) if it becomes too
    /// long.
    pub fn push(&mut self, piece: &[u8]) -> Result<()> {
        let size = self.size + piece.len() as u64;
        if size > self.expected.bytes {
            return Err(self.reject(&format!("{size} bytes or more")));
        }
        self.file
            .write_all(piece)
            .map_err(|error| unwritable(&self.path, error))?;
        self.sha256.update(piece);
        self.size = size;
        Ok(())
    }

    /// Deletes the content, so that the download starts from the beginning.
    ///
    /// # Errors
    ///
    /// [`Storage`](ErrorKind::Storage) if the file cannot be written.
    pub fn restart(&mut self) -> Result<()> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(|error| unwritable(&self.path, error))?;
        self.sha256 = Sha256::new();
        self.size = 0;
        Ok(())
    }

    /// Verifies size and hash, and renames the file to `target`. A file with another content is deleted.
    ///
    /// # Errors
    ///
    /// [`Storage`](ErrorKind::Storage) if the file cannot be written, [`Decode`](ErrorKind::Decode) if it is not the
    /// expected one.
    pub fn finish(self, target: &Path) -> Result<()> {
        let found = hex::encode(self.sha256.clone().finalize());
        if self.size != self.expected.bytes || found != self.expected.sha256 {
            let found = format!("{} bytes with the SHA-256 {found}", self.size);
            return Err(self.reject(&found));
        }
        // A power failure after the rename must not leave a file that has its final name and lacks content.
        let stored = self.file.sync_all();
        let stored = stored.and_then(|()| fs::rename(&self.path, target));
        stored.map_err(|error| unwritable(target, error))
    }

    /// Deletes the file, since a download that resumes it would fail again. Returns the error for its content.
    fn reject(&self, found: &str) -> Error {
        let FileContent { bytes, sha256 } = &self.expected;
        match fs::remove_file(&self.path) {
            Ok(()) => mismatch(format!(
                "the download is not the expected file and was deleted: {found}, instead of {bytes} bytes with the \
                 SHA-256 {sha256}"
            )),
            Err(error) => unwritable(&self.path, error),
        }
    }
}

/// Hashes the rest of a file, and returns the number of bytes.
fn hash(file: &mut File, sha256: &mut Sha256) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(count) => {
                sha256.update(&buffer[..count]);
                bytes += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
