//! Instructions of a project, read from a file in the current folder.

use std::path::Path;

use crate::file;

/// Names of files with instructions. The first that exists is used; the second is one that other tools read as well.
const NAMES: &[&str] = &["GENAI.md", "AGENTS.md"];

/// Maximum size of a file, in bytes.
const MAX_SIZE: u64 = 64 << 10;

/// Instructions of a project, and the name of their file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Instructions {
    pub(crate) file: &'static str,
    pub(crate) text: String,
}

/// Reads the instructions of a folder. Returns `None` if the file does not exist or is empty.
///
/// # Errors
/// The reason why the file cannot be used: it cannot be read, is too large, or is not text.
pub(crate) fn read(folder: &Path) -> Result<Option<Instructions>, String> {
    let is_there = |name: &&str| folder.join(name).is_file();
    let Some(name) = NAMES.iter().copied().find(is_there) else {
        return Ok(None);
    };
    let refused = |why: String| format!("{name} is not used: {why}");
    let read = file::read(&folder.join(name), MAX_SIZE);
    let bytes = read.map_err(|error| refused(error.to_string()))?;
    let bytes = bytes.ok_or_else(|| refused(format!("it has more than {MAX_SIZE} bytes")))?;
    let text = String::from_utf8(bytes).map_err(|_| refused("it is not UTF-8 text".to_owned()))?;
    let text = text.trim().to_owned();
    Ok((!text.is_empty()).then_some(Instructions { file: name, text }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn genai_md_comes_before_agents_md() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("it is written");
        };
        let read = || read(folder.path()).expect("instructions");

        assert_eq!(read(), None);
        write("AGENTS.md", "Use tabs.\n");
        assert_eq!(read().expect("instructions").text, "Use tabs.");
        write("GENAI.md", "Be brief.");
        assert_eq!(read().expect("instructions").file, "GENAI.md");
        write("GENAI.md", &"a".repeat((64 << 10) + 1));
        assert!(super::read(folder.path()).is_err());
    }
}
