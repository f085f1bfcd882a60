//! Rejects members of a request that the embedded model does not support.

use generativeai::Result;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::safety::HarmBlockThreshold;

use crate::error::{invalid_argument, not_found};

/// Rejects caches, continuation tokens and safety filters.
pub(super) fn check(request: &GenerateContentRequest) -> Result<()> {
    if let Some(name) = &request.cached_content {
        return Err(not_found(format!(
            "cachedContent {name} does not exist: the embedded model caches prompts automatically"
        )));
    }
    if request.continuation_token.is_some() {
        return Err(invalid_argument(
            "continuationToken is not supported by the embedded model: remove it",
        ));
    }
    for setting in &request.safety_settings {
        match &setting.threshold {
            None
            | Some(
                HarmBlockThreshold::Unspecified
                | HarmBlockThreshold::BlockNone
                | HarmBlockThreshold::Off,
            ) => {}
            Some(other) => {
                return Err(invalid_argument(format!(
                    "safetySettings has threshold {other}, but the embedded model has no safety \
                     filter: use BLOCK_NONE or OFF"
                )));
            }
        }
    }
    Ok(())
}
