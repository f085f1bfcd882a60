//! Opaque values of a server, such as encrypted thoughts, packed into thought signatures.
//!
//! A server expects such a value back, unchanged, with the history. Clients of the Gemini API treat `thoughtSignature`
//! in the same way, so the value survives in it.

use generativeai::protocol::content::Blob;
use serde_json::Value;

/// Packs a value into a signature. It is base64, since clients of the Gemini API decode signatures.
///
/// The value is an object whose first name begins with a letter, so the signature begins with `eyJ`, the base64 of
/// `{"` and a letter. The client of the Gemini API recognizes such signatures by it, and does not send them to Google.
pub(crate) fn pack(value: &Value) -> String {
    let packed = Blob::new("application/json", value.to_string());
    packed.data.unwrap_or_default()
}

/// Unpacks a value. `None` for a signature of another service.
pub(crate) fn unpack(signature: &str) -> Option<Value> {
    // Version 0.1 wrote the JSON itself, and stored chats contain it.
    if let Ok(value @ Value::Object(_)) = serde_json::from_str(signature) {
        return Some(value);
    }
    let bytes = Blob::from_base64("application/json", signature)
        .bytes()
        .ok()?;
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    value.is_object().then_some(value)
}

/// Returns the member for the text of a detail of thinking, if the detail is a signature without the text that it
/// signs. In a stream, the text is in pieces before it.
pub(crate) fn missing_text(detail: &Value) -> Option<&'static str> {
    let name = match detail["type"].as_str()? {
        // OpenRouter.
        "reasoning.text" => "text",
        // LiteLLM.
        "thinking" => "thinking",
        _ => return None,
    };
    let text = detail[name].as_str().unwrap_or_default();
    text.is_empty().then_some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_unpacked_from_each_alphabet_and_from_plain_json() {
        let value = json!({"type": "reasoning.encrypted", "data": "~?~?>>\u{ff}"});
        let packed = pack(&value);
        let by_url = packed.replace('+', "-").replace('/', "_");

        assert!(packed.starts_with("eyJ"), "{packed}");
        assert_ne!(by_url, packed);
        assert_eq!(unpack(&packed), Some(value.clone()));
        assert_eq!(unpack(&by_url), Some(value.clone()));
        assert_eq!(unpack(&value.to_string()), Some(value));
        // A signature of Gemini, and a number.
        assert_eq!(unpack("EjQKMgEMOdbHJChLX75Q"), None);
        assert_eq!(unpack("MTIz"), None);
    }
}
