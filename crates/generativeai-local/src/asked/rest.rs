//! What else stands in a request, and cannot be honoured.

use generativeai::Result;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::safety::HarmBlockThreshold;

use crate::refusal::{invalid, unknown};

/// Refuses what the embedded model does not have.
pub(super) fn check(request: &GenerateContentRequest) -> Result<()> {
    if let Some(name) = &request.cached_content {
        return Err(unknown(format!(
            "cachedContent {name}: the embedded model keeps none; it remembers by itself what it has read"
        )));
    }
    if request.continuation_token.is_some() {
        return Err(invalid(
            "continuationToken: the embedded model gives none, and takes none",
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
                return Err(invalid(format!(
                    "safetySettings: the embedded model has no filter, so {other} cannot be \
                     honoured: use BLOCK_NONE or OFF"
                )));
            }
        }
    }
    Ok(())
}
