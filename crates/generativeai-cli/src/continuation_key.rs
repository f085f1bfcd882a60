//! The key of continuation tokens of `genai serve`. It is stored in the user's state folder, so that tokens stay valid
//! after a restart.

use std::fs;
use std::io::Write;

use anyhow::{Context, ensure};

use crate::state_file;

/// Name of the file.
const NAME: &str = "continuation.key";

/// Length of the key in bytes.
const LENGTH: usize = 32;

/// Reads the key, and creates it first if there is none.
///
/// Two processes that create it at the same time get the same key: both append to the file, then both read its first
/// [`LENGTH`] bytes.
pub(crate) fn read() -> anyhow::Result<Vec<u8>> {
    let (path, mut file) = state_file::open(NAME)
        .context("cannot store a key for continuation tokens: set one with --continuation-key")?;
    let display = path.display();
    let metadata = file.metadata();
    let length = metadata.with_context(|| format!("cannot read {display}"))?;
    if length.len() == 0 {
        let mut key = [0; LENGTH];
        getrandom::fill(&mut key).context("the operating system returned no random numbers")?;
        let written = file.write_all(&key).and_then(|()| file.sync_all());
        written.with_context(|| format!("cannot write {display}"))?;
    }
    let mut key = fs::read(&path).with_context(|| format!("cannot read {display}"))?;
    ensure!(
        key.len() >= LENGTH,
        "{display} is too short for a key: remove it, and a new one is created"
    );
    key.truncate(LENGTH);
    Ok(key)
}
