//! The directory of a download, which is always removed.

use std::path::{Path, PathBuf};

use generativeai::{Error, ErrorKind, Result};

/// A temporary directory that is removed when it is dropped.
#[derive(Debug)]
pub(super) struct ScratchDir(PathBuf);

impl ScratchDir {
    /// Creates the directory, and removes what a killed process left there.
    pub(super) fn create(path: &Path) -> Result<Self> {
        // If this fails, `create_dir` fails too and reports it.
        let _ = std::fs::remove_dir_all(path);
        std::fs::create_dir(path).map_err(|error| unwritable(path, error))?;
        Ok(Self(path.to_owned()))
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
pub(crate) fn unwritable(path: &Path, error: std::io::Error) -> Error {
    let message = format!(
        "cannot write to {}: free some disk space and try again, or set XDG_CACHE_HOME",
        path.display()
    );
    Error::new(ErrorKind::Storage, message).with_source(error)
}
