//! Continuation tokens: a position in the reply to a request, a digest of the request, and a signature of both.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::hmac;

use super::position::{DIGEST, Position};
use crate::error::ApiError;

/// First byte of each token. Another format has another number.
const VERSION: u8 = 1;

/// Length of the signed bytes of a token: version, length, digest of the content, digest of the request.
const SIGNED: usize = 1 + 8 + DIGEST + DIGEST;

/// base64 as the service writes it. The padding may be missing: the clients encode the bytes again.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Position from which a reply continues, according to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// Length of the content before the position.
    pub(super) length: u64,
    /// Digest of the content before the position.
    pub(super) digest: [u8; DIGEST],
}

/// Returns the token of a position in the reply to a request.
pub(super) fn token(key: &hmac::Key, request: &[u8; DIGEST], position: &Position) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&position.length().to_be_bytes());
    bytes.extend_from_slice(&position.digest());
    bytes.extend_from_slice(request);
    let tag = hmac::sign(key, &bytes);
    bytes.extend_from_slice(tag.as_ref());
    BASE64.encode(bytes)
}

/// Reads a token that came with a request.
///
/// # Errors
/// 400: the token was not issued with this key, or for another request.
pub(super) fn read(
    key: &hmac::Key,
    request: &[u8; DIGEST],
    token: &str,
) -> Result<Start, ApiError> {
    // The Python client encodes bytes with the alphabet for URLs.
    let token = token.replace('-', "+").replace('_', "/");
    let bytes = BASE64.decode(token).unwrap_or_default();
    let signed = bytes
        .split_at_checked(SIGNED)
        .filter(|(signed, tag)| hmac::verify(key, signed, tag).is_ok());
    let Some(([VERSION, rest @ ..], _)) = signed else {
        return Err(ApiError::invalid(
            "`continuationToken` was altered, or issued by a server with another key: send it unchanged, or send the \
             request without it",
        ));
    };
    // `SIGNED` fixes the number of bytes, so no split and no conversion panics.
    let (length, rest) = rest.split_at(8);
    let (content, issued_for) = rest.split_at(DIGEST);
    if issued_for != request {
        return Err(ApiError::invalid(
            "`continuationToken` belongs to another request: send the same request again and add nothing but the token",
        ));
    }
    Ok(Start {
        length: u64::from_be_bytes(length.try_into().expect("8 bytes")),
        digest: content.try_into().expect("the length of a digest"),
    })
}

#[cfg(test)]
mod tests {
    use generativeai::protocol::content::Part;

    use super::super::position::digest;
    use super::*;

    fn key(secret: &[u8]) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, secret)
    }

    #[test]
    fn a_token_is_read_in_any_form_that_clients_send() {
        let mut position = Position::start();
        position.add(&Part::text("Once"));
        for number in 0..64_u8 {
            let request = digest(&[number]);
            let token = token(&key(b"k"), &request, &position);
            let url_safe = token.replace('+', "-").replace('/', "_");

            for form in [&token, &url_safe, token.trim_end_matches('=')] {
                let start = read(&key(b"k"), &request, form).expect("a token");
                assert_eq!((start.length, start.digest), (4, position.digest()));
            }
        }
    }

    #[test]
    fn a_token_that_was_altered_anywhere_is_rejected() {
        let request = digest(b"request");
        let token = token(&key(b"k"), &request, &Position::start());
        let bytes = BASE64.decode(&token).expect("base64");
        let mut altered: Vec<String> = (0..bytes.len())
            .map(|at| {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1;
                BASE64.encode(bytes)
            })
            .collect();
        altered.extend(["", "?", "AQID", &token[4..]].map(str::to_owned));
        for token in altered {
            assert!(read(&key(b"k"), &request, &token).is_err(), "{token}");
        }
        assert!(read(&key(b"other"), &request, &token).is_err());
        assert!(read(&key(b"k"), &digest(b"other"), &token).is_err());
        assert!(read(&key(b"k"), &request, &token).is_ok());
    }
}
