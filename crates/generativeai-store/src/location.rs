//! The location of a store: its address, the default file, and the permissions of that file.

use std::env;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{self, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use generativeai::{Error, ErrorKind, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::transaction::DatabaseKind;

/// End of the URLs of databases in memory. URLs of files never have it, since `?` is encoded in a path.
pub(crate) const IN_MEMORY: &str = "mode=memory";

/// The characters of a path that are percent-encoded in a URL: all but letters, digits and these.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_');

/// Returns the file of the user's own store, in the data folder of the user.
///
/// `XDG_DATA_HOME` is used on every system if it is an absolute path; otherwise `%LOCALAPPDATA%` on Windows,
/// `~/Library/Application Support` on macOS, and `~/.local/share` elsewhere.
pub(crate) fn default_file() -> Result<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let home = || variable("HOME").map(PathBuf::from);
    // The XDG Base Directory Specification requires absolute paths, and that relative ones are ignored.
    let data = variable("XDG_DATA_HOME").map(PathBuf::from);
    let folder = if let Some(folder) = data.filter(|folder| folder.is_absolute()) {
        Some(folder)
    } else if cfg!(windows) {
        variable("LOCALAPPDATA").map(PathBuf::from)
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        home().map(|home| home.join(".local/share"))
    };
    match folder {
        Some(folder) => Ok(folder.join("generativeai").join("chats.sqlite")),
        None => {
            let message = "the data folder is unknown: set XDG_DATA_HOME or HOME";
            Err(Error::new(ErrorKind::Configuration, message))
        }
    }
}

/// Parses the address of a store into the database system and the URL for its driver.
///
/// An SQLite file is created here, so that it has the right permissions from the start.
pub(crate) fn parse(address: &str) -> Result<(DatabaseKind, String)> {
    if let Some(path) = address.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path == ":memory:" {
            return Ok((DatabaseKind::Sqlite, memory_url()));
        }
        // Absolute, because the pool opens further connections later, when the working directory may be another.
        let file = match path::absolute(path) {
            Ok(file) if !path.is_empty() => file,
            _ => return Err(invalid_address()),
        };
        create_file(&file)?;
        return Ok((DatabaseKind::Sqlite, sqlite_url(&file)?));
    }
    if address.starts_with("postgres://") || address.starts_with("postgresql://") {
        return Ok((DatabaseKind::Postgres, address.to_owned()));
    }
    Err(invalid_address())
}

/// Builds the URL of a new database in memory. The connections to one URL share the database, which is deleted with the
/// last of them.
fn memory_url() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("sqlite:file:generativeai-{number}?{IN_MEMORY}")
}

/// Builds the URL of an SQLite file that exists. `mode=rw` does not create it: if the file is removed while it is in
/// use, a new connection fails instead of opening an empty database.
fn sqlite_url(file: &Path) -> Result<String> {
    let Some(path) = file.to_str() else {
        let message = format!(
            "the path `{}` is not Unicode: use another path",
            file.display()
        );
        return Err(Error::new(ErrorKind::Configuration, message));
    };
    let path = utf8_percent_encode(path, ENCODED);
    Ok(format!("sqlite://{path}?mode=rw"))
}

/// Builds the error for an address that cannot be parsed. It does not quote the address, which may
/// contain a password.
fn invalid_address() -> Error {
    let message = "the address of a store is `sqlite:PATH` or `postgres://USER@HOST/DATABASE`";
    Error::new(ErrorKind::Configuration, message)
}

/// Returns whether a file exists.
///
/// # Errors
/// [`ErrorKind::Storage`] if that is unknown, for example because a folder of the path cannot be read.
pub(crate) fn exists(file: &Path) -> Result<bool> {
    file.try_exists().map_err(|error| cannot_open(file, error))
}

/// Builds the error for a file that cannot be opened.
fn cannot_open(file: &Path, error: io::Error) -> Error {
    let message = format!("the file `{}` cannot be opened", file.display());
    Error::new(ErrorKind::Storage, message).with_source(error)
}

/// Creates the file with mode 0600 and missing folders with mode 0700. An existing file is not changed.
///
/// SQLite gives its `-wal` and `-shm` files the mode of the database file.
fn create_file(file: &Path) -> Result<()> {
    let failed = |error: io::Error| cannot_open(file, error);
    if file.is_dir() {
        let message = format!("`{}` is a folder: name a file in it", file.display());
        return Err(Error::new(ErrorKind::Storage, message));
    }
    let missing: Vec<&Path> = file
        .ancestors()
        .skip(1)
        .take_while(|folder| !folder.exists())
        .collect();
    if let Some(folder) = missing.first() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(failed)?;
    }
    #[cfg(unix)]
    for parent in missing.iter().filter_map(|folder| folder.parent()) {
        // A new folder survives a power cut only once its parent is synced. SQLite does that for its
        // files. File systems that cannot sync a folder are not an error.
        fs::File::open(parent)
            .and_then(|parent| parent.sync_all())
            .ok();
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Ok(_) => Ok(()),
        // A file without write permission can still be read.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && file.is_file() => Ok(()),
        Err(error) => Err(failed(error)),
    }
}
