//! Exclusive access to a model in the cache.

use std::fs::File;
use std::path::Path;

use generativeai::Result;

use crate::package::unwritable;

/// Waits for the lock on a model. It is released when the returned file is dropped, or when the
/// process ends, even if it is killed.
///
/// The lock file stays in the cache. If it were removed, a process that waits for the old file and one that creates
/// a new file would both get a lock. `genai` locks the same file when it downloads a model.
pub(super) fn acquire(directory: &Path, file: &str) -> Result<File> {
    let path = directory.join(format!(".{file}.lock"));
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = file.map_err(|error| unwritable(&path, error))?;
    file.lock().map_err(|error| unwritable(&path, error))?;
    Ok(file)
}
