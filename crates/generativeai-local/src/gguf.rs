//! Check of the header of a model file, before llama.cpp reads it.
//!
//! llama.cpp is C++ code in the process of the caller: a malformed file may abort that process. A file that is
//! obviously not a model does not reach it, and the error names the reason.
//! [`gguf.md`](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md) describes the format.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use generativeai::{Error, ErrorKind, Result};

/// First bytes of every GGUF file.
const MAGIC: [u8; 4] = *b"GGUF";
/// Versions of the format that llama.cpp reads.
const VERSIONS: std::ops::RangeInclusive<u32> = 2..=3;
/// Length of the header: magic, version, number of tensors, number of metadata entries.
const HEADER: usize = 24;
/// Maximum plausible number of tensors or metadata entries. llama.cpp allocates memory in proportion to them.
const MAX_COUNT: u64 = 1 << 20;

/// Checks that a file is a GGUF file with a model in it.
///
/// # Errors
///
/// [`NotFound`](ErrorKind::NotFound) if the file cannot be opened, else
/// [`Configuration`](ErrorKind::Configuration) with the reason.
pub(crate) fn check(path: &Path) -> Result<()> {
    let invalid = |reason: String| {
        Error::new(
            ErrorKind::Configuration,
            format!("{} {reason}", path.display()),
        )
    };
    let mut file = File::open(path).map_err(|error| {
        Error::new(
            ErrorKind::NotFound,
            format!("cannot open the model {}", path.display()),
        )
        .with_source(error)
    })?;
    let metadata = file
        .metadata()
        .map_err(|error| invalid("cannot be read".to_owned()).with_source(error))?;
    if metadata.is_dir() {
        return Err(invalid("is a directory: name a GGUF file".to_owned()));
    }
    let mut header = [0; HEADER];
    if let Err(error) = file.read_exact(&mut header) {
        let reason = format!("is not a GGUF file: it has {} bytes", metadata.len());
        return Err(invalid(reason).with_source(error));
    }
    let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| header[at + i]));
    let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| header[at + i]));
    if header[..4] != MAGIC {
        return Err(invalid(
            "is not a GGUF file: it does not begin with \"GGUF\"".to_owned(),
        ));
    }
    let version = u32_at(4);
    if !VERSIONS.contains(&version) {
        return Err(invalid(format!(
            "has version {version} of the GGUF format: convert it to version 2 or 3"
        )));
    }
    let (tensors, entries) = (u64_at(8), u64_at(16));
    // A file that contains only a vocabulary has no tensors.
    if tensors == 0 || entries == 0 {
        return Err(invalid("is a GGUF file without a model".to_owned()));
    }
    if tensors > MAX_COUNT || entries > MAX_COUNT {
        return Err(invalid("has a corrupt GGUF header".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a file with these bytes and returns the error that it causes, or "valid".
    fn check_bytes(name: &str, bytes: &[u8]) -> String {
        let path =
            std::env::temp_dir().join(format!("generativeai-gguf-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let outcome = check(&path).map_or_else(|error| error.to_string(), |()| "valid".to_owned());
        std::fs::remove_file(&path).unwrap();
        outcome
    }

    fn header(version: u32, tensors: u64, entries: u64) -> Vec<u8> {
        [
            &MAGIC[..],
            &version.to_le_bytes(),
            &tensors.to_le_bytes(),
            &entries.to_le_bytes(),
        ]
        .concat()
    }

    #[test]
    fn a_file_that_is_not_a_model_is_an_error_with_the_reason() {
        assert!(check_bytes("empty", b"").contains("0 bytes"));
        assert!(check_bytes("page", &[b'<'; 100]).contains("does not begin"));
        assert!(check_bytes("old", &header(1, 1, 1)).contains("version 1"));
        assert!(check_bytes("vocabulary", &header(3, 0, 5)).contains("without a model"));
        assert!(check_bytes("corrupt", &header(3, u64::MAX, 5)).contains("corrupt"));
        assert_eq!(check_bytes("model", &header(3, 5, 5)), "valid");
    }

    #[test]
    fn a_missing_file_is_not_found_and_a_directory_is_invalid() {
        let error = check(Path::new("no/such/model.gguf")).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(
            check(Path::new("."))
                .unwrap_err()
                .to_string()
                .contains("directory")
        );
    }
}
