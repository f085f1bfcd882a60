//! Locks of sessions, so that only one process at a time sends messages in a session, and none deletes a session that
//! another one has open.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use generativeai_store::{Session, Store};
use tokio::time::sleep;

use crate::render::Printer;

/// Interval between attempts to lock a session that another process has locked.
const RETRY_EVERY: Duration = Duration::from_millis(50);
/// Attempts to mark a session as open. Another is necessary if the file was removed before it was locked.
const MAX_ATTEMPTS: u32 = 100;
/// Time after which the wait is reported.
const REPORT_AFTER: Duration = Duration::from_millis(800);

/// Lock of a session, from sending a message until it is saved.
///
/// Without it, a process that opens a session could not distinguish a running turn of another process from one that a
/// crashed process left behind.
#[derive(Debug)]
pub(crate) struct SessionLock {
    _file: LockFile,
}

impl SessionLock {
    /// Locks a session. Waits while another process holds the lock. Returns `None` if the folder of the store is not
    /// writable, since nothing can be saved then.
    pub(crate) async fn acquire(session: &Session, printer: &mut Printer) -> Option<Self> {
        let id = session.id();
        let path = path(&id.to_string()).ok()?;
        let acquire = async {
            loop {
                if let Some(file) = LockFile::lock(&path, File::try_lock).ok()? {
                    return Some(Self { _file: file });
                }
                // `File::lock` would block the thread, so that Ctrl-C could not stop the wait.
                sleep(RETRY_EVERY).await;
            }
        };
        let note = format_args!("(another process is using session {id}; waiting; Ctrl-C stops)");
        printer.note_after(REPORT_AFTER, note, acquire).await
    }
}

/// Mark that a session is open, also while it sends no message: a lock that all processes with this session share.
#[derive(Debug)]
pub(crate) struct OpenMark {
    _file: LockFile,
}

impl OpenMark {
    /// Marks a session as open. Returns `None` if the folder of the store is not writable, since nothing can be deleted
    /// then.
    pub(super) fn new(session: i64) -> Option<Self> {
        Self::at(&path(&format!("{session}.open")).ok()?).ok()
    }

    fn at(path: &Path) -> io::Result<Self> {
        // Blocks for a moment at most: only a process that deletes the session does not share the lock.
        let share = |file: &File| file.lock_shared().map_err(TryLockError::Error);
        for _ in 0..MAX_ATTEMPTS {
            if let Some(file) = LockFile::lock(path, share)? {
                return Ok(Self { _file: file });
            }
        }
        Err(io::Error::other("the file is removed again and again"))
    }

    /// Removes the marks of processes that were killed, and returns the numbers of their sessions.
    pub(super) fn take_abandoned() -> Vec<i64> {
        let folder = path("").and_then(fs::read_dir);
        let files = folder.into_iter().flatten().flatten();
        let numbers = files.filter_map(|file| {
            let name = file.file_name();
            name.to_str()?.strip_suffix(".open")?.parse().ok()
        });
        // The lock is dropped at once, which removes the file.
        let is_abandoned = |&id: &i64| matches!(Self::of_deletion(id), Ok(Some(_)));
        numbers.filter(is_abandoned).collect()
    }

    /// Marks a session as being deleted. Returns `None` if it is open.
    pub(super) fn of_deletion(session: i64) -> io::Result<Option<Self>> {
        let file = LockFile::lock(&path(&format!("{session}.open"))?, File::try_lock)?;
        Ok(file.map(|file| Self { _file: file }))
    }
}

/// Locked file. It is unlocked and removed when it is dropped. That of a killed process is unlocked.
#[derive(Debug)]
struct LockFile {
    file: File,
    path: PathBuf,
}

impl LockFile {
    /// Locks the file at a path, which is created if it is missing. Returns `None` if the lock of another process
    /// prevents it, or if the file was just removed.
    fn lock(
        path: &Path,
        lock: impl Fn(&File) -> Result<(), TryLockError>,
    ) -> io::Result<Option<Self>> {
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        let file = options.mode(0o600).open(path)?;
        match lock(&file) {
            // The last owner may have removed the file after it was opened here. A third process could then create and
            // lock another file at the same path.
            Ok(()) if is_same(&file, path) => {
                let path = path.to_owned();
                Ok(Some(Self { file, path }))
            }
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Removed by the last owner, while it is locked: after the unlock it could be the lock of another process. An
        // error is ignored, since the next owner can use the file as well.
        if self.file.try_lock().is_ok() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Returns the path of a lock file, in a folder next to the store.
fn path(name: &str) -> io::Result<PathBuf> {
    let store = Store::default_path().map_err(io::Error::other)?;
    let folder = store.with_file_name("locks");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)?;
    Ok(folder.join(name))
}

/// Returns whether an open file is still the one at a path.
fn is_same(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(found)) => (open.dev(), open.ino()) == (found.dev(), found.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;

    #[test]
    fn a_session_is_marked_although_another_process_tried_to_delete_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("1.open");
        let other = LockFile::lock(&path, File::try_lock).expect("a file");
        assert!(other.is_some());

        let barrier = Arc::new(Barrier::new(2));
        let started = Arc::clone(&barrier);
        let mark = std::thread::spawn(move || {
            started.wait();
            OpenMark::at(&path)
        });
        barrier.wait();
        // Without a wait the lock could be released before the mark is tried.
        std::thread::sleep(Duration::from_millis(50));
        drop(other);

        assert!(mark.join().expect("no panic").is_ok());
    }
}
