//! A partial download. It is resumed at its end, and verified before it becomes a model file.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::cache::Unwritable;
use super::entries::FileContent;

/// A partial download: the first `size` bytes of the model.
///
/// Between two calls, `file` is positioned at its end, and `sha256` has hashed all of its bytes.
pub(super) struct Part {
    path: PathBuf,
    file: File,
    /// Size in bytes.
    pub(super) size: u64,
    sha256: Sha256,
}

impl Part {
    /// Opens or creates a partial download, and hashes its content. New bytes are hashed as they arrive, so a complete
    /// file is not read again.
    pub(super) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let unwritable = || Unwritable(path.clone());
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = options.open(&path).with_context(unwritable)?;
        let mut sha256 = Sha256::new();
        let size = hash(&mut file, &mut sha256)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self {
            path,
            file,
            size,
            sha256,
        })
    }

    /// Appends a piece.
    pub(super) fn push(&mut self, piece: &[u8]) -> anyhow::Result<()> {
        self.file
            .write_all(piece)
            .with_context(|| Unwritable(self.path.clone()))?;
        self.sha256.update(piece);
        self.size += piece.len() as u64;
        Ok(())
    }

    /// Deletes the content, so that the download starts from the beginning.
    pub(super) fn restart(&mut self) -> anyhow::Result<()> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.with_context(|| Unwritable(self.path.clone()))?;
        self.sha256 = Sha256::new();
        self.size = 0;
        Ok(())
    }

    /// Verifies size and hash, and renames the file to `target`. A file with a wrong hash is deleted, since a download
    /// that resumes it would fail again.
    pub(super) fn finish(self, expected: &FileContent, target: &Path) -> anyhow::Result<()> {
        let FileContent { bytes, sha256 } = expected;
        let found = digits(&self.sha256.finalize());
        if self.size != *bytes || found != *sha256 {
            fs::remove_file(&self.path).with_context(|| Unwritable(self.path.clone()))?;
            bail!(
                "the download is not the expected file and was deleted: {} bytes with the SHA-256 {found}, \
                 instead of {bytes} with {sha256}",
                self.size
            );
        }
        let unwritable = || Unwritable(target.to_owned());
        // A power failure after the rename must not leave a file that has its final name and lacks content.
        self.file.sync_all().with_context(unwritable)?;
        fs::rename(&self.path, target).with_context(unwritable)
    }
}

/// Hashes a file from its position to its end, and returns the number of bytes.
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

fn digits(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
