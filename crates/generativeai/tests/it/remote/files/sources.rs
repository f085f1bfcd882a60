//! Sources of uploads: files that change or cannot be read, and readers.

use std::fs;
use std::path::{Path, PathBuf};

use generativeai::{ErrorKind, Result};

use super::stand_in::{Fault, StandIn};
use super::{PIECE, bytes, client};

/// A folder that is removed with the test.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("generativeai-{name}-{}", std::process::id()));
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("removed");
    }
}

/// Uploads a file, and returns the stored bytes.
async fn stored(path: &Path) -> Result<Vec<u8>> {
    let stand_in = StandIn::new([]);
    client(&stand_in).upload_file(path).await?;
    Ok(stand_in.stored())
}

#[tokio::test]
async fn a_file_has_the_type_and_the_name_that_follow_from_its_path() {
    let folder = Folder::new("types");
    let path = folder.path("größe \"1\"\n.MD");
    fs::write(&path, "# hello").expect("written");
    let stand_in = StandIn::new([]);

    client(&stand_in)
        .upload_file(&path)
        .await
        .expect("an upload");

    let file = stand_in.properties()["file"].clone();
    assert_eq!(file["displayName"], "größe \"1\"\n.MD");
    assert_eq!(stand_in.stored(), b"# hello");
    let unknown = folder.path("unknown.xyz");
    fs::write(&unknown, "?").expect("written");
    let error = stored(&unknown).await.expect_err("an unknown type");
    let message = error.to_string();
    assert!(
        message.contains("unknown.xyz") && message.contains("its media type is unknown: set it"),
        "{message}"
    );
}

#[tokio::test]
async fn a_path_that_is_not_a_readable_file_is_an_error_that_names_it() {
    let folder = Folder::new("kinds");
    fs::create_dir(folder.path("folder.txt")).expect("a folder");
    let kinds = vec![
        ("missing.txt", "cannot be read"),
        ("folder.txt", "is a folder"),
    ];
    #[cfg(unix)]
    let kinds = {
        std::os::unix::fs::symlink("loop.txt", folder.path("loop.txt")).expect("a link");
        let mut fifo = std::process::Command::new("mkfifo");
        assert!(
            fifo.arg(folder.path("fifo.txt"))
                .status()
                .expect("it runs")
                .success()
        );
        let more = [
            ("loop.txt", "cannot be read"),
            ("fifo.txt", "not a regular file"),
        ];
        [kinds, more.to_vec()].concat()
    };
    for (name, cause) in kinds {
        let error = stored(&folder.path(name)).await.expect_err(name);

        assert_eq!(error.kind(), ErrorKind::Request, "{name}");
        let message = error.to_string();
        assert!(
            message.contains(name) && message.contains(cause),
            "{message}"
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_without_read_permission_is_an_error_that_names_it() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new("locked");
    let path = folder.path("locked.txt");
    fs::write(&path, "secret").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("locked");
    if fs::File::open(&path).is_ok() {
        return as_ordinary_user(
            "remote::files::sources::a_file_without_read_permission_is_an_error_that_names_it",
        );
    }
    let remote = client(&StandIn::new([]));

    let uploaded = remote.upload_file(&path).await.map(drop);
    let attached = remote.attach_file(&path).await.map(drop);

    for refused in [uploaded, attached] {
        let error = refused.expect_err("no permission");
        assert_eq!(error.kind(), ErrorKind::Request);
        let message = format!("{error:#}");
        for part in ["locked.txt", "cannot be read", "Permission denied"] {
            assert!(message.contains(part), "{message}");
        }
    }
}

/// Runs a test again, in a child process of root that may not read every file.
#[cfg(unix)]
fn as_ordinary_user(test: &str) {
    use std::process::Command;

    const VARIABLE: &str = "GENERATIVEAI_TEST_ORDINARY_USER";
    assert!(
        std::env::var_os(VARIABLE).is_none(),
        "the child may read every file"
    );
    let mut command = Command::new("setpriv");
    command
        .arg("--bounding-set=-dac_override,-dac_read_search")
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", test])
        .env(VARIABLE, "1");
    let output = match command.output() {
        Ok(output) if !output.stderr.starts_with(b"setpriv: ") => output,
        refused => {
            // The test harness captures `eprintln!`, but not this.
            let message = format!("\nNOT TESTED as root: {test}. setpriv is needed: {refused:?}\n");
            let mut stderr = std::io::stderr();
            return std::io::Write::write_all(&mut stderr, message.as_bytes()).expect("stderr");
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[tokio::test]
async fn a_file_that_grows_or_shrinks_during_the_upload_is_an_error() {
    let folder = Folder::new("changes");
    for (name, length, cause) in [
        ("grows.txt", 3 * PIECE, "has grown beyond 16777216 bytes"),
        (
            "shrinks.txt",
            PIECE + 1,
            "ended after 8388609 of 16777216 bytes",
        ),
    ] {
        let path = folder.path(name);
        fs::write(&path, bytes(2 * PIECE)).expect("written");
        let changed = path.clone();
        let stand_in = StandIn::new([]);

        let upload = client(&stand_in)
            .upload_file(&path)
            .on_progress(move |progress| {
                if progress.sent > 0 {
                    let file = fs::File::options()
                        .write(true)
                        .open(&changed)
                        .expect("a file");
                    file.set_len(length as u64).expect("another length");
                }
            });
        let error = upload.await.expect_err(cause);

        let message = error.to_string();
        assert!(
            message.contains(name) && message.contains(cause),
            "{message}"
        );
        assert_eq!(error.kind(), ErrorKind::Request);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_is_deleted_during_the_upload_is_uploaded() {
    let folder = Folder::new("deleted");
    let path = folder.path("gone.txt");
    let sent = bytes(2 * PIECE);
    fs::write(&path, &sent).expect("written");
    let stand_in = StandIn::new([Fault::None, Fault::CutAfter(1)]);
    let gone = path.clone();

    let upload = client(&stand_in)
        .upload_file(&path)
        .on_progress(move |progress| {
            if progress.sent == 0 {
                fs::remove_file(&gone).expect("removed");
            }
        });
    upload.await.expect("an upload");

    assert!(stand_in.stored() == sent);
}

#[tokio::test]
async fn a_reader_is_read_up_to_its_length() {
    let stand_in = StandIn::new([Fault::None, Fault::CutAfter(1)]);
    let reader = std::io::Cursor::new(b"hello world".to_vec());
    let upload = client(&stand_in).upload_reader(reader, 5, "text/plain");
    upload.await.expect("an upload");
    assert_eq!(stand_in.stored(), b"hello");

    let stand_in = StandIn::new([]);
    let reader = std::io::Cursor::new(b"hell".to_vec());
    let error = client(&stand_in)
        .upload_reader(reader, 5, "text/plain")
        .await;
    let message = error.expect_err("too short").to_string();
    assert!(message.contains("ended after 4 of 5 bytes"), "{message}");
}
