//! A look at a model file before llama.cpp sees it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use generativeai::{Error, ErrorKind, Result};

/// What every GGUF file begins with.
const MAGIC: [u8; 4] = *b"GGUF";
/// The versions of the format that llama.cpp reads.
const VERSIONS: std::ops::RangeInclusive<u32> = 2..=3;
/// The head: magic, version, number of tensors, number of entries.
const HEAD: usize = 24;
/// No model has more tensors, or more entries, than this.
const MOST: u64 = 1 << 20;

/// Says why a file is no model, if it is none.
pub(crate) fn check(path: &Path) -> Result<()> {
    let no = |why: String| {
        Error::new(
            ErrorKind::Configuration,
            format!("{}: {why}", path.display()),
        )
    };
    let mut file = File::open(path).map_err(|error| {
        Error::new(
            ErrorKind::NotFound,
            format!("cannot open the model {}", path.display()),
        )
        .with_source(error)
    })?;
    let length = file
        .metadata()
        .map_err(|error| no("cannot be read".to_owned()).with_source(error))?;
    if length.is_dir() {
        return Err(no("is a folder; name a GGUF file".to_owned()));
    }
    let mut head = [0; HEAD];
    if let Err(error) = file.read_exact(&mut head) {
        let why = format!("is no GGUF file: it has {} bytes", length.len());
        return Err(no(why).with_source(error));
    }
    let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| head[at + i]));
    let long = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| head[at + i]));
    if head[..4] != MAGIC {
        return Err(no(
            "is no GGUF file: it does not begin with \"GGUF\"".to_owned()
        ));
    }
    if !VERSIONS.contains(&word(4)) {
        return Err(no(format!(
            "is a GGUF file of version {}, and 2 or 3 can be read",
            word(4)
        )));
    }
    let (tensors, entries) = (long(8), long(16));
    if tensors == 0 || entries == 0 {
        return Err(no("is a GGUF file without a model in it".to_owned()));
    }
    if tensors > MOST || entries > MOST {
        return Err(no(
            "is a broken GGUF file: its head makes no sense".to_owned()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a file with these bytes.
    fn said_of(name: &str, bytes: &[u8]) -> String {
        let path =
            std::env::temp_dir().join(format!("generativeai-gguf-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let said = check(&path).map_or_else(|error| error.to_string(), |()| "fine".to_owned());
        std::fs::remove_file(&path).unwrap();
        said
    }

    fn head(version: u32, tensors: u64, entries: u64) -> Vec<u8> {
        [
            &MAGIC[..],
            &version.to_le_bytes(),
            &tensors.to_le_bytes(),
            &entries.to_le_bytes(),
        ]
        .concat()
    }

    #[test]
    fn what_is_no_model_is_told_why() {
        assert!(said_of("empty", b"").contains("0 bytes"));
        assert!(said_of("page", &[b'<'; 100]).contains("does not begin"));
        assert!(said_of("old", &head(1, 1, 1)).contains("version 1"));
        assert!(said_of("vocabulary", &head(3, 0, 5)).contains("without a model"));
        assert!(said_of("broken", &head(3, u64::MAX, 5)).contains("makes no sense"));
        assert_eq!(said_of("model", &head(3, 5, 5)), "fine");
    }

    #[test]
    fn a_file_that_is_not_there_is_not_found() {
        let error = check(Path::new("no/such/model.gguf")).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(
            check(Path::new("."))
                .unwrap_err()
                .to_string()
                .contains("folder")
        );
    }
}
