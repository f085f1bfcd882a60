//! Locks of sessions, so that only one process at a time sends messages in a session, and none deletes a session that
//! another one has open.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use generativeai_store::{Session, Store};
use tokio::time::sleep;

use crate::render::Printer;

/// Interval between attempts to lock a session that another process has locked.
const RETRY_EVERY: Duration = Duration::from_millis(50);
/// Time after which the wait is reported.
const REPORT_AFTER: Duration = Duration::from_millis(800);

/// Lock of a session. It is released when it is dropped or the process exits, even if it is killed.
///
/// Without it, a process that opens a session could not distinguish a running turn of another process from one that a
/// crashed process left behind.
#[derive(Debug)]
pub(crate) struct SessionLock {
    file: File,
    path: PathBuf,
}

impl SessionLock {
    /// Locks a session. Waits while another process holds the lock. Returns `None` if the folder of the store is not
    /// writable, since nothing can be saved then.
    pub(crate) async fn acquire(session: &Session, printer: &mut Printer) -> Option<Self> {
        let path = path(session.id()).ok()?;
        let acquire = async {
            loop {
                if let Some(lock) = Self::try_acquire(&path).ok()? {
                    return Some(lock);
                }
                // `File::lock` would block the thread, so that Ctrl-C could not stop the wait.
                sleep(RETRY_EVERY).await;
            }
        };
        let id = session.id();
        let note = format_args!("(another process is using session {id}; waiting; Ctrl-C stops)");
        printer.note_after(REPORT_AFTER, note, acquire).await
    }

    /// Locks the file at a path. Returns `None` if another process holds the lock.
    fn try_acquire(path: &Path) -> io::Result<Option<Self>> {
        let file = open(path)?;
        match file.try_lock() {
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

impl Drop for SessionLock {
    fn drop(&mut self) {
        // Removed while it is still locked: after the unlock it could be the lock of another process. An error is
        // ignored, since the next owner can use the file as well.
        let _ = fs::remove_file(&self.path);
    }
}

/// Mark that this process has a session open, also while it sends no message. It is removed when it is dropped. That of
/// a killed process has no lock, so it means nothing.
#[derive(Debug)]
pub(crate) struct OpenMark {
    /// Locked, shared with other marks of this process for the same session.
    file: File,
    path: PathBuf,
}

impl OpenMark {
    /// Marks a session as open. Returns `None` if the folder of the store is not writable, since nothing can be deleted
    /// then.
    pub(super) fn new(session: i64) -> Option<Self> {
        let own = std::process::id().to_string();
        Self::at(path(session).ok()?.with_extension(own)).ok()
    }

    fn at(path: PathBuf) -> io::Result<Self> {
        let file = open(&path)?;
        // Blocks for a moment at most: `owner` of another process locks the file only to look at it.
        file.lock_shared()?;
        Ok(Self { file, path })
    }

    /// Returns the id of a process that has a session open, if any.
    pub(super) fn owner(session: i64) -> Option<String> {
        let mut paths = Self::paths(session).into_iter();
        let path = paths.find(|path| {
            let lock = File::open(path).map(|file| file.try_lock());
            matches!(lock, Ok(Err(TryLockError::WouldBlock)))
        })?;
        Some(path.extension()?.to_string_lossy().into_owned())
    }

    /// Removes the marks of a deleted session that killed processes have left.
    pub(super) fn remove_all(session: i64) {
        for path in Self::paths(session) {
            // An error is ignored: the file does no harm.
            let _ = fs::remove_file(path);
        }
    }

    /// Returns the paths of all marks of a session. They are those of its lock, with the process as extension.
    fn paths(session: i64) -> Vec<PathBuf> {
        let Ok(lock) = path(session) else {
            return Vec::new();
        };
        let files = lock.parent().map(fs::read_dir).into_iter().flatten();
        let paths = files.flatten().flatten().map(|file| file.path());
        let is_mark =
            |path: &PathBuf| path.extension().is_some() && path.with_extension("") == lock;
        paths.filter(is_mark).collect()
    }
}

impl Drop for OpenMark {
    fn drop(&mut self) {
        // Another mark of this process may share the file.
        if self.file.try_lock().is_ok() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Opens a file that is created if it is missing.
fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Returns the path of the lock file of a session, in a folder next to the store.
fn path(session: i64) -> io::Result<PathBuf> {
    let store = Store::default_path().map_err(io::Error::other)?;
    let folder = store.with_file_name("locks");
    let mut builder = DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(&folder)?;
    Ok(folder.join(session.to_string()))
}

/// Returns whether an open file is still the one at a path.
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

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
    fn a_session_is_marked_although_another_process_looks_at_the_mark() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("1.2");
        let other = open(&path).expect("a file");
        other.lock().expect("locked");

        let barrier = Arc::new(Barrier::new(2));
        let started = Arc::clone(&barrier);
        let mark = std::thread::spawn(move || {
            started.wait();
            OpenMark::at(path)
        });
        barrier.wait();
        // Without a wait the lock could be released before the mark is tried.
        std::thread::sleep(Duration::from_millis(50));
        drop(other);

        assert!(mark.join().expect("no panic").is_ok());
    }
}
