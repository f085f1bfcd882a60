//! One fetch at a time, and a folder of its own that leaves nothing behind.

use std::fs::File;
use std::path::{Path, PathBuf};

use generativeai::Result;

use super::unwritable;

/// The name of the folder in which a fetch works; the lock makes it the only one.
const WORKSHOP: &str = ".fetching";

/// Waits until no other fetch works on a folder; the lock ends with the file that is given, or with
/// the process.
pub(super) fn hold(folder: &Path) -> Result<File> {
    let path = folder.join(".lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = file.map_err(|error| unwritable(&path, error))?;
    file.lock().map_err(|error| unwritable(&path, error))?;
    Ok(file)
}

/// The folder of one fetch, beside the cache, so that a rename brings the model there.
pub(super) struct Workshop(PathBuf);

impl Workshop {
    /// Opens it, empty: what a fetch that was killed left there is thrown away.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(WORKSHOP);
        // If something is left, making the folder fails and says so.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).map_err(|error| unwritable(&path, error))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // The next fetch tries again.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
