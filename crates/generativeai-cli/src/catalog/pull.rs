//! Downloads of models: resumed after an interruption, and verified before they are used.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use generativeai_local::default_model;
use sha2::{Digest, Sha256};

use super::cache::{Cache, CacheState};
use super::entries::Entry;
use super::hub::{FileInfo, Hub};
use crate::render::{Printer, Progress};

/// Downloads the embedded model unless it is cached, and returns its path.
pub(crate) fn fetch_embedded(printer: &mut Printer) -> anyhow::Result<PathBuf> {
    let mut progress = printer.progress("downloading the model");
    let path = default_model::fetch(|now| progress.show(now.done, now.total));
    progress.end();
    path.context("cannot download the embedded model")
}

/// Downloads a model unless it is cached, and returns its path.
///
/// An interrupted download is resumed: at once if it made progress, else by the next call.
pub(crate) fn pull(cache: &Cache, entry: &Entry, printer: &mut Printer) -> anyhow::Result<PathBuf> {
    let path = cache.path(entry);
    let _lock = cache.lock(entry.file, || {
        printer.note("(another process is downloading it; waiting)");
        Ok(())
    })?;
    if matches!(cache.state(entry.file), CacheState::Complete(_)) {
        return Ok(path);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    runtime.block_on(async {
        let hub = Hub::from_env()?;
        loop {
            let info = hub.file_info(entry).await?;
            let mut part = Part::open(cache.part(entry, &info.sha256))?;
            let before = part.size;
            let mut progress = printer.progress("downloading the model");
            let fetched = part.fetch(&hub, &info, &mut progress).await;
            progress.end();
            match fetched {
                Ok(()) => return part.finish(&info, &path),
                Err(error) if error.is::<Interrupted>() && part.size > before => {
                    printer.note("(the connection broke; resuming the download)");
                }
                Err(error) => return Err(error),
            }
        }
    })?;
    Ok(path)
}

/// The connection broke. The partial download is kept.
#[derive(Debug)]
struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection broke: run the command again to resume the download")
    }
}

impl std::error::Error for Interrupted {}

/// A partial download.
struct Part {
    path: PathBuf,
    file: File,
    size: u64,
    sha256: Sha256,
}

impl Part {
    /// Opens or creates a partial download, and hashes its content.
    fn open(path: PathBuf) -> anyhow::Result<Self> {
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = options.open(&path).with_context(|| unwritable(&path))?;
        let mut sha256 = Sha256::new();
        let size = hash(&mut file, &mut sha256).with_context(|| unwritable(&path))?;
        Ok(Self {
            path,
            file,
            size,
            sha256,
        })
    }

    /// Downloads the rest of the file.
    async fn fetch(
        &mut self,
        hub: &Hub,
        info: &FileInfo,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        if self.size > info.size {
            self.restart()?;
        }
        if self.size == info.size {
            return Ok(());
        }
        let (mut response, from) = hub.open(info, self.size).await?;
        if from != self.size {
            self.restart()?;
        }
        while self.size < info.size {
            progress.show(self.size, info.size);
            match response.chunk().await {
                Ok(Some(piece)) => self.push(&piece)?,
                Ok(None) => return Err(Interrupted.into()),
                Err(error) => return Err(error.without_url()).context(Interrupted),
            }
        }
        progress.show(self.size, info.size);
        Ok(())
    }

    fn push(&mut self, piece: &[u8]) -> anyhow::Result<()> {
        self.file
            .write_all(piece)
            .with_context(|| unwritable(&self.path))?;
        self.sha256.update(piece);
        self.size += piece.len() as u64;
        Ok(())
    }

    fn restart(&mut self) -> anyhow::Result<()> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.with_context(|| unwritable(&self.path))?;
        self.sha256 = Sha256::new();
        self.size = 0;
        Ok(())
    }

    /// Moves the complete file to its path if size and hash are right; else deletes it.
    fn finish(self, info: &FileInfo, target: &Path) -> anyhow::Result<()> {
        let Self {
            path,
            file,
            size,
            sha256,
        } = self;
        let sha256 = digits(&sha256.finalize());
        if size != info.size || sha256 != info.sha256 {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            bail!(
                "the download is not the expected file and was deleted: {size} bytes with the SHA-256 {sha256}, \
                 instead of {} with {}",
                info.size,
                info.sha256
            );
        }
        file.sync_all().with_context(|| unwritable(&path))?;
        fs::rename(&path, target).with_context(|| unwritable(target))
    }
}

fn unwritable(path: &Path) -> String {
    format!(
        "cannot write to {}: free some disk space and run the command again to resume",
        path.display()
    )
}

/// Hashes the rest of a file, and returns its number of bytes.
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
