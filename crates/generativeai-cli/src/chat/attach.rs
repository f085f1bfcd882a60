//! Files that are sent with a message: images, sound, PDFs as they are, texts as text.

pub(super) mod mentions;

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use generativeai::protocol::content::{Blob, Content, Part};

use crate::printer::Printer;

/// No file is larger than this, in bytes: written as text in a request it must be less than 20 MB.
const MOST: u64 = 14 << 20;

/// A file that is sent with a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Attached {
    pub(super) path: PathBuf,
    pub(super) part: Part,
    kind: String,
    bytes: usize,
    /// How many tokens the model sees in it, if that is known.
    pub(super) tokens: Option<i32>,
}

impl Attached {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let about = fs::metadata(path).with_context(|| format!("cannot read {name}"))?;
        if !about.is_file() {
            bail!("{name} is no file");
        }
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
        read.with_context(|| format!("cannot read {name}"))?;
        if bytes.len() as u64 > MOST {
            bail!("{name} is too large: {} MiB are the most", MOST >> 20);
        }
        if bytes.is_empty() {
            bail!("{name} is empty");
        }
        let (length, text) = (bytes.len(), text_in(&bytes));
        let (part, kind) = match text {
            Some(text) => (Part::text(quote(path, text)), "text".to_owned()),
            None => media(path, &bytes)?,
        };
        Ok(Self {
            path: path.to_owned(),
            part,
            kind,
            bytes: length,
            tokens: None,
        })
    }
}

impl Attached {
    /// The files that went with a message, to go with another.
    pub(super) fn again(message: &Content) -> Vec<Self> {
        let last = message
            .parts
            .iter()
            .rposition(|part| part.as_text().is_some());
        let files = message.parts.iter().enumerate();
        let again = |part: &Part| {
            let blob = part.as_inline_data();
            let kind = blob.and_then(|blob| blob.mime_type.clone());
            let bytes = match blob {
                Some(blob) => blob.bytes().map_or(0, |bytes| bytes.len()),
                None => part.as_text().map_or(0, str::len),
            };
            let text = part.as_text().unwrap_or_default();
            let name = text.split(":\n").next().unwrap_or_default();
            Self {
                path: PathBuf::from(name),
                part: part.clone(),
                kind: kind.unwrap_or_else(|| "text".to_owned()),
                bytes,
                tokens: None,
            }
        };
        files
            .filter(|(at, _)| Some(*at) != last)
            .map(|(_, part)| again(part))
            .collect()
    }
}

/// The text of a file, if it is one. A PDF without a zero byte is none either.
fn text_in(bytes: &[u8]) -> Option<&str> {
    let text = str::from_utf8(bytes).ok()?;
    (!text.contains('\0') && !text.starts_with("%PDF-")).then_some(text)
}

/// A text, with the name of its file, between fences that are longer than any in it.
fn quote(path: &Path, text: &str) -> String {
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{name}:\n{fence}{ending}\n{text}{end}{fence}")
}

/// A file that is no text, by the ending of its name.
fn media(path: &Path, bytes: &[u8]) -> anyhow::Result<(Part, String)> {
    let name = path.display();
    let blob = Blob::from_file(path)
        .with_context(|| format!("{name} is neither a text nor of a known kind"))?;
    let kind = blob.mime_type.unwrap_or_default();
    if kind.starts_with("text/") {
        bail!("{name} is no text: it holds bytes that are not UTF-8");
    }
    Ok((Part::from(Blob::new(kind.clone(), bytes)), kind))
}

/// The files that the words of a message mention. What is piped in is not looked into: somebody else may
/// have written it.
pub(super) fn mentioned(words: &[String], printer: &mut Printer) -> anyhow::Result<Vec<Attached>> {
    let mut attached = Vec::new();
    for path in mentions::of(&words.join(" ")) {
        let file = Attached::read(&path)?;
        printer.note(format_args!("attached {file}"));
        attached.push(file);
    }
    Ok(attached)
}

/// A message with the files that go with it: the files first, as models like it.
pub(super) fn message(attached: &[Attached], text: &str) -> Content {
    let mut parts: Vec<Part> = attached.iter().map(|file| file.part.clone()).collect();
    parts.push(Part::text(text));
    Content::user(parts)
}

impl fmt::Display for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, kind) = (self.path.display(), &self.kind);
        write!(f, "{path} ({kind}, {}", size(self.bytes))?;
        match self.tokens {
            Some(tokens) => write!(f, ", {tokens} tokens)"),
            None => f.write_str(")"),
        }
    }
}

/// A number of bytes, in the unit that suits it.
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

    fn read(name: &str, bytes: &[u8]) -> anyhow::Result<Attached> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file");
        Attached::read(&path)
    }

    #[test]
    fn a_text_is_quoted_with_its_name() {
        let attached = read("a.rs", b"fn main() {}").expect("a text");

        assert_eq!(
            attached.part.as_text(),
            Some("a.rs:\n```rs\nfn main() {}\n```")
        );
        assert!(attached.to_string().ends_with("a.rs (text, 12 B)"));
        let fenced = read("a.md", b"```\nx\n```\n").expect("a text");
        assert_eq!(
            fenced.part.as_text(),
            Some("a.md:\n````md\n```\nx\n```\n````")
        );
    }

    #[test]
    fn an_image_and_a_pdf_go_as_they_are() {
        for (name, bytes, kind) in [
            ("a.PNG", &b"\x89PNG\r\n\x1a\n\0"[..], "image/png"),
            ("a.pdf", b"%PDF-1.7 and more", "application/pdf"),
        ] {
            let attached = read(name, bytes).expect(name);
            let blob = attached.part.as_inline_data().expect("bytes");

            assert_eq!(blob.mime_type.as_deref(), Some(kind));
            assert_eq!(blob.bytes().expect("bytes"), bytes);
        }
    }

    #[test]
    fn what_cannot_be_sent_is_named_with_the_reason() {
        let refused = |name, bytes| format!("{:#}", read(name, bytes).expect_err("refused"));

        assert!(refused("a.txt", b"caf\xe9").contains("not UTF-8"));
        assert!(refused("a.xyz", b"\0\0").contains("neither a text nor of a known kind"));
        assert!(refused("a.txt", b"").contains("is empty"));
        let large = vec![0; 14_700_000];
        assert!(refused("a.png", &large).contains("14 MiB"));
        let folder = Attached::read(Path::new("/")).expect_err("refused");
        assert!(folder.to_string().contains("is no file"));
        let nowhere = Attached::read(Path::new("nowhere.png")).expect_err("refused");
        assert!(nowhere.to_string().contains("nowhere.png"));
    }

    #[test]
    fn sizes_are_told_in_the_unit_that_suits_them() {
        assert_eq!(
            [999, 1_001, 1_250_000].map(size),
            ["999 B", "2 kB", "1.2 MB"]
        );
    }
}
