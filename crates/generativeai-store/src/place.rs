//! Where a store is: its address, the file of a user's chats, and who may read that.

use std::env;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{self, Path, PathBuf};

use generativeai::{Error, ErrorKind, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::transaction::Kind;

/// What stands in an address as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_');

/// The file of the user's chats: in the data folder that the environment names, else that of the system.
pub(crate) fn default_file() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let home = || set("HOME").map(PathBuf::from);
    let folder = if let Some(folder) = set("XDG_DATA_HOME") {
        Some(PathBuf::from(folder))
    } else if cfg!(windows) {
        set("LOCALAPPDATA").map(PathBuf::from)
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        home().map(|home| home.join(".local/share"))
    };
    match folder {
        Some(folder) => Ok(folder.join("generativeai").join("chats.sqlite")),
        None => {
            let message = "no folder for chats is known: set XDG_DATA_HOME or HOME";
            Err(Error::new(ErrorKind::Configuration, message))
        }
    }
}

/// The kind of a database, and its address as the driver reads it.
pub(crate) fn read_address(address: &str) -> Result<(Kind, String)> {
    if let Some(path) = address.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path == ":memory:" {
            return Ok((Kind::Sqlite, "sqlite::memory:".to_owned()));
        }
        let file = match path::absolute(path) {
            Ok(file) if !path.is_empty() => file,
            _ => return Err(bad_address()),
        };
        prepare(&file)?;
        return Ok((Kind::Sqlite, sqlite_url(&file)?));
    }
    if address.starts_with("postgres://") || address.starts_with("postgresql://") {
        return Ok((Kind::Postgres, address.to_owned()));
    }
    Err(bad_address())
}

fn sqlite_url(file: &Path) -> Result<String> {
    let Some(path) = file.to_str() else {
        let message = format!("the path `{}` is not Unicode: use another", file.display());
        return Err(Error::new(ErrorKind::Configuration, message));
    };
    Ok(format!(
        "sqlite://{}?mode=rwc",
        utf8_percent_encode(path, PLAIN)
    ))
}

/// The address is not shown: it may have a password.
fn bad_address() -> Error {
    let message = "the address of a store is `sqlite:PATH` or `postgres://USER@HOST/DATABASE`";
    Error::new(ErrorKind::Configuration, message)
}

/// Sees to a file that its owner alone can read, in a folder of the same kind if there is none yet.
fn prepare(file: &Path) -> Result<()> {
    let told = |error: io::Error| {
        let message = format!("the file `{}` cannot be opened", file.display());
        Error::new(ErrorKind::Storage, message).with_source(error)
    };
    if file.is_dir() {
        let message = format!("`{}` is a folder: name a file in it", file.display());
        return Err(Error::new(ErrorKind::Storage, message));
    }
    let new = file.ancestors().skip(1);
    let new: Vec<&Path> = new.take_while(|folder| !folder.exists()).collect();
    if let Some(folder) = new.first() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(told)?;
    }
    #[cfg(unix)]
    for folder in new.iter().filter_map(|folder| folder.parent()) {
        // So that a power cut does not take the folder; SQLite does this for its files. Some file
        // systems cannot, which is no reason not to open.
        fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .ok();
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Ok(_) => Ok(()),
        // What may not be written may be read.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && file.is_file() => Ok(()),
        Err(error) => Err(told(error)),
    }
}
