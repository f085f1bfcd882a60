//! Forms in which services report the SHA-256 of a file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Returns whether a reported hash differs from `expected`, in hexadecimal digits.
///
/// The Gemini API encodes the hexadecimal digits in base64. Plain digits, and the bytes of the hash in base64, are also
/// accepted. Text in another form returns `false`: it does not prove that the bytes differ.
pub(super) fn differs(reported: &str, expected: &str) -> bool {
    let digits = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let found = match STANDARD.decode(reported) {
        // Checked before the base64 forms, since hexadecimal digits are valid base64 as well.
        _ if digits(reported) => reported.to_owned(),
        Ok(bytes) if bytes.len() == 32 => hex(&bytes),
        Ok(bytes) => String::from_utf8(bytes).unwrap_or_default(),
        Err(_) => return false,
    };
    digits(&found) && !found.eq_ignore_ascii_case(expected)
}

/// Returns bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_compared_in_every_form_in_which_services_report_it() {
        // The hash of `abc`.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

        for (same, other) in [
            (STANDARD.encode(expected), STANDARD.encode("0".repeat(64))),
            (expected.to_uppercase(), "0".repeat(64)),
            (
                "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=".into(),
                STANDARD.encode([0; 32]),
            ),
        ] {
            assert!(!differs(&same, expected), "{same}");
            assert!(differs(&other, expected), "{other}");
        }
        for unknown in ["", "sha256", "AAAA", "ä"] {
            assert!(!differs(unknown, expected), "{unknown}");
        }
    }
}
