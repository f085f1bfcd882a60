//! Members that the server adds to replies if the backend left them out.
//!
//! `modelVersion` names the model that really replied, since the client may have asked for another
//! name. Function calls get an `id`, which newer clients use to match a response to its call; without
//! one they invent their own.

use std::hash::{DefaultHasher, Hasher};

use generativeai::protocol::content::Data;
use generativeai::protocol::response::GenerateContentResponse;

/// Values for members of a reply that the backend did not set.
#[derive(Clone, Debug)]
pub(crate) struct ReplyDefaults {
    /// Name of the model, unless the backend may know better.
    model_version: Option<String>,
    /// Number in the id of the next call.
    next_call_id: u64,
}

impl ReplyDefaults {
    /// Creates the defaults of the reply to a request with this body.
    ///
    /// Ids of calls are derived from the body: they differ between the requests of a conversation,
    /// and a deterministic backend still gives equal replies to equal requests.
    pub(crate) fn new(model_version: Option<String>, request_body: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(request_body);
        Self {
            model_version,
            next_call_id: hasher.finish(),
        }
    }

    /// Fills in the absent members of a reply, or of the next chunk of a streamed reply.
    pub(crate) fn fill(&mut self, reply: &mut GenerateContentResponse) {
        if reply.model_version.is_none() {
            reply.model_version.clone_from(&self.model_version);
        }
        let contents = reply
            .candidates
            .iter_mut()
            .filter_map(|candidate| candidate.content.as_mut());
        for part in contents.flat_map(|content| &mut content.parts) {
            let Some(Data::FunctionCall(call)) = &mut part.data else {
                continue;
            };
            // A call whose arguments are streamed has a name in its first piece only.
            if call.id.is_none() && call.name.is_some() {
                call.id = Some(format!("call-{:016x}", self.next_call_id));
                self.next_call_id = self.next_call_id.wrapping_add(1);
            }
        }
    }
}
