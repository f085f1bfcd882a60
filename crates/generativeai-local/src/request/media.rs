//! Decodes inline data that is text, whatever its media type.

use encoding_rs::{Encoding, UTF_8};
use generativeai::protocol::content::Blob;

/// Control characters of text files: bell, backspace, white space, escape sequences and the line end of mainframes.
const TEXT_CONTROLS: [char; 9] = [
    '\u{7}', '\u{8}', '\t', '\n', '\u{b}', '\u{c}', '\r', '\u{1b}', '\u{85}',
];

/// Returns the text of a blob; `None` if it is not text.
///
/// Text decodes as UTF-8, as UTF-16 with a byte order mark, or in the charset that the media type names. Names of
/// charsets are labels of the WHATWG Encoding Standard. Pictures, audio, video, fonts and PDFs are never text, except
/// for formats in XML such as SVG.
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
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim() == "charset")
        .map(|(_, charset)| charset.trim_matches(['"', '\'', ' ']));
    let text = decode(&blob.bytes().ok()?, charset)?;
    // Binary data often decodes without an error, but has control characters. Logs of terminals have some as well
    // (escape sequences), and old files end with U+001A. So `text/…` is trusted, unless it contains a zero.
    let is_named_text = essence.trim_start().starts_with("text/");
    let is_binary = |c: char| match is_named_text {
        true => c == '\0',
        false => c.is_control() && !TEXT_CONTROLS.contains(&c),
    };
    (!text.contains(is_binary)).then_some(text)
}

/// Decodes bytes in the encoding of their byte order mark, else of the charset. The default is UTF-8. Returns `None`
/// for bytes that are invalid in this encoding.
fn decode(bytes: &[u8], charset: Option<&str>) -> Option<String> {
    let (encoding, bytes) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (encoding, &bytes[length..]),
        None => {
            let named = charset.and_then(|charset| Encoding::for_label(charset.as_bytes()));
            (named.unwrap_or(UTF_8), bytes)
        }
    };
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(mime_type: &str, bytes: &[u8]) -> Option<String> {
        text_of(&Blob::new(mime_type, bytes))
    }

    /// Row 20 of tests/field.md: text is text, whatever its media type.
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
            ("text/plain; charset=Shift_JIS", b"\x8e\x52", "山"),
            ("text/plain; charset=KOI8-R", b"\xc7\xcf\xd2\xc1", "гора"),
            ("text/plain; charset=gb18030", b"\xc9\xbd", "山"),
            ("application/x-ndjson", b"{}\n{}\n", "{}\n{}\n"),
            (
                "application/vnd.api+json; charset=utf-16be",
                b"\0{\0}",
                "{}",
            ),
            ("IMAGE/SVG+XML", b"<svg/>", "<svg/>"),
            (
                "text/plain",
                b"\x1b[31mred\x1b[0m\x1a",
                "\x1b[31mred\x1b[0m\x1a",
            ),
            ("application/x-log", b"a\x08b\x1b[0m", "a\x08b\x1b[0m"),
            ("text/plain", b"", ""),
            ("text/plain; charset = 'utf-8'", "ü".as_bytes(), "ü"),
            ("text/plain; charset=utf-16", b"a\0", "a"),
            ("text/plain;charset=us-ascii;format=flowed", b"a", "a"),
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
        assert_eq!(decoded("application/x-thing", b"\x01\x02"), None);
        assert_eq!(decoded("text/plain", b"a\0b"), None);
        assert_eq!(decoded("text/plain", b"gr\xFCn"), None);
    }
}
