//! JSON of contents, written once and stored in pieces that requests share.

use std::sync::Arc;

use bytes::Bytes;

use crate::protocol::content::{Content, Data, Part, Role};
use crate::protocol::wire::plain_length;

/// Size in bytes from which a piece is no longer merged with others.
const LARGE: usize = 16 << 10;

/// Maximum number of pieces below [`LARGE`] in a row. One more, and they are merged.
const MAX_SMALL: usize = 16;

/// JSON of the first contents of a transcript.
///
/// Contents that are added later become a new piece, so that nothing is copied and no buffer reserves capacity. Once
/// there are more than [`MAX_SMALL`] small pieces at the end, they become one. So a byte is copied a few times however
/// long the conversation grows, since large pieces are never copied, and a request has few pieces.
#[derive(Clone, Default)]
pub(super) struct JsonPrefix {
    /// The JSON, with a comma in front of each content.
    pieces: Arc<Vec<Bytes>>,
    /// Offset at which each content ends.
    ends: Vec<usize>,
    /// Whether a part [is inspected](is_inspected). Determined when its JSON is written.
    has_inspected: bool,
}

impl JsonPrefix {
    /// Writes the contents that were added since the last call, and returns the JSON of all.
    ///
    /// `contents` begin with the contents that were written before.
    pub(super) fn extend_to(&mut self, contents: &[Content]) -> Arc<Vec<Bytes>> {
        let new = contents.get(self.ends.len()..).unwrap_or_default();
        if !new.is_empty() {
            let written = self.len();
            let mut json = write_elements(new, |length| self.ends.push(written + length));
            let mut parts = new.iter().flat_map(|content| &content.parts);
            self.has_inspected |= parts.any(is_inspected);
            // `Bytes` keeps the capacity of a vector as well, and the chat keeps the piece.
            json.shrink_to_fit();
            self.push(json.into());
        }
        Arc::clone(&self.pieces)
    }

    /// Removes the JSON of all contents but the first `count`.
    pub(super) fn truncate(&mut self, count: usize) {
        self.ends.truncate(count);
        let mut left = self.len();
        let pieces = Arc::make_mut(&mut self.pieces);
        for piece in &mut *pieces {
            if left < piece.len() {
                // Copied, since a slice would keep the removed part in memory.
                *piece = Bytes::copy_from_slice(&piece[..left]);
            }
            // 0 after the piece with the cut, so that all later ones become empty.
            left -= piece.len();
        }
        pieces.retain(|piece| !piece.is_empty());
    }

    /// Returns the number of contents before the first one with a part that [is inspected](is_inspected).
    pub(super) fn not_inspected(&self) -> usize {
        match self.has_inspected {
            true => 0,
            false => self.ends.len(),
        }
    }

    fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or_default()
    }

    /// Appends a piece. Merges the last small ones if there are too many.
    fn push(&mut self, piece: Bytes) {
        let pieces = Arc::make_mut(&mut self.pieces);
        pieces.push(piece);
        let is_small = |piece: &&Bytes| piece.len() < LARGE;
        let small = pieces.iter().rev().take_while(is_small).count();
        if small > MAX_SMALL {
            let first = pieces.len() - small;
            let merged = pieces[first..].concat();
            pieces.truncate(first);
            pieces.push(merged.into());
        }
    }
}

/// Returns whether a backend inspects a part before it sends the part: it may refer to an attachment, or have a
/// signature of another service.
fn is_inspected(part: &Part) -> bool {
    let signature = part.thought_signature.as_deref();
    part.part_metadata.is_some() || signature.is_some_and(is_foreign_signature)
}

/// Returns whether a thought signature is a JSON object, plain or in base64: a value of another service.
///
/// `generativeai-openai` packs such values. Signatures of Google are protocol buffers in base64, which never begin so.
pub(crate) fn is_foreign_signature(signature: &str) -> bool {
    signature.starts_with("eyJ") || signature.starts_with('{')
}

/// Returns an estimate of the length of a content's JSON, so that texts are written without reallocations.
fn expected_length(content: &Content) -> usize {
    let texts = content.parts.iter().filter_map(Part::as_text);
    texts.map(|text| 64 + text.len() + text.len() / 16).sum()
}

