//! Reading files with a maximum size, and replacing them atomically.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// Reads everything, at most `max` bytes. Returns `None` if there are more.
pub(crate) fn read_at_most(from: impl Read, max: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    // One byte more than allowed shows that there are more.
    from.take(max + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= max).then_some(bytes))
}

/// Reads a file of at most `max` bytes. Returns `None` if it is larger.
pub(crate) fn read(path: &Path, max: u64) -> io::Result<Option<Vec<u8>>> {
    read_at_most(File::open(path)?, max)
}

/// Writes a file atomically: a temporary file gets the new text and is renamed, or deleted if that fails. After a crash,
/// the file has either the old text or the new one.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    // The parent of a name without a folder is the empty path.
    let folder = Path::new(".").join(path.parent().unwrap_or(path));
    let mut new = NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    // A temporary file is readable only by the user. So is a new file.
    if let Ok(old) = fs::metadata(path) {
        new.as_file().set_permissions(old.permissions())?;
    }
    new.as_file().sync_all()?;
    new.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_maximum_is_none() {
        let read = |max| read_at_most(&b"abc"[..], max).expect("memory is readable");

        assert_eq!(read(3).as_deref(), Some(&b"abc"[..]));
        assert_eq!(read(2), None);
    }
}
