//! Fetching a model: in parts if need be, verified, and only then put in its place.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::cache::{Cache, State};
use super::catalogue::Entry;
use super::hub::{Announced, Hub};
use crate::printer::{Printer, Progress};

/// Fetches a model unless it is there, and gives its path.
///
/// A fetch that breaks off goes on where it stopped, at once if it got anywhere, else the next time.
pub(super) fn pull(cache: &Cache, entry: &Entry, printer: &mut Printer) -> anyhow::Result<PathBuf> {
    let path = cache.path(entry);
    let _alone = cache.lock(entry.file, || {
        printer.note("(another process fetches it; waiting)");
        Ok(())
    })?;
    if matches!(cache.state(entry.file), State::Whole(_)) {
        return Ok(path);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(async {
        let hub = Hub::from_env()?;
        loop {
            let announced = hub.announce(entry).await?;
            let mut part = Part::open(cache.part(entry, &announced.sha256))?;
            let before = part.bytes;
            let mut progress = printer.progress("fetching the model");
            let fetched = part.fetch(&hub, &announced, &mut progress).await;
            progress.end();
            match fetched {
                Ok(()) => return part.finish(&announced, &path),
                Err(error) if error.is::<Broken>() && part.bytes > before => {
                    printer.note("(the connection broke; going on where it stopped)");
                }
                Err(error) => return Err(error),
            }
        }
    })?;
    Ok(path)
}

/// The connection broke, and what came of the file is kept.
#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection broke: pull it again, and it goes on where it stopped")
    }
}

impl std::error::Error for Broken {}

/// The part of a file that has come.
struct Part {
    path: PathBuf,
    file: File,
    bytes: u64,
    sha256: Sha256,
}

impl Part {
    /// Opens what is there of it, and reads it to know its hash.
    fn open(path: PathBuf) -> anyhow::Result<Self> {
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = options.open(&path).with_context(|| unwritable(&path))?;
        let mut sha256 = Sha256::new();
        let bytes = hash(&mut file, &mut sha256).with_context(|| unwritable(&path))?;
        Ok(Self {
            path,
            file,
            bytes,
            sha256,
        })
    }

    /// Fetches what is missing.
    async fn fetch(
        &mut self,
        hub: &Hub,
        announced: &Announced,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        if self.bytes > announced.bytes {
            self.begin_anew()?;
        }
        if self.bytes == announced.bytes {
            return Ok(());
        }
        let (mut response, from) = hub.open(announced, self.bytes).await?;
        if from != self.bytes {
            self.begin_anew()?;
        }
        while self.bytes < announced.bytes {
            progress.show(self.bytes, announced.bytes);
            match response.chunk().await {
                Ok(Some(piece)) => self.push(&piece)?,
                Ok(None) => return Err(Broken.into()),
                Err(error) => return Err(error.without_url()).context(Broken),
            }
        }
        progress.show(self.bytes, announced.bytes);
        Ok(())
    }

    fn push(&mut self, piece: &[u8]) -> anyhow::Result<()> {
        self.file
            .write_all(piece)
            .with_context(|| unwritable(&self.path))?;
        self.sha256.update(piece);
        self.bytes += piece.len() as u64;
        Ok(())
    }

    fn begin_anew(&mut self) -> anyhow::Result<()> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.with_context(|| unwritable(&self.path))?;
        self.sha256 = Sha256::new();
        self.bytes = 0;
        Ok(())
    }

    /// Puts the whole file in its place, if it is what was announced; else it is thrown away.
    fn finish(self, announced: &Announced, place: &Path) -> anyhow::Result<()> {
        let Self {
            path,
            file,
            bytes,
            sha256,
        } = self;
        let sha256 = digits(&sha256.finalize());
        if bytes != announced.bytes || sha256 != announced.sha256 {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            bail!(
                "what came is not the model: {bytes} bytes with the sha256 {sha256}, instead of {} with {}; \
                 it is thrown away",
                announced.bytes,
                announced.sha256
            );
        }
        file.sync_all().with_context(|| unwritable(&path))?;
        fs::rename(&path, place).with_context(|| unwritable(place))
    }
}

fn unwritable(path: &Path) -> String {
    format!(
        "cannot write to {}: free some space and pull it again, and it goes on where it stopped",
        path.display()
    )
}

/// Reads a file to its end, and gives the number of its bytes.
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
