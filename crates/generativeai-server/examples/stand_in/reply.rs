//! Contents of the stand-in's replies.

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::content::{Data, FunctionCall, Part};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::tools::{FunctionCallingMode, FunctionDeclaration};
use generativeai::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use crate::instance::instance;

/// Reply to a message that contains "markdown": every construct that the playground draws, and HTML that it must show
/// as text.
const MARKDOWN: &str = include_str!("markdown.md");

/// Returns the parts of the reply, one per chunk. The first rule that applies:
///
/// 1. A function response is repeated.
/// 2. A function is called if the mode is `ANY`, or if the message contains its name.
/// 3. A response schema is filled in.
/// 4. A message that contains "markdown" gets [`MARKDOWN`].
/// 5. The message is repeated with the system instruction, its attachments, and the number of contents
///    before it; after a thought if the message contains "think".
pub(crate) fn reply_parts(request: &GenerateContentRequest) -> Result<Vec<Part>> {
    let config = request.generation_config.clone().unwrap_or_default();
    let temperature = config.temperature.unwrap_or(1.0);
    if !(0.0..=2.0).contains(&temperature) {
        let message = "`temperature` must be from 0 to 2";
        return Err(Error::new(ErrorKind::Request, message));
    }
    if let Some(response) = function_response(request) {
        let response = response.to_string();
        return Ok(["The function says ", &response].map(Part::text).into());
    }
    if let Some(call) = function_call(request) {
        return Ok(vec![call.into()]);
    }
    if let Some(schema) = response_schema(&config)? {
        return Ok(vec![Part::text(instance(&schema).to_string())]);
    }
    let message = last_text(request);
    if message.contains("markdown") {
        return Ok(words(MARKDOWN));
    }
    let mut parts = Vec::new();
    if message.contains("think") {
        let thoughts = words("The user wants me to think.").into_iter();
        parts.extend(thoughts.map(|part| part.thought(true)));
    }
    parts.extend(words(&echo(request, &message)));
    Ok(parts)
}

/// Returns the text of the last content.
pub(crate) fn last_text(request: &GenerateContentRequest) -> String {
    last_parts(request)
        .iter()
        .filter_map(Part::as_text)
        .collect()
}

fn last_parts(request: &GenerateContentRequest) -> &[Part] {
    let last = request.contents.last();
    last.map_or(&[], |content| content.parts.as_slice())
}

/// Repeats the message with the instruction, the attachments and the number of earlier contents. Tests check by it
/// which parts of a request arrived.
fn echo(request: &GenerateContentRequest, message: &str) -> String {
    let instruction = request.system_instruction.iter();
    let instruction: String = instruction
        .flat_map(|content| &content.parts)
        .filter_map(Part::as_text)
        .collect();
    let attachments: String = last_parts(request)
        .iter()
        .filter_map(|part| match &part.data {
            Some(Data::InlineData(blob)) => blob.mime_type.as_deref(),
            _ => None,
        })
        .map(|mime_type| format!(" with {mime_type}"))
        .collect();
    let before = request.contents.len().saturating_sub(1);
    let text = format!("{instruction} You said: {message}{attachments} ({before} before)");
    text.trim().to_owned()
}

fn words(text: &str) -> Vec<Part> {
    text.split_inclusive(' ').map(Part::text).collect()
}

fn function_response(request: &GenerateContentRequest) -> Option<Value> {
    last_parts(request)
        .iter()
        .find_map(|part| match &part.data {
            Some(Data::FunctionResponse(response)) => Some(json!(response.response)),
            _ => None,
        })
}

/// Returns a call of the first function that the message or the mode asks for, with the simplest arguments.
fn function_call(request: &GenerateContentRequest) -> Option<FunctionCall> {
    let config = request.tool_config.as_ref();
    let config = config.and_then(|config| config.function_calling_config.as_ref());
    let mode = config.and_then(|config| config.mode.clone());
    let allowed = config.map_or(&[][..], |config| &config.allowed_function_names);
    let message = last_text(request);
    let is_called = |function: &FunctionDeclaration| {
        let name = function.name.clone().unwrap_or_default();
        match mode {
            Some(FunctionCallingMode::Any) => allowed.is_empty() || allowed.contains(&name),
            Some(FunctionCallingMode::None) => false,
            _ => message.contains(&name),
        }
    };
    let mut functions = request
        .tools
        .iter()
        .flat_map(|tool| &tool.function_declarations);
    let function = functions.find(|function| is_called(function))?;
    let schema = match &function.parameters_json_schema {
        Some(schema) => schema.clone(),
        None => json!(function.parameters),
    };
    let arguments = instance(&schema).as_object().cloned().unwrap_or_default();
    let name = function.name.clone().unwrap_or_default();
    Some(FunctionCall::new(name, arguments))
}

fn response_schema(config: &GenerationConfig) -> Result<Option<Value>> {
    if let Some(schema) = &config.response_json_schema {
        return Ok(Some(schema.clone()));
    }
    let Some(schema) = &config.response_schema else {
        return Ok(None);
    };
    serde_json::to_value(schema).map(Some).map_err(|error| {
        Error::new(ErrorKind::Request, "the schema is not JSON").with_source(error)
    })
}