/// Writes contents with a comma in front of each. `each` receives the length so far after each content.
pub(super) fn write_elements(contents: &[Content], mut each: impl FnMut(usize)) -> Vec<u8> {
    let mut json = Vec::with_capacity(contents.iter().map(expected_length).sum());
    for content in contents {
        write_element(&mut json, content);
        each(json.len());
    }
    json
}

/// Writes a content with a comma in front of it.
fn write_element(json: &mut Vec<u8>, content: &Content) {
    json.push(b',');
    match &content.role {
        Some(role) if is_plain_text(content) => write_text(json, role, &content.parts),
        _ => serde_json::to_writer(json, content)
            .expect("contents are strings, numbers and maps with string keys"),
    }
}

/// Returns whether a content has nothing but a role and text.
fn is_plain_text(content: &Content) -> bool {
    let is_text = |part: &Part| {
        matches!(part.data, Some(Data::Text(_))) && part.thought.is_none() && part.is_plain()
    };
    content.unknown.is_empty() && !content.parts.is_empty() && content.parts.iter().all(is_text)
}

/// Writes a content of text parts as serde would.
///
/// Most contents are text, and serde_json inspects a text byte by byte: that took a third of all
/// instructions of a turn.
fn write_text(json: &mut Vec<u8>, role: &Role, parts: &[Part]) {
    json.extend_from_slice(b"{\"role\":");
    write_string(json, role.as_str());
    json.extend_from_slice(b",\"parts\":[");
    for (at, text) in parts.iter().filter_map(Part::as_text).enumerate() {
        if at > 0 {
            json.push(b',');
        }
        json.extend_from_slice(b"{\"text\":");
        write_string(json, text);
        json.push(b'}');
    }
    json.extend_from_slice(b"]}");
}

/// Writes a text as a JSON string, with the escapes that serde_json chooses.
fn write_string(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, more) = rest.split_at(plain_length(rest));
        json.extend_from_slice(plain);
        let Some((byte, more)) = more.split_first() else {
            break;
        };
        write_escaped(json, *byte);
        rest = more;
    }
    json.push(b'"');
}

/// Writes the escape of a byte like serde_json: a short one if JSON has it, otherwise `\u00` and two digits in lower
/// case.
fn write_escaped(json: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let letter = match byte {
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0C => b'f',
        0..b' ' => {
            let [high, low] = [byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]);
            return json.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
        _ => byte,
    };
    json.extend_from_slice(&[b'\\', letter]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(content: &Content) -> String {
        let mut json = Vec::new();
        write_element(&mut json, content);
        assert_eq!(json.remove(0), b',');
        String::from_utf8(json).expect("UTF-8")
    }

    proptest! {
        #[test]
        fn text_is_written_as_serde_writes_it(
            texts in prop::collection::vec("(?s:.{0,40}[\"\\\\\\x00-\\x1f]?){0,4}", 1..3),
            role in "[a-z0-9\"-]{0,8}",
        ) {
            let parts: Vec<Part> = texts.into_iter().map(Part::text).collect();
            let content = Content::from(parts).role(role.as_str());

            prop_assert!(is_plain_text(&content));
            prop_assert_eq!(written(&content), serde_json::to_string(&content).expect("JSON"));
        }
    }

    #[test]
    fn each_character_is_written_as_serde_writes_it_wherever_it_stands_in_a_word() {
        for character in (0..=0x17F).filter_map(char::from_u32) {
            for place in 0..17 {
                let text = format!("{}{character}\u{80}{character}xyz", "x".repeat(place));
                let mut json = Vec::new();
                write_string(&mut json, &text);

                assert_eq!(json, serde_json::to_vec(&text).expect("JSON"), "{text:?}");
            }
        }
    }

    #[test]
    fn serde_writes_a_content_that_has_more_than_text() {
        for json in [
            r#"{"parts":[{"text":"no role"}]}"#,
            r#"{"role":"user","parts":[{"text":"a"},{}]}"#,
            r#"{"role":"user","parts":[{"text":"a","thought":true}]}"#,
            r#"{"role":"user","parts":[{"text":"a","thoughtSignature":"b"}]}"#,
            r#"{"role":"user","parts":[{"text":"a","new":1}]}"#,
            r#"{"role":"user","parts":[{"text":"a"}],"new":1}"#,
        ] {
            let content = serde_json::from_str(json).expect("a content");

            assert_eq!(written(&content), json);
        }
    }
}
