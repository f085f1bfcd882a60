//! Decodes inline data that is text, whatever its media type.

use generativeai::protocol::content::Blob;

/// Returns the text of a blob; `None` if it is not text.
///
/// Text is what decodes as UTF-8, as UTF-16 with a byte order mark, or in the charset that the media type
/// names. Pictures, audio, video, fonts and PDFs are never text, except for formats in XML such as SVG.
pub(super) fn text_of(blob: &Blob) -> Option<String> {
    let mime_type = blob.mime_type.as_deref().unwrap_or_default();
    let mime_type = mime_type.to_ascii_lowercase();
    let (essence, parameters) = mime_type.split_once(';').unwrap_or((&mime_type, ""));
    let is_binary = ["image/", "audio/", "video/", "font/", "application/pdf"]
        .iter()
        .any(|kind| essence.trim_start().starts_with(kind));
    if is_binary && !essence.trim_end().ends_with("+xml") {
        return None;
    }
    let charset = parameters
        .split(';')
        .find_map(|parameter| parameter.trim().strip_prefix("charset="))
        .map(|charset| charset.trim_matches(['"', ' ']));
    let text = decode(&blob.bytes().ok()?, charset)?;
    let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}');
    (!text.contains(is_control)).then_some(text)
}

fn decode(bytes: &[u8], charset: Option<&str>) -> Option<String> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => return String::from_utf8(rest.to_vec()).ok(),
        [0xFF, 0xFE, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        _ => {}
    }
    match charset {
        // Text that says to be Latin-1 is read as Windows-1252, as browsers do.
        Some("iso-8859-1" | "latin1" | "us-ascii" | "windows-1252" | "cp1252") => {
            Some(bytes.iter().copied().map(windows_1252).collect())
        }
        Some("utf-16le" | "utf-16") => utf16(bytes, u16::from_le_bytes),
        Some("utf-16be") => utf16(bytes, u16::from_be_bytes),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}

/// Returns the character of a byte in Windows-1252: Latin-1 but for 32 bytes.
fn windows_1252(byte: u8) -> char {
    const FROM_0X80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    let at = usize::from(byte).checked_sub(0x80);
    let special = at.and_then(|at| FROM_0X80.get(at));
    special.copied().unwrap_or(char::from(byte))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, []) = bytes.as_chunks::<2>() else {
        return None;
    };
    let units: Vec<u16> = pairs.iter().copied().map(unit).collect();
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(mime_type: &str, bytes: &[u8]) -> Option<String> {
        text_of(&Blob::new(mime_type, bytes))
    }

    /// Field row 20: text is text, whatever its media type.
    #[test]
    fn text_is_read_whatever_its_media_type() {
        for mime_type in [
            "application/json",
            "application/xml",
            "application/x-yaml",
            "application/octet-stream",
            "application/toml; charset=utf-8",
            "image/svg+xml",
            "text/x-rust",
            "",
        ] {
            assert_eq!(
                decoded(mime_type, "größe: 1\n".as_bytes()).as_deref(),
                Some("größe: 1\n"),
                "{mime_type}"
            );
        }
        assert_eq!(
            decoded("text/csv", b"\xEF\xBB\xBFa,b").as_deref(),
            Some("a,b")
        );
        assert_eq!(
            decoded("text/plain", b"\xFF\xFEa\0\xFC\0").as_deref(),
            Some("aü")
        );
        assert_eq!(
            decoded("text/plain; charset=\"ISO-8859-1\"", b"gr\xFCn").as_deref(),
            Some("grün")
        );
        for (mime_type, bytes, text) in [
            (
                "text/csv; header=present; charset=windows-1252",
                &b"5\x80"[..],
                "5€",
            ),
            ("application/x-ndjson", b"{}\n{}\n", "{}\n{}\n"),
            (
                "application/vnd.api+json; charset=utf-16be",
                b"\0{\0}",
                "{}",
            ),
            ("IMAGE/SVG+XML", b"<svg/>", "<svg/>"),
        ] {
            assert_eq!(
                decoded(mime_type, bytes).as_deref(),
                Some(text),
                "{mime_type}"
            );
        }
    }

    #[test]
    fn data_that_is_not_text_is_not_read() {
        assert_eq!(decoded("image/png", b"a picture"), None);
        assert_eq!(decoded("audio/wav", b"RIFF"), None);
        assert_eq!(
            decoded("application/pdf", b"%PDF-1.7\n\xE2\xE3\xCF\xD3"),
            None
        );
        assert_eq!(decoded("application/octet-stream", b"a\0b"), None);
        assert_eq!(decoded("text/plain", b"gr\xFCn"), None);
    }
}
