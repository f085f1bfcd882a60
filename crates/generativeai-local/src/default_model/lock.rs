//! Exclusive access to the cache directory, and a scratch directory that is always removed.

use std::fs::File;
use std::path::{Path, PathBuf};

use generativeai::{Error, ErrorKind, Result};

/// Name of the scratch directory. The lock guarantees that only one process uses it.
const SCRATCH: &str = ".fetching";

/// Waits for the lock on a directory. It is released when the returned file is dropped, or when the
/// process ends.
pub(super) fn acquire(directory: &Path) -> Result<File> {
    let path = directory.join(".lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = file.map_err(|error| unwritable(&path, error))?;
    file.lock().map_err(|error| unwritable(&path, error))?;
    Ok(file)
}

/// Scratch directory of one download. It is inside the cache directory, and so on the same file
/// system: the finished model is moved into the cache with an atomic rename.
pub(super) struct ScratchDir(PathBuf);

impl ScratchDir {
    /// Creates the directory, and removes what a killed process left there.
    pub(super) fn create(directory: &Path) -> Result<Self> {
        let path = directory.join(SCRATCH);
        // If this fails, `create_dir` fails too and reports it.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).map_err(|error| unwritable(&path, error))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        // If this fails, the next download removes it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Creates the error for a path that cannot be written.
pub(super) fn unwritable(path: &Path, error: std::io::Error) -> Error {
    let message = format!(
        "cannot write to {}: free some space, or set XDG_CACHE_HOME",
        path.display()
    );
    Error::new(ErrorKind::Configuration, message).with_source(error)
}
