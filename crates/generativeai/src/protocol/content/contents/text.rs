//! The JSON of contents that are nothing but text, which most of what is said is.

use crate::protocol::content::{Content, Data, Part};

/// How many bytes are looked at together.
const BLOCK: usize = 64;

const BEFORE_ROLE: &[u8] = b"{\"role\":";
const BEFORE_PARTS: &[u8] = b",\"parts\":[";
const BEFORE_TEXT: &[u8] = b"{\"text\":";
const AFTER_PARTS: &[u8] = b"]}";

/// How many bytes [`write`] writes, and one for the comma before them; `None` if it writes none.
pub(super) fn length(content: &Content) -> Option<usize> {
    let role = content.role.as_ref().filter(|_| content.is_only_text())?;
    let frame = BEFORE_ROLE.len() + BEFORE_PARTS.len() + AFTER_PARTS.len();
    let texts = content.parts.iter().filter_map(Part::as_text);
    // A comma before each text but the first, and one before the whole.
    let texts = texts.map(|text| BEFORE_TEXT.len() + string_length(text) + b"},".len());
    Some(frame + string_length(role.as_str()) + texts.sum::<usize>())
}

/// Writes a content as serde would, if it is a role and texts and nothing else; says whether it did.
///
/// serde_json looks at each byte of a text by itself, which in a turn costs more than all else that is
/// done to it.
pub(super) fn write(json: &mut Vec<u8>, content: &Content) -> bool {
    let Some(role) = content.role.as_ref().filter(|_| content.is_only_text()) else {
        return false;
    };
    let texts = || content.parts.iter().filter_map(Part::as_text);
    json.extend_from_slice(BEFORE_ROLE);
    write_string(json, role.as_str());
    json.extend_from_slice(BEFORE_PARTS);
    for (at, text) in texts().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        json.extend_from_slice(BEFORE_TEXT);
        write_string(json, text);
        json.push(b'}');
    }
    json.extend_from_slice(AFTER_PARTS);
    true
}

fn string_length(text: &str) -> usize {
    let lengths = text.as_bytes().chunks(BLOCK).map(|block| {
        if is_any_escaped(block) {
            block.iter().map(|byte| escape(*byte).len()).sum()
        } else {
            block.len()
        }
    });
    lengths.sum::<usize>() + 2
}

fn write_string(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let plain = rest
            .chunks(BLOCK)
            .take_while(|block| !is_any_escaped(block));
        let (plain, more) = rest.split_at(plain.map(<[u8]>::len).sum());
        json.extend_from_slice(plain);
        let (block, more) = more.split_at(BLOCK.min(more.len()));
        block.iter().for_each(|byte| write_byte(json, *byte));
        rest = more;
    }
    json.push(b'"');
}

/// Without a branch for each byte, so that the compiler takes them together.
fn is_any_escaped(block: &[u8]) -> bool {
    let escaped = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    block.iter().fold(false, |any, byte| any | escaped(*byte))
}

/// How a byte stands in a string.
enum Escape {
    Itself,
    Short(u8),
    Number,
}

impl Escape {
    fn len(&self) -> usize {
        match self {
            Self::Itself => 1,
            Self::Short(_) => 2,
            Self::Number => 6,
        }
    }
}

fn escape(byte: u8) -> Escape {
    match byte {
        b'"' | b'\\' => Escape::Short(byte),
        b'\n' => Escape::Short(b'n'),
        b'\r' => Escape::Short(b'r'),
        b'\t' => Escape::Short(b't'),
        0x08 => Escape::Short(b'b'),
        0x0C => Escape::Short(b'f'),
        0..b' ' => Escape::Number,
        _ => Escape::Itself,
    }
}

fn write_byte(json: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match escape(byte) {
        Escape::Itself => json.push(byte),
        Escape::Short(letter) => json.extend_from_slice(&[b'\\', letter]),
        Escape::Number => {
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            json.extend_from_slice(b"\\u00");
            json.extend_from_slice(&digits);
        }
    }
}

impl Content {
    /// Whether this is a role and texts, and nothing beside them.
    pub(crate) fn is_only_text(&self) -> bool {
        let is_only_text = |part: &Part| {
            matches!(part.data, Some(Data::Text(_))) && part.thought.is_none() && part.is_plain()
        };
        self.role.is_some()
            && self.unknown.is_empty()
            && !self.parts.is_empty()
            && self.parts.iter().all(is_only_text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(content: &Content) -> Option<String> {
        let mut json = Vec::new();
        write(&mut json, content).then(|| String::from_utf8(json).expect("text"))
    }

    proptest! {
        #[test]
        fn a_text_is_written_as_serde_writes_it(
            texts in prop::collection::vec("(?s:.{0,40}[\"\\\\\\x00-\\x1f]?){0,4}", 1..3),
            role in "[a-z0-9\"-]{0,8}",
        ) {
            let parts: Vec<Part> = texts.into_iter().map(Part::text).collect();
            let content = Content::from(parts).role(role.as_str());

            let json = serde_json::to_string(&content).expect("JSON");
            prop_assert_eq!(length(&content), Some(json.len() + 1));
            prop_assert_eq!(written(&content), Some(json));
        }
    }

    #[test]
    fn what_is_more_than_text_is_left_to_serde() {
        for other in [
            r#"{"parts":[{"text":"no role"}]}"#,
            r#"{"role":"user","parts":[]}"#,
            r#"{"role":"user","parts":[{"text":"a"},{}]}"#,
            r#"{"role":"user","parts":[{"text":"a","thought":true}]}"#,
            r#"{"role":"user","parts":[{"text":"a","thoughtSignature":"b"}]}"#,
            r#"{"role":"user","parts":[{"text":"a","new":1}]}"#,
            r#"{"role":"user","parts":[{"text":"a"}],"new":1}"#,
        ] {
            let content = serde_json::from_str(other).expect("a content");
            assert_eq!(
                (written(&content), length(&content)),
                (None, None),
                "{other}"
            );
        }
    }
}
