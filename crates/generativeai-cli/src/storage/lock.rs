//! Locks of sessions, so that only one process at a time sends messages in a session.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use generativeai_store::{Session, Store};
use tokio::time::{Instant, sleep};

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
        let started = Instant::now();
        let mut is_reported = false;
        loop {
            if let Some(lock) = Self::try_acquire(&path).ok()? {
                return Some(lock);
            }
            if !is_reported && started.elapsed() > REPORT_AFTER {
                is_reported = true;
                printer.note(format_args!(
                    "(another process is using session {}; waiting; Ctrl-C stops)",
                    session.id()
                ));
            }
            // `File::lock` would block the thread, so that Ctrl-C could not stop the wait.
            sleep(RETRY_EVERY).await;
        }
    }

    /// Locks the file at a path. Returns `None` if another process holds the lock.
    fn try_acquire(path: &Path) -> io::Result<Option<Self>> {
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
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
        if cfg!(unix) {
            let _ = fs::remove_file(&self.path);
        }
        let _ = self.file.unlock();
    }
}

/// Returns the path of the lock file of a session, in a folder next to the store.
fn path(session: i64) -> io::Result<PathBuf> {
    let store = Store::default_path().map_err(io::Error::other)?;
    let folder = store.with_file_name("locks");
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(&folder)?;
    Ok(folder.join(session.to_string()))
}

/// Returns whether an open file is still the one at a path.
#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(found)) => (open.dev(), open.ino()) == (found.dev(), found.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same(_: &File, _: &Path) -> bool {
    true
}
