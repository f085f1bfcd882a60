//! Where models are kept, and what of them is there.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use generativeai_local::default_model;

use super::catalogue::Entry;

/// What the part of a model ends in that is still being fetched.
const PART: &str = ".part";

/// The folder of the models.
#[derive(Debug)]
pub(crate) struct Cache(PathBuf);

/// What of a model is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// All of it: this many bytes, which were verified when they came.
    Whole(u64),
    /// The first bytes of a fetch that was cut.
    Part(u64),
    /// Nothing.
    Nothing,
}

impl Cache {
    /// The folder of the user's models.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let default = default_model::path()?;
        let folder = default.parent().context("the models have no folder")?;
        Ok(Self(folder.to_owned()))
    }

    /// Where a model is, or would be.
    pub(crate) fn path(&self, entry: &Entry) -> PathBuf {
        self.0.join(entry.file)
    }

    /// Where the part of a model is kept that has come so far. Its name bears the SHA-256 of the whole,
    /// so that parts of two versions are never put together.
    pub(super) fn part(&self, entry: &Entry, sha256: &str) -> PathBuf {
        self.0.join(format!("{}.{sha256}{PART}", entry.file))
    }

    /// What of a file is there.
    pub(super) fn state(&self, file: &str) -> State {
        if let Ok(data) = fs::metadata(self.0.join(file)) {
            return State::Whole(data.len());
        }
        let parts = self.parts(file);
        let sizes = parts
            .iter()
            .filter_map(|path| Some(fs::metadata(path).ok()?.len()));
        sizes.max().map_or(State::Nothing, State::Part)
    }

    /// Removes a model and its parts; says whether there was anything.
    pub(super) fn remove(&self, file: &str) -> anyhow::Result<bool> {
        let _alone = self.lock(file, || bail!("{file} is being fetched by another process"))?;
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

    /// Holds a model for this process alone, until what is given is dropped; `busy` is called before
    /// another process is waited for.
    pub(super) fn lock(
        &self,
        file: &str,
        busy: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<File> {
        let place = || format!("cannot write to {}", self.0.display());
        fs::create_dir_all(&self.0).with_context(place)?;
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        let lock = options
            .open(self.0.join(format!(".{file}.lock")))
            .with_context(place)?;
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => busy()?,
            Err(TryLockError::Error(error)) => return Err(error).with_context(place),
        }
        lock.lock().with_context(place)?;
        Ok(lock)
    }

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
