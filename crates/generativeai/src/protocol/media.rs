//! Pictures, sounds and documents: in the message itself, or where they can be fetched.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use crate::error::{Error, ErrorKind, Result};

message! {
    /// A picture, a sound, a document: its bytes.
    ///
    /// ```
    /// use generativeai::protocol::Blob;
    ///
    /// let blob = Blob::new("text/plain", "Hello");
    /// assert_eq!(blob.data.as_deref(), Some("SGVsbG8="));
    /// assert_eq!(blob.bytes()?, b"Hello");
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    pub struct Blob {
        /// What the bytes are, such as `image/png`.
        pub mime_type: Option<String>,
        /// The bytes in base64, as they came.
        pub data: Option<String>,
        /// A name to call it by.
        pub display_name: Option<String>,
    }
}

setters!(Blob {
    into mime_type: String,
    into display_name: String,
});

message! {
    /// A picture, a sound, a document: where it is.
    pub struct FileData {
        /// What it is, such as `video/mp4`.
        pub mime_type: Option<String>,
        /// Where it is.
        pub file_uri: Option<String>,
        /// A name to call it by.
        pub display_name: Option<String>,
    }
}

setters!(FileData {
    into mime_type: String,
    into file_uri: String,
    into display_name: String,
});

impl Blob {
    /// A blob of these bytes.
    pub fn new(mime_type: impl Into<String>, bytes: impl AsRef<[u8]>) -> Self {
        Self::from_base64(mime_type, STANDARD.encode(bytes))
    }

    /// A blob of bytes that are in base64 already.
    pub fn from_base64(mime_type: impl Into<String>, data: impl Into<String>) -> Self {
        let (mime_type, data) = (Some(mime_type.into()), Some(data.into()));
        Self {
            mime_type,
            data,
            ..Self::default()
        }
    }

    /// The bytes: base64 of either alphabet, padded or not. No data is no bytes.
    ///
    /// # Errors
    ///
    /// [`Decode`](ErrorKind::Decode) if the data is not base64.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        decode(self.data.as_deref().unwrap_or_default())
    }
}

impl FileData {
    /// A file of this type, found there.
    pub fn new(file_uri: impl Into<String>, mime_type: impl Into<String>) -> Self {
        Self::default().file_uri(file_uri).mime_type(mime_type)
    }
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const ANY_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const ANY_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Reads base64 of either alphabet, padded or not.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>> {
    let url_safe = text.bytes().any(|byte| matches!(byte, b'-' | b'_'));
    let engine = if url_safe { ANY_URL_SAFE } else { ANY_STANDARD };
    let bytes = engine.decode(text);
    bytes.map_err(|error| Error::new(ErrorKind::Decode, "the data is not base64").because(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_are_read_padded_or_not() {
        for text in ["+/+/AA==", "+/+/AA", "-_-_AA==", "-_-_AA"] {
            let bytes = Blob::from_base64("x/y", text).bytes().expect(text);
            assert_eq!(bytes, [0xfb, 0xff, 0xbf, 0], "{text}");
        }
    }

    #[test]
    fn what_is_not_base64_is_an_error_and_kept_as_it_came() {
        let blob = Blob::from_base64("x/y", "!");

        assert_eq!(blob.bytes().unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(blob.data.as_deref(), Some("!"));
    }
}
