//! Members that the server adds to replies if the backend left them out.
//!
//! `modelVersion` names the model that really replied, since the client may have asked for another name. Function calls
//! get an `id`, which newer clients use to match a response to its call; without one they generate their own. A reply
//! or chunk that has no content gets an empty text, as the service sends it: the chats of the official clients leave a
//! turn out of their history if one of its chunks has no part.

use std::hash::{DefaultHasher, Hasher};

use generativeai::protocol::content::{Content, Data, Part, Role};
use generativeai::protocol::response::{Candidate, FinishReason, GenerateContentResponse};

/// Values for members of a reply that the backend did not set.
#[derive(Clone, Debug)]
pub(crate) struct ReplyDefaults {
    /// Name of the model.
    model_version: String,
    /// Number in the id of the next call.
    next_call_id: u64,
}

impl ReplyDefaults {
    /// Creates the defaults of the reply to a request with this body.
    ///
    /// Ids of calls are derived from the body: they differ between the requests of a conversation,
    /// and a deterministic backend still gives equal replies to equal requests.
    pub(crate) fn new(model_version: &str, request_body: &[u8]) -> Self {
        // `DefaultHasher::new` has fixed keys, unlike `RandomState`, so equal requests get equal ids in every process.
        let mut hasher = DefaultHasher::new();
        hasher.write(request_body);
        Self {
            model_version: model_version.to_owned(),
            next_call_id: hasher.finish(),
        }
    }

    /// Fills in the absent members of a reply, or of the next chunk of a streamed reply.
    pub(crate) fn fill(&mut self, reply: &mut GenerateContentResponse) {
        let version = || self.model_version.clone();
        reply.model_version.get_or_insert_with(version);
        if reply.candidates.is_empty() && reply.prompt_feedback.is_none() {
            reply.candidates.push(Candidate::default());
        }
        reply.candidates.iter_mut().for_each(add_part);
        let contents = reply
            .candidates
            .iter_mut()
            .filter_map(|candidate| candidate.content.as_mut());
        for part in contents.flat_map(|content| &mut content.parts) {
            let Some(Data::FunctionCall(call)) = &mut part.data else {
                continue;
            };
            // A call whose arguments are streamed has a name in its first piece only.
            if call.id.as_deref().is_none_or(str::is_empty) && call.name.is_some() {
                call.id = Some(format!("call-{:016x}", self.next_call_id));
                self.next_call_id = self.next_call_id.wrapping_add(1);
            }
        }
    }
}

/// Adds an empty text to a candidate without parts, unless it was blocked.
fn add_part(candidate: &mut Candidate) {
    let is_regular = matches!(
        candidate.finish_reason,
        None | Some(FinishReason::Stop | FinishReason::MaxTokens | FinishReason::Continuation)
    );
    let has_parts = |content: &Content| !content.parts.is_empty();
    if is_regular && !candidate.content.as_ref().is_some_and(has_parts) {
        let content = candidate.content.get_or_insert_default();
        content.role.get_or_insert(Role::Model);
        content.parts.push(Part::text(""));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_chunk_without_content_gets_an_empty_text_unless_it_was_blocked() {
        let empty = json!({"role": "model", "parts": [{"text": ""}]});
        for (chunk, filled) in [
            (
                json!({"usageMetadata": {"promptTokenCount": 1}}),
                json!({"candidates": [{"content": empty}], "usageMetadata": {"promptTokenCount": 1}}),
            ),
            (
                json!({"candidates": [{"finishReason": "STOP", "index": 1}]}),
                json!({"candidates": [{"content": empty, "finishReason": "STOP", "index": 1}]}),
            ),
            (
                json!({"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}]}),
                json!({"candidates": [{"content": empty, "finishReason": "MAX_TOKENS"}]}),
            ),
            (
                json!({"candidates": [{"finishReason": "SAFETY"}]}),
                json!({"candidates": [{"finishReason": "SAFETY"}]}),
            ),
            (
                json!({"promptFeedback": {"blockReason": "SAFETY"}}),
                json!({"promptFeedback": {"blockReason": "SAFETY"}}),
            ),
        ] {
            let mut reply: GenerateContentResponse =
                serde_json::from_value(chunk).expect("a chunk");

            ReplyDefaults::new("m", b"").fill(&mut reply);

            assert_eq!(reply.model_version.take().as_deref(), Some("m"));
            assert_eq!(json!(reply), filled);
        }
    }

    #[test]
    fn a_call_whose_arguments_are_streamed_has_an_id_in_its_first_piece_only() {
        for (call, has_id) in [
            (json!({"name": "f", "willContinue": true}), true),
            (json!({"name": "f", "id": ""}), true),
            (json!({"willContinue": true}), false),
        ] {
            let chunk = json!({"candidates": [{"content": {"parts": [{"functionCall": call}]}}]});
            let mut reply: GenerateContentResponse =
                serde_json::from_value(chunk).expect("a chunk");

            ReplyDefaults::new("m", b"").fill(&mut reply);

            let part = &reply.candidates[0].parts()[0];
            let call = part.as_function_call().expect("a call");
            let id = call.id.as_deref().unwrap_or_default();
            assert_eq!(!id.is_empty(), has_id, "{call:?}");
        }
    }
}
