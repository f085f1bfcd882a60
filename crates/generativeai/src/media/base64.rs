//! Decoding of inline data in base64.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::Blob;

impl Blob {
    /// Decodes the bytes. Absent data is empty.
    ///
    /// Reads both alphabets of base64 (RFC 4648), with or without padding and line breaks, since programs differ in
    /// these. Each call decodes the data again.
    ///
    /// ```
    /// use generativeai::protocol::content::{Blob, Content, Part};
    /// use generativeai::protocol::response::GenerateContentResponse;
    ///
    /// // A reply of a model that generates images. A program writes the bytes to a file.
    /// let reply = Content::model(Part::from(Blob::new("image/png", [0x89, b'P', b'N', b'G'])));
    /// let response = GenerateContentResponse::from(reply);
    /// for image in response.parts()?.iter().filter_map(Part::as_inline_data) {
    ///     assert_eq!(image.mime_type.as_deref(), Some("image/png"));
    ///     assert_eq!(image.bytes()?, [0x89, b'P', b'N', b'G']);
    /// }
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Decode`](ErrorKind::Decode) if the data is not base64.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let text = self.data.as_deref().unwrap_or_default();
        let is_space = |char: char| char.is_ascii_whitespace();
        // The engines do not skip white space. It is rare, and without it the text is not copied.
        let text: Cow<'_, str> = match text.contains(is_space) {
            true => text.replace(is_space, "").into(),
            false => text.into(),
        };
        let url_safe = text.bytes().any(|byte| matches!(byte, b'-' | b'_'));
        let engine = if url_safe { ANY_URL_SAFE } else { ANY_STANDARD };
        let bytes = engine.decode(text.as_bytes());
        bytes.map_err(|error| {
            Error::new(ErrorKind::Decode, "the data is not valid base64").with_source(error)
        })
    }
}

/// Settings for data of other programs. The default refuses missing padding, and bits after the last whole byte.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const ANY_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const ANY_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_are_read_with_and_without_padding() {
        for text in ["+/+/AA==", "+/+/AA", "-_-_AA==", "-_-_AA", "+/+/\r\nAA==\n"] {
            let bytes = Blob::from_base64("x/y", text).bytes().expect(text);
            assert_eq!(bytes, [0xfb, 0xff, 0xbf, 0], "{text}");
        }
    }

    #[test]
    fn invalid_base64_is_an_error_and_the_data_stays() {
        let blob = Blob::from_base64("x/y", "!");

        assert_eq!(blob.bytes().unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(blob.data.as_deref(), Some("!"));
    }
}
