//! Conversion of function declarations, and of the functions that the model may or must call.

use generativeai::Result;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::tools::{
    Behavior, FunctionCallingConfig, FunctionCallingMode, FunctionDeclaration,
};
use serde_json::{Value, json};

use super::config::is_strict;
use super::unsupported::absent;
use crate::error::refused;

/// Writes `tools` and `tool_choice` into a body.
pub(super) fn write(request: &GenerateContentRequest, body: &mut Value) -> Result<()> {
    let config = request.tool_config.as_ref();
    let config = config.and_then(|config| config.function_calling_config.as_ref());
    let nothing = FunctionCallingConfig::default();
    let config = config.unwrap_or(&nothing);
    let declarations = request
        .tools
        .iter()
        .flat_map(|tool| &tool.function_declarations);
    let mut declared: Vec<&FunctionDeclaration> = declarations.collect();
    let allowed = &config.allowed_function_names;
    if let Some(unknown) = allowed.iter().find(|name| {
        !declared
            .iter()
            .any(|function| function.name.as_ref() == Some(name))
    }) {
        return Err(refused(format!(
            "toolConfig.functionCallingConfig.allowedFunctionNames contains `{unknown}`, which is not declared"
        )));
    }
    if !allowed.is_empty() {
        // `tool_choice` can name at most one function. To allow several, only these are declared.
        declared.retain(|function| {
            function
                .name
                .as_ref()
                .is_some_and(|name| allowed.contains(name))
        });
    }
    let is_validated = config.mode == Some(FunctionCallingMode::Validated);
    let tools: Result<Vec<Value>> = declared
        .iter()
        .map(|function| tool(function, is_validated))
        .collect();
    let tools = tools?;
    let choice = choice(config.mode.as_ref())?;
    if tools.is_empty() {
        return match choice {
            Some("required") => Err(refused(
                "toolConfig.functionCallingConfig.mode is ANY, but no function is declared",
            )),
            _ => Ok(()),
        };
    }
    body["tools"] = tools.into();
    if let Some(choice) = choice {
        body["tool_choice"] = choice.into();
    }
    Ok(())
}

/// Returns the value of `tool_choice`. `VALIDATED` is `auto` here: the validation is `strict` in each declaration.
fn choice(mode: Option<&FunctionCallingMode>) -> Result<Option<&'static str>> {
    Ok(match mode {
        None | Some(FunctionCallingMode::Unspecified) => None,
        Some(FunctionCallingMode::Auto | FunctionCallingMode::Validated) => Some("auto"),
        Some(FunctionCallingMode::Any) => Some("required"),
        Some(FunctionCallingMode::None) => Some("none"),
        Some(other) => {
            return Err(refused(format!(
                "toolConfig.functionCallingConfig.mode is {other}: use AUTO, ANY, VALIDATED or NONE"
            )));
        }
    })
}

/// Converts a declaration. With `is_validated` the server enforces the schema of the arguments, if strict mode allows
/// this schema.
fn tool(declaration: &FunctionDeclaration, is_validated: bool) -> Result<Value> {
    let name = declaration.name.as_deref().unwrap_or_default();
    let at = |member: &str| format!("{member} of the function `{name}`");
    if name.is_empty() {
        return Err(refused("a function declaration has no name"));
    }
    match &declaration.behavior {
        None | Some(Behavior::Unspecified | Behavior::Blocking) => {}
        Some(_) => return Err(absent(&at("behavior"))),
    }
    if let Some((member, _)) = declaration.unknown.iter().next() {
        return Err(absent(&at(member)));
    }
    let named = |error: generativeai::Error| error.with_context(at("the schema"));
    let parameters = match (&declaration.parameters, &declaration.parameters_json_schema) {
        (Some(_), Some(_)) => {
            return Err(refused(format!(
                "the function `{name}` has both parameters and parametersJsonSchema: remove one of them"
            )));
        }
        (Some(openapi), None) => openapi.to_json_schema().map_err(named)?,
        (None, Some(json)) => json.clone(),
        (None, None) => json!({"type": "object", "properties": {}}),
    };
    let result = match (&declaration.response, &declaration.response_json_schema) {
        (Some(openapi), _) => Some(openapi.to_json_schema().map_err(named)?),
        (None, json) => json.clone(),
    };
    let mut description = declaration.description.clone().unwrap_or_default();
    if let Some(result) = result {
        // The API of OpenAI has no schema of results, so the model reads it in the description.
        description.push_str(&format!("\n\nReturns JSON of this schema: {result}"));
    }
    let mut function = json!({"name": name, "parameters": parameters});
    if !description.is_empty() {
        function["description"] = description.trim_start().into();
    }
    if is_validated && is_strict(&parameters) {
        function["strict"] = true.into();
    }
    Ok(json!({"type": "function", "function": function}))
}
