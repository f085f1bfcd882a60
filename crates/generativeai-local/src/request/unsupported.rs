//! Rejects members of a request that the embedded model does not support.

use generativeai::Result;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::safety::SafetySetting;

use crate::error::{invalid_argument, not_found};
use crate::ignored::IgnoredSettings;

/// Rejects caches and continuation tokens, and ignores safety filters. Labels, service tiers and storage change no
/// reply.
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
    if request.model_armor_config.is_some() {
        ignored.ignore("modelArmorConfig: the embedded model has no safety filter".to_owned())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use generativeai::__private::{CONFIG_MEMBERS, REQUEST_MEMBERS};

    /// A member that is neither followed nor rejected would be dropped without a sign: the caller set it, and nothing reports it. If
    /// this fails, handle the new member, then add it to the list.
    #[test]
    fn each_member_of_a_request_is_followed_rejected_or_ignored() {
        let request = [
            "model",
            "systemInstruction",
            "contents",
            "tools",
            "toolConfig",
            "safetySettings",
            "generationConfig",
            "cachedContent",
            "labels",
            "continuationToken",
            "serviceTier",
            "store",
            "modelArmorConfig",
        ];
        let config = [
            "candidateCount",
            "stopSequences",
            "maxOutputTokens",
            "temperature",
            "topP",
            "topK",
            "seed",
            "responseMimeType",
            "responseSchema",
            "responseJsonSchema",
            "responseJsonSchemaOrdered",
            "presencePenalty",
            "frequencyPenalty",
            "responseLogprobs",
            "logprobs",
            "enableEnhancedCivicAnswers",
            "responseModalities",
            "speechConfig",
            "thinkingConfig",
            "imageConfig",
            "mediaResolution",
            "audioTranscriptionConfig",
            "responseFormat",
            "translationConfig",
        ];
        assert_eq!(REQUEST_MEMBERS, request);
        assert_eq!(CONFIG_MEMBERS, config);
    }
}
