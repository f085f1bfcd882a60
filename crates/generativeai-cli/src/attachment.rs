//! Files sent with a message: images, audio and PDFs as data, text files as text. Large files are uploaded.

pub(crate) mod mention;
pub(crate) mod upload;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use generativeai::protocol::content::{Blob, Content, Data, Part};

use crate::file;

/// Maximum size of a file that is sent inline, in bytes.
///
/// Each later request of the chat contains the file again, and base64 adds a third to its size.
const MAX_SIZE: u64 = 14 << 20;

/// A file sent with a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attachment {
    pub(crate) path: PathBuf,
    pub(crate) part: Part,
    /// Size in bytes.
    size: usize,
    /// Number of tokens, if the model counts them.
    pub(crate) tokens: Option<i32>,
}

impl Attachment {
    /// Returns whether a file is too large to be sent inline, and has to be uploaded.
    pub(crate) fn is_large(path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > MAX_SIZE)
    }

    /// Reads a file that is sent inline. Text is quoted with its file name; other files need a known extension.
    ///
    /// # Errors
    /// The file cannot be read, is empty, exceeds the maximum size, or has an unknown type.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let metadata = fs::metadata(path).with_context(|| format!("cannot read {name}"))?;
        if !metadata.is_file() {
            bail!("{name} is not a file");
        }
        let read = file::read(path, MAX_SIZE);
        let Some(bytes) = read.with_context(|| format!("cannot read {name}"))? else {
            bail!("{name} is too large: the maximum is {} MiB", MAX_SIZE >> 20);
        };
        if bytes.is_empty() {
            bail!("{name} is empty");
        }
        let part = match as_text(&bytes) {
            Some(text) => Part::text(quote(path, text)),
            None => media(path, &bytes)?,
        };
        Ok(Self {
            path: path.to_owned(),
            part,
            size: bytes.len(),
            tokens: None,
        })
    }
}

/// Returns the text of a text file. A PDF is not text, even if it consists of ASCII characters only.
fn as_text(bytes: &[u8]) -> Option<&str> {
    let text = str::from_utf8(bytes).ok()?;
    (!text.contains('\0') && !text.starts_with("%PDF-")).then_some(text)
}

/// Quotes the text with the name of its file, between fences longer than any in the text: a fence in the text would
/// end the block.
fn quote(path: &Path, text: &str) -> String {
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    let runs = text.split(|char| char != '`').map(str::len);
    let fence = "`".repeat(runs.max().unwrap_or_default().max(2) + 1);
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{name}:\n{fence}{extension}\n{text}{end}{fence}")
}

/// Returns a part with a file that is not text. Its MIME type belongs to its extension.
fn media(path: &Path, bytes: &[u8]) -> anyhow::Result<Part> {
    let name = path.display();
    // The file has been read before, so an error means that its type is unknown.
    let Ok(blob) = Blob::from_file(path) else {
        bail!("{name} is neither text nor of a known type");
    };
    let kind = blob.mime_type.unwrap_or_default();
    if kind.starts_with("text/") {
        bail!("{name} is not UTF-8 text: convert it to UTF-8");
    }
    // Its bytes were read again, without the maximum size.
    Ok(Blob::new(kind, bytes).into())
}

/// Returns the text of the user in a message: its last text part. Text parts before it are attached files.
pub(crate) fn text_of(message: &Content) -> &str {
    let text = message.parts.iter().rev().find_map(Part::as_text);
    text.unwrap_or_default()
}

/// Returns a message with its attachments. The files come first, as the Gemini API recommends.
pub(crate) fn message(attachments: &[Attachment], text: &str) -> Content {
    let mut parts: Vec<Part> = attachments.iter().map(|file| file.part.clone()).collect();
    parts.push(Part::text(text));
    Content::user(parts)
}

/// Returns a message with the files of another one, more files, and another text.
pub(crate) fn edited(original: &Content, added: &[Attachment], text: &str) -> Content {
    let mut parts = original.parts.clone();
    if let Some(own) = parts.iter().rposition(|part| part.as_text().is_some()) {
        parts.remove(own);
    }
    parts.extend(added.iter().map(|file| file.part.clone()));
    parts.push(Part::text(text));
    Content::user(parts)
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.part.data {
            Some(Data::InlineData(blob)) => blob.mime_type.as_deref(),
            Some(Data::FileData(file)) => file.mime_type.as_deref(),
            _ => Some("text"),
        };
        let (path, kind, size) = (
            self.path.display(),
            kind.unwrap_or_default(),
            size(self.size),
        );
        write!(f, "{path} ({kind}, {size}")?;
        match self.tokens {
            Some(tokens) => write!(f, ", {tokens} tokens)"),
            None => f.write_str(")"),
        }
    }
}

/// Formats a number of bytes in B, kB or MB.
fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, bytes: &[u8]) -> anyhow::Result<Attachment> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file");
        Attachment::read(&path)
    }

    #[test]
    fn text_is_quoted_with_its_file_name() {
        let attachment = read("a.rs", b"fn main() {}").expect("a text");

        assert_eq!(
            attachment.part.as_text(),
            Some("a.rs:\n```rs\nfn main() {}\n```")
        );
        assert!(attachment.to_string().ends_with("a.rs (text, 12 B)"));
        let fenced = read("a.md", b"```\nx\n```\n").expect("a text");
        assert_eq!(
            fenced.part.as_text(),
            Some("a.md:\n````md\n```\nx\n```\n````")
        );
    }

    #[test]
    fn an_image_and_a_pdf_are_sent_unchanged() {
        for (name, bytes, kind) in [
            ("a.PNG", &b"\x89PNG\r\n\x1a\n\0"[..], "image/png"),
            ("a.pdf", b"%PDF-1.7 and more", "application/pdf"),
        ] {
            let attachment = read(name, bytes).expect(name);
            let blob = attachment.part.as_inline_data().expect("bytes");

            assert_eq!(blob.mime_type.as_deref(), Some(kind));
            assert_eq!(blob.bytes().expect("bytes"), bytes);
        }
    }

    #[test]
    fn an_edited_message_keeps_its_files() {
        let files = [read("a.txt", b"Feed the cat."), read("a.png", b"\x89PNG\0")];
        let files = files.map(|file| file.expect("a file"));
        let original = message(&files[..1], "What is it?");

        let edited = edited(&original, &files[1..], "What are they?");

        assert_eq!(edited, message(&files, "What are they?"));
    }

    #[test]
    fn a_file_that_cannot_be_sent_is_named_with_the_reason() {
        let refused = |name, bytes| format!("{:#}", read(name, bytes).expect_err("refused"));

        assert!(
            refused("a.txt", b"caf\xe9").ends_with("a.txt is not UTF-8 text: convert it to UTF-8")
        );
        assert!(refused("a.xyz", b"\0\0").ends_with("a.xyz is neither text nor of a known type"));
        assert!(refused("a.txt", b"").contains("is empty"));
        let large = vec![0; 14_700_000];
        assert!(refused("a.png", &large).contains("14 MiB"));
        let folder = Attachment::read(Path::new("/")).expect_err("refused");
        assert!(folder.to_string().contains("is not a file"));
        let missing = Attachment::read(Path::new("nowhere.png")).expect_err("refused");
        assert!(missing.to_string().contains("nowhere.png"));
    }

    #[test]
    fn sizes_are_formatted_with_a_suitable_unit() {
        assert_eq!(
            [999, 1_001, 1_250_000].map(size),
            ["999 B", "2 kB", "1.2 MB"]
        );
    }
}
