//! Members of a request that the server does not support. A request that sets one is refused before it is sent.

use generativeai::Result;
use generativeai::protocol::Unknown;
use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::{Content, Part};
use generativeai::protocol::request::{GenerateContentRequest, ServiceTier};
use generativeai::protocol::tools::{Tool, ToolConfig};

use crate::capabilities::Capabilities;
use crate::error::refused;

/// Refuses a request that the server cannot express.
pub(super) fn check(request: &GenerateContentRequest, capabilities: &Capabilities) -> Result<()> {
    // `store: false` is accepted, since a server without storage does that anyway. Other neutral values, such as
    // `candidateCount: 1`, are accepted too.
    let is_plain = !capabilities.storage_and_tiers;
    let labels = request.labels.as_ref();
    let set = [
        ("cachedContent", request.cached_content.is_some()),
        ("labels", labels.is_some_and(|labels| !labels.is_empty())),
        ("continuationToken", request.continuation_token.is_some()),
        ("modelArmorConfig", request.model_armor_config.is_some()),
        ("store", is_plain && request.store == Some(true)),
        ("serviceTier", tier(request)?.is_some() && is_plain),
    ];
    refuse_first("", &set)?;
    refuse_unknown("", &request.unknown)?;
    for (at, setting) in request.safety_settings.iter().enumerate() {
        refuse_unknown(&format!("safetySettings[{at}]"), &setting.unknown)?;
        if let Some(threshold) = setting.threshold.as_ref().filter(|_| !setting.is_off()) {
            return Err(refused(format!(
                "safetySettings has the threshold {threshold}, but the server has no safety filter: \
                 use BLOCK_NONE or OFF"
            )));
        }
    }
    for (at, tool) in request.tools.iter().enumerate() {
        check_tool(at, tool)?;
    }
    if let Some(config) = &request.tool_config {
        check_tool_config(config)?;
    }
    let config = request.generation_config.as_deref();
    config.map_or(Ok(()), |config| check_config(config, capabilities))
}

/// Returns the name of the service tier in the API of OpenAI, where the standard tier is `default`.
pub(super) fn tier(request: &GenerateContentRequest) -> Result<Option<&'static str>> {
    Ok(match &request.service_tier {
        None | Some(ServiceTier::Unspecified) => None,
        Some(ServiceTier::Flex) => Some("flex"),
        Some(ServiceTier::Standard) => Some("default"),
        Some(ServiceTier::Priority) => Some("priority"),
        Some(other) => return Err(refused(format!("serviceTier is {other}, which is unknown"))),
    })
}

/// Refuses tools that run on Google's servers. Functions run in the program, so every server supports them.
fn check_tool(at: usize, tool: &Tool) -> Result<()> {
    // An unknown member may be a newer built-in tool, and the caller would not notice that it is missing.
    let unknown = tool.unknown.iter().next().map(|(name, _)| name.as_str());
    match tool.built_in_tool().or(unknown) {
        Some(name) => Err(absent(&format!("tools[{at}].{name}"))),
        None => Ok(()),
    }
}

fn check_tool_config(config: &ToolConfig) -> Result<()> {
    let invocations = config.include_server_side_tool_invocations;
    let calling = config.function_calling_config.as_ref();
    let streamed = calling.and_then(|calling| calling.stream_function_call_arguments);
    let streamed_name = "functionCallingConfig.streamFunctionCallArguments";
    let set = [
        ("retrievalConfig", config.retrieval_config.is_some()),
        (
            "includeServerSideToolInvocations",
            invocations == Some(true),
        ),
        (streamed_name, streamed == Some(true)),
    ];
    refuse_first("toolConfig", &set)?;
    refuse_unknown("toolConfig", &config.unknown)?;
    calling.map_or(Ok(()), |calling| {
        refuse_unknown("toolConfig.functionCallingConfig", &calling.unknown)
    })
}

fn check_config(config: &GenerationConfig, capabilities: &Capabilities) -> Result<()> {
    let several = config.candidate_count.is_some_and(|count| count > 1);
    let logprobs = config.response_logprobs == Some(true);
    let set = [
        (
            "candidateCount",
            several && !capabilities.several_candidates,
        ),
        ("topK", config.top_k.is_some() && !capabilities.top_k),
        ("responseLogprobs", logprobs && !capabilities.logprobs),
    ];
    refuse_first("generationConfig", &set)?;
    match config.non_text_member() {
        Some(name) => Err(absent(&format!("generationConfig.{name}"))),
        None => Ok(()),
    }
}

/// Refuses a content without parts, as the Gemini API does, and one with unknown members. A message in the format of
/// another API, such as `{"role": "user", "content": "Hi"}`, has no parts.
pub(crate) fn check_content(path: &str, content: &Content) -> Result<()> {
    if !content.parts.is_empty() {
        return refuse_unknown(path, &content.unknown);
    }
    Err(refused(match content.unknown.iter().next() {
        Some((name, _)) => {
            format!("{path} has no parts, but the unknown member `{name}`: use `parts`")
        }
        None => format!("{path}.parts is empty: add a part"),
    }))
}

/// Refuses members of a part that the server cannot express.
pub(crate) fn check_members(path: &str, part: &Part) -> Result<()> {
    let resolution = part.media_resolution.as_ref();
    let set = [
        ("videoMetadata", part.video_metadata.is_some()),
        ("mediaProcessing", part.media_processing.is_some()),
        (
            "mediaResolution.numTokens",
            resolution.is_some_and(|resolution| resolution.num_tokens.is_some()),
        ),
        ("speechMetadata", part.speech_metadata.is_some()),
        ("documentMetadata", part.document_metadata.is_some()),
        ("spreadsheetMetadata", part.spreadsheet_metadata.is_some()),
        ("audioMetadata", part.audio_metadata.is_some()),
    ];
    refuse_first(path, &set)?;
    if let Some(resolution) = resolution {
        refuse_unknown(&format!("{path}.mediaResolution"), &resolution.unknown)?;
    }
    refuse_unknown(path, &part.unknown)
}

/// Refuses the first member that is set. The path of the request itself is empty.
pub(super) fn refuse_first(path: &str, members: &[(&str, bool)]) -> Result<()> {
    match members.iter().find(|(_, is_set)| *is_set) {
        Some((name, _)) => Err(absent_member(path, name)),
        None => Ok(()),
    }
}

/// Refuses the first member without a field in this version: it is not sent, and the caller would not notice.
pub(crate) fn refuse_unknown(path: &str, unknown: &Unknown) -> Result<()> {
    match unknown.iter().next() {
        Some((name, _)) => Err(absent_member(path, name)),
        None => Ok(()),
    }
}

fn absent_member(path: &str, name: &str) -> generativeai::Error {
    match path {
        "" => absent(name),
        path => absent(&format!("{path}.{name}")),
    }
}

/// Creates the error for a member that the server does not have.
pub(super) fn absent(path: &str) -> generativeai::Error {
    refused(format!(
        "{path} is set, which the server does not have: remove it"
    ))
}
