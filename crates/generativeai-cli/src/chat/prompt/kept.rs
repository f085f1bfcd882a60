//! The file in which it is kept what was typed, for this user alone.

use std::fs::{DirBuilder, OpenOptions};
use std::path::PathBuf;

use anyhow::Context;

/// How many messages are kept.
pub(super) const MOST: usize = 1_000;

/// The file, made if it is not there: `generativeai/typed` in the user's folder for such state.
pub(super) fn file() -> anyhow::Result<PathBuf> {
    let folder = state_folder().context("neither XDG_STATE_HOME nor HOME says where")?;
    let folder = folder.join("generativeai");
    let mut builder = DirBuilder::new();
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        builder.mode(0o700);
        options.mode(0o600);
    }
    let made = builder.recursive(true).create(&folder);
    made.with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let path = folder.join("typed");
    let opened = options.open(&path);
    opened.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// `$XDG_STATE_HOME`, or `~/.local/state`; a path that is not absolute does not count.
fn state_folder() -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let named = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    named.filter(absolute).or_else(|| {
        let home = std::env::home_dir().filter(absolute)?;
        Some(home.join(".local/state"))
    })
}
