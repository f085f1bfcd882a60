//! Rejects members of a request that the embedded model does not support, and ignores settings that it cannot follow.

use generativeai::Result;
use generativeai::protocol::Unknown;
use generativeai::protocol::config::{GenerationConfig, MediaResolution};
use generativeai::protocol::request::{GenerateContentRequest, ServiceTier};
use generativeai::protocol::safety::SafetySetting;
use generativeai::protocol::tools::{Behavior, FunctionDeclaration, ToolConfig};

use crate::error::{invalid_argument, not_found};
use crate::ignored::IgnoredSettings;

/// Most characters of an unknown name that a message contains. Clients choose the names.
const MAX_NAME: usize = 64;

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
    let ignore = Ignore(ignored);
    let tier = request.service_tier.as_ref();
    let is_other_tier = |tier| !matches!(tier, &ServiceTier::Unspecified | &ServiceTier::Standard);
    ignore.known(
        "",
        &[
            (
                "safetySettings",
                !request.safety_settings.iter().all(SafetySetting::is_off),
            ),
            (
                "labels",
                request.labels.as_ref().is_some_and(|it| !it.is_empty()),
            ),
            ("serviceTier", tier.is_some_and(is_other_tier)),
            ("store", request.store == Some(true)),
            ("modelArmorConfig", request.model_armor_config.is_some()),
        ],
    )?;
    ignore.unknown("", &request.unknown)?;
    if let Some(config) = &request.generation_config {
        ignore.in_config(config)?;
    }
    if let Some(config) = &request.tool_config {
        ignore.in_tool_config(config)?;
    }
    let tools = request.tools.iter();
    tools
        .flat_map(|tool| &tool.function_declarations)
        .try_for_each(|declaration| ignore.in_declaration(declaration))
}

/// Ignores settings by their names.
struct Ignore<'a>(&'a IgnoredSettings);

impl Ignore<'_> {
    fn in_config(&self, config: &GenerationConfig) -> Result<()> {
        let path = "generationConfig.";
        let resolution = config.media_resolution.as_ref();
        let is_set = resolution.is_some_and(|it| *it != MediaResolution::Unspecified);
        self.known(path, &[("mediaResolution", is_set)])?;
        self.unknown(path, &config.unknown)?;
        match &config.thinking_config {
            Some(thinking) => self.unknown("generationConfig.thinkingConfig.", &thinking.unknown),
            None => Ok(()),
        }
    }

    fn in_tool_config(&self, config: &ToolConfig) -> Result<()> {
        let path = "toolConfig.";
        let invocations = config.include_server_side_tool_invocations;
        self.known(
            path,
            &[
                ("retrievalConfig", config.retrieval_config.is_some()),
                (
                    "includeServerSideToolInvocations",
                    invocations == Some(true),
                ),
            ],
        )?;
        self.unknown(path, &config.unknown)?;
        let Some(calling) = &config.function_calling_config else {
            return Ok(());
        };
        let path = "toolConfig.functionCallingConfig.";
        let streamed = calling.stream_function_call_arguments == Some(true);
        self.known(path, &[("streamFunctionCallArguments", streamed)])?;
        self.unknown(path, &calling.unknown)
    }

    fn in_declaration(&self, declaration: &FunctionDeclaration) -> Result<()> {
        let path = "functionDeclarations.";
        let behavior = declaration.behavior.as_ref();
        let is_other = |behavior| !matches!(behavior, &Behavior::Unspecified | &Behavior::Blocking);
        self.known(path, &[("behavior", behavior.is_some_and(is_other))])?;
        self.unknown(path, &declaration.unknown)
    }

    /// Ignores the members that are set.
    fn known(&self, path: &str, members: &[(&str, bool)]) -> Result<()> {
        let mut set = members.iter().filter(|(_, is_set)| *is_set);
        set.try_for_each(|(name, _)| {
            let reason = format!("{path}{name}: the embedded model does not have this setting");
            self.0.ignore(reason)
        })
    }

    /// Ignores the members without a field in this version, such as a misspelt one.
    fn unknown(&self, path: &str, unknown: &Unknown) -> Result<()> {
        let mut set = unknown.iter().filter(|(_, value)| !value.is_null());
        set.try_for_each(|(name, _)| {
            let name: String = name.escape_debug().take(MAX_NAME).collect();
            self.0.ignore(format!("{path}{name} is unknown"))
        })
    }
}
