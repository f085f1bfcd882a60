//! Files in the user's state folder, such as the history of the prompt. Only the user can read them (mode 0600).

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use anyhow::Context;

use crate::environment;

/// Opens a file of `generativeai/` in the user's state folder for appending, and returns its path. The file is
/// created if it does not exist.
pub(crate) fn open(name: &str) -> anyhow::Result<(PathBuf, File)> {
    let folder = environment::folder("XDG_STATE_HOME", ".local/state");
    let folder = folder.context("no state folder: set HOME or XDG_STATE_HOME")?;
    let created = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder);
    created.with_context(|| format!("cannot create the folder {}", folder.display()))?;
    let path = folder.join(name);
    let opened = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path);
    let file = opened.with_context(|| format!("cannot write {}", path.display()))?;
    Ok((path, file))
}
