//! Position in the content of a reply, independent of how its chunks divide it.

use generativeai::protocol::content::{Data, Part};
use ring::digest::{Context, Digest, SHA256};

use crate::response::to_json;

/// Length of a digest in bytes.
pub(super) const DIGEST: usize = 32;

// Bytes that no UTF-8 text contains. They precede texts, signatures and other parts in the digest, so no text can look
// like the beginning of another part.
const TEXT: u8 = 0xf8;
const THOUGHT: u8 = 0xf9;
const SIGNATURE: u8 = 0xfa;
const OTHER: u8 = 0xfb;

/// Position in the content of a reply: the length of the content before it, and a digest of that content.
///
/// Equal contents have equal positions, whether their text is one part or many.
#[derive(Clone)]
pub(super) struct Position {
    length: u64,
    digest: Context,
    /// Kind of the last text. A text of the same kind continues it, whatever the chunks were.
    open: Option<u8>,
}

impl Position {
    /// Returns the beginning of a reply.
    pub(super) fn start() -> Self {
        Self {
            length: 0,
            digest: Context::new(&SHA256),
            open: None,
        }
    }

    /// Returns the length of the content before this position: bytes of its texts, and one for each signature and each
    /// other part.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Returns the digest of the content before this position.
    pub(super) fn digest(&self) -> [u8; DIGEST] {
        bytes_of(&self.digest.clone().finish())
    }

    /// Moves past a part.
    pub(super) fn add(&mut self, part: &Part) {
        let Some(Data::Text(text)) = &part.data else {
            self.digest.update(&[OTHER]);
            self.digest.update(&to_json(part));
            self.length += 1;
            self.open = None;
            return;
        };
        let kind = if part.is_thought() { THOUGHT } else { TEXT };
        if self.open != Some(kind) && !text.is_empty() {
            self.digest.update(&[kind]);
            self.open = Some(kind);
        }
        self.digest.update(text.as_bytes());
        self.length += text.len() as u64;
        if let Some(signature) = &part.thought_signature {
            self.digest.update(&[SIGNATURE]);
            self.digest.update(signature.as_bytes());
            self.length += 1;
            self.open = None;
        }
    }

    /// Moves past a part, but no further than a length. Returns the rest of the part.
    ///
    /// # Errors
    /// The length is inside of a character.
    pub(super) fn add_up_to(&mut self, length: u64, part: Part) -> Result<Option<Part>, Inside> {
        // Never negative: until it has reached the length, the position is moved by this function alone.
        let left = length - self.length;
        if left == 0 {
            return Ok(Some(part));
        }
        let Some(Data::Text(text)) = &part.data else {
            self.add(&part);
            return Ok(None);
        };
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let is_all = left >= text.len() + usize::from(part.thought_signature.is_some());
        if is_all {
            self.add(&part);
            return Ok(None);
        }
        let (head, tail) = text.split_at_checked(left).ok_or(Inside)?;
        self.add(&Part::text(head).thought(part.is_thought()));
        let tail = Data::Text(tail.to_owned());
        let mut rest = part;
        rest.data = Some(tail);
        Ok(Some(rest))
    }
}

/// A length that is inside of a character.
#[derive(Debug)]
pub(super) struct Inside;

/// Returns the digest of bytes.
pub(super) fn digest(bytes: &[u8]) -> [u8; DIGEST] {
    bytes_of(&ring::digest::digest(&SHA256, bytes))
}

fn bytes_of(digest: &Digest) -> [u8; DIGEST] {
    let bytes = digest.as_ref().try_into();
    bytes.expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(parts: &[Part]) -> (u64, [u8; DIGEST]) {
        let mut position = Position::start();
        parts.iter().for_each(|part| position.add(part));
        (position.length(), position.digest())
    }

    #[test]
    fn a_position_depends_on_the_content_and_not_on_its_division() {
        let whole = [Part::text("hm").thought(true), Part::text("one two")];
        let divided = [
            Part::text("h").thought(true),
            Part::text(""),
            Part::text("m").thought(true),
            Part::text("one "),
            Part::text("two"),
        ];
        assert_eq!(position(&whole), position(&divided));
        for other in [
            [Part::text("h").thought(true), Part::text("mone two")],
            [Part::text("hm"), Part::text("one two")],
            [Part::text("hm").thought(true), Part::text("one twö")],
        ] {
            assert_ne!(position(&whole), position(&other), "{other:?}");
        }
    }

    #[test]
    fn the_rest_of_the_text_begins_at_the_length() {
        let mut position = Position::start();
        let part = Part::text("aö").thought_signature("c2ln");

        let rest = position.add_up_to(1, part.clone()).unwrap().unwrap();
        assert_eq!(rest, Part::text("ö").thought_signature("c2ln"));
        assert!(position.add_up_to(2, rest.clone()).is_err());
        let rest = position.add_up_to(3, rest).unwrap().unwrap();
        assert_eq!(rest, Part::text("").thought_signature("c2ln"));
        assert!(position.add_up_to(4, rest).unwrap().is_none());
        assert_eq!(position.digest(), self::position(&[part]).1);
    }
}
