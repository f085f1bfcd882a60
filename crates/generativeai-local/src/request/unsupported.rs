//! Rejects members of a request that the embedded model does not support, and ignores settings that it cannot follow.

use generativeai::Result;
use generativeai::protocol::Unknown;
use generativeai::protocol::config::MediaResolution;
use generativeai::protocol::request::{GenerateContentRequest, ServiceTier};
use generativeai::protocol::safety::SafetySetting;
use generativeai::protocol::tools::{Behavior, FunctionDeclaration};

use crate::error::{invalid_argument, not_found};
use crate::ignored::IgnoredSettings;

/// Rejects caches and continuation tokens, and ignores settings that the model cannot follow.
///
/// A cache contains a part of the prompt, and a token a reply to continue. Without them, the reply would answer
/// something else. Settings with an invalid value, and those that only some models cannot follow, are found where they
/// are parsed.
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
    for (path, is_set) in not_followed(request) {
        if is_set {
            ignored.ignore(format!(
                "{path}: the embedded model does not have this setting"
            ))?;
        }
    }
    for (path, unknown) in unknown_members(request) {
        ignored.ignore_unknown(path, unknown)?;
    }
    Ok(())
}

/// Returns the settings that the model cannot follow, and whether the request sets them.
fn not_followed(request: &GenerateContentRequest) -> [(&'static str, bool); 10] {
    let config = request.generation_config.as_deref();
    let resolution = config.and_then(|config| config.media_resolution.as_ref());
    let labels = request.labels.as_ref();
    let tier = request.service_tier.as_ref();
    let is_other_tier = |tier| !matches!(tier, &ServiceTier::Unspecified | &ServiceTier::Standard);
    let tools = request.tool_config.as_ref();
    let calling = tools.and_then(|tools| tools.function_calling_config.as_ref());
    let mut behaviors = declarations(request).filter_map(|it| it.behavior.as_ref());
    let is_other_behavior =
        |behavior| !matches!(behavior, &Behavior::Unspecified | &Behavior::Blocking);
    [
        (
            "safetySettings",
            !request.safety_settings.iter().all(SafetySetting::is_off),
        ),
        ("labels", labels.is_some_and(|labels| !labels.is_empty())),
        ("serviceTier", tier.is_some_and(is_other_tier)),
        ("store", request.store == Some(true)),
        ("modelArmorConfig", request.model_armor_config.is_some()),
        (
            "generationConfig.mediaResolution",
            resolution.is_some_and(|it| *it != MediaResolution::Unspecified),
        ),
        (
            "toolConfig.retrievalConfig",
            tools.is_some_and(|tools| tools.retrieval_config.is_some()),
        ),
        (
            "toolConfig.includeServerSideToolInvocations",
            tools.and_then(|tools| tools.include_server_side_tool_invocations) == Some(true),
        ),
        (
            "toolConfig.functionCallingConfig.streamFunctionCallArguments",
            calling.and_then(|calling| calling.stream_function_call_arguments) == Some(true),
        ),
        (
            "functionDeclarations.behavior",
            behaviors.any(is_other_behavior),
        ),
    ]
}

/// Returns the members without a field in this version, such as misspelt ones, with the path in front of their names.
fn unknown_members(
    request: &GenerateContentRequest,
) -> impl Iterator<Item = (&'static str, &Unknown)> {
    let config = request.generation_config.as_deref();
    let thinking = config.and_then(|config| config.thinking_config.as_deref());
    let tools = request.tool_config.as_ref();
    let calling = tools.and_then(|tools| tools.function_calling_config.as_ref());
    let messages = [
        ("", Some(&request.unknown)),
        ("generationConfig.", config.map(|it| &it.unknown)),
        (
            "generationConfig.thinkingConfig.",
            thinking.map(|it| &it.unknown),
        ),
        ("toolConfig.", tools.map(|it| &it.unknown)),
        (
            "toolConfig.functionCallingConfig.",
            calling.map(|it| &it.unknown),
        ),
    ];
    let messages = messages.into_iter();
    let declarations = declarations(request).map(|it| ("functionDeclarations.", &it.unknown));
    messages
        .filter_map(|(path, unknown)| Some((path, unknown?)))
        .chain(declarations)
}

fn declarations(request: &GenerateContentRequest) -> impl Iterator<Item = &FunctionDeclaration> {
    let tools = request.tools.iter();
    tools.flat_map(|tool| &tool.function_declarations)
}

#[cfg(test)]
mod tests {
    use generativeai::__private::{CONFIG_MEMBERS, REQUEST_MEMBERS};

    /// A member that is neither followed nor rejected would be dropped without a sign: the caller set it, and nothing
    /// reports it. If this fails, handle the new member, then add it to the list.
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
