//! Rejects members of a request that the embedded model does not support.

use generativeai::Result;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::safety::SafetySetting;

use crate::error::{invalid_argument, not_found};
use crate::ignored::IgnoredSettings;

/// Rejects caches and continuation tokens, and ignores safety filters.
///
/// A cache contains a part of the prompt, and a token a reply to continue. Without them, the reply would answer
/// something else.
pub(super) fn check(request: &GenerateContentRequest, ignored: &IgnoredSettings) -> Result<()> {
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
    if !request.safety_settings.iter().all(SafetySetting::is_off) {
        ignored.ignore("safetySettings: the embedded model has no safety filter".to_owned())?;
    }
    Ok(())
}
