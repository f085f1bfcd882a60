//! Replaces the thought signatures of other services in requests to Google.

use serde_json::Value;

use super::address::Address;
use crate::protocol::content::{Blob, Content, Contents, Part, is_foreign_signature};

/// Signature that Google accepts for a function call of another model. Gemini 3 refuses calls without a signature.
///
/// API page: [Thought signatures](https://ai.google.dev/gemini-api/docs/thought-signatures).
const PLACEHOLDER: &str = "skip_thought_signature_validator";

/// Replaces or removes signatures of other services if the request goes to Google, which refuses such a request.
///
/// A history has them after turns with another backend. Other hosts receive them unchanged: `genai serve` returns
/// signatures of the service behind it, and needs them.
pub(super) fn remove_foreign_signatures(contents: &mut Contents, address: &Address) {
    if contents.inspected().any(has_foreign_part) && address.is_google() {
        *contents = contents.iter().filter_map(without_foreign).collect();
    }
}

fn has_foreign_part(content: &Content) -> bool {
    content.parts.iter().any(is_foreign)
}

fn is_foreign(part: &Part) -> bool {
    let signature = part.thought_signature.as_deref();
    signature.is_some_and(is_foreign_signature)
}

/// Copies a content without foreign signatures. `None` if nothing else is left.
fn without_foreign(content: &Content) -> Option<Content> {
    let mut copy = content.clone();
    if has_foreign_part(content) {
        copy.parts
            .retain_mut(|part| !is_foreign(part) || replace_signature(part));
        if copy.is_empty() {
            return None;
        }
    }
    Some(copy)
}

/// Replaces the foreign signature of a part. Returns whether the part still has content.
fn replace_signature(part: &mut Part) -> bool {
    let is_call = part.as_function_call().is_some();
    let foreign = part.thought_signature.take();
    let genuine = foreign.and_then(|foreign| genuine_signature(&foreign));
    part.thought_signature = genuine.or_else(|| is_call.then(|| PLACEHOLDER.to_owned()));
    part.has_content()
}

/// Returns the signature of Google within a foreign one: Google's OpenAI layers send it in a member that is named after
/// the service, `google` or `vertex`.
fn genuine_signature(foreign: &str) -> Option<String> {
    let json = match foreign.starts_with('{') {
        true => foreign.as_bytes().to_vec(),
        false => Blob::from_base64("application/json", foreign)
            .bytes()
            .ok()?,
    };
    let value: Value = serde_json::from_slice(&json).ok()?;
    let services = value.get("extra_content")?.as_object()?;
    let mut genuine = services
        .values()
        .filter_map(|members| members.get("thought_signature")?.as_str());
    genuine.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::protocol::content::Transcript;

    /// Packs a value like `generativeai-openai`.
    fn packed(value: &Value) -> String {
        let blob = Blob::new("application/json", value.to_string());
        blob.data.expect("data")
    }

    /// Returns the contents that the service at a base URL receives.
    fn sent(history: &Value, base: &str) -> Value {
        let address = Address::new(base, None, false).expect("a good address");
        let history: Vec<Content> = serde_json::from_value(history.clone()).expect("contents");
        let transcript = Arc::new(Transcript::from(history));
        let mut contents = Contents::new(transcript, vec![Content::user("Now")]);
        // Writes the JSON of the history, as an earlier request would have done.
        contents.json();
        remove_foreign_signatures(&mut contents, &address);
        json!(contents)
    }

    #[test]
    fn google_receives_no_signature_of_another_service() {
        let foreign = packed(&json!({"type": "reasoning.encrypted", "data": "x"}));
        let wrapped = json!({"extra_content": {"google": {"thought_signature": "EjA="}}});
        let of_vertex = json!({"extra_content": {"vertex": {"thought_signature": "EjB="}}});
        let history = json!([
            {"role": "user", "parts": [{"text": "Look"}]},
            {"role": "model", "parts": [
                {"text": "Hm", "thought": true, "thoughtSignature": foreign},
                {"text": "", "thought": true, "thoughtSignature": foreign},
                {"functionCall": {"name": "look"}, "thoughtSignature": foreign},
                {"functionCall": {"name": "look"}, "thoughtSignature": packed(&wrapped)},
                {"functionCall": {"name": "look"}, "thoughtSignature": packed(&of_vertex)},
                {"text": "Done", "thoughtSignature": wrapped.to_string()},
                {"text": "", "thoughtSignature": "EjQ="},
            ]},
            {"role": "model", "parts": [{"text": "", "thoughtSignature": foreign}]},
        ]);

        let google = sent(&history, "https://generativelanguage.googleapis.com");

        let expected = json!([
            {"role": "user", "parts": [{"text": "Look"}]},
            {"role": "model", "parts": [
                {"text": "Hm", "thought": true},
                {"functionCall": {"name": "look"}, "thoughtSignature": PLACEHOLDER},
                {"functionCall": {"name": "look"}, "thoughtSignature": "EjA="},
                {"functionCall": {"name": "look"}, "thoughtSignature": "EjB="},
                {"text": "Done", "thoughtSignature": "EjA="},
                {"text": "", "thoughtSignature": "EjQ="},
            ]},
            {"role": "user", "parts": [{"text": "Now"}]},
        ]);
        assert_eq!(google, expected);
    }

    #[test]
    fn other_services_receive_their_signatures_back() {
        let foreign = packed(&json!({"type": "reasoning.encrypted", "data": "x"}));
        let part = json!({"text": "Hm", "thought": true, "thoughtSignature": foreign});
        let history = json!([{"role": "model", "parts": [part]}]);

        let served = sent(&history, "http://127.0.0.1:8080");

        assert_eq!(served[0], history[0]);
    }
}
