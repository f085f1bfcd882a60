//! Parses function declarations, and writes the instructions that explain them to the model.

use std::fmt::Write as _;

use generativeai::Result;
use generativeai::protocol::tools::{FunctionCallingMode, FunctionDeclaration, Tool, ToolConfig};
use serde_json::{Value, json};

use crate::error::invalid_argument;
use crate::schema;

/// Text before a function call in a reply.
pub(crate) const CALL_BEGIN: &str = "<tool_call>";
/// Text after a function call in a reply.
pub(crate) const CALL_END: &str = "</tool_call>";

/// Functions that may be called, and whether they must be.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    pub(crate) functions: Vec<Function>,
    pub(crate) mode: CallingMode,
}

/// A declared function.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    description: String,
    /// JSON Schema of its arguments.
    pub(crate) arguments: Value,
}

/// Whether a reply may or must call functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CallingMode {
    /// The reply is text.
    #[default]
    None,
    /// The model decides.
    Auto,
    /// The reply is a call.
    Any,
}

impl Tools {
    pub(crate) fn parse(tools: &[Tool], config: Option<&ToolConfig>) -> Result<Self> {
        let mut functions = Vec::new();
        for (index, tool) in tools.iter().enumerate() {
            reject_builtin(index, tool)?;
            for declaration in &tool.function_declarations {
                let function = Function::parse(declaration)?;
                if functions
                    .iter()
                    .any(|other: &Function| other.name == function.name)
                {
                    return Err(invalid_argument(format!(
                        "function `{}` is declared twice: rename one of them",
                        function.name
                    )));
                }
                functions.push(function);
            }
        }
        let config = config.and_then(|config| config.function_calling_config.as_ref());
        let allowed = config.map_or(&[][..], |config| &config.allowed_function_names);
        let mode = match config.and_then(|config| config.mode.as_ref()) {
            None | Some(FunctionCallingMode::Unspecified | FunctionCallingMode::Auto) => {
                CallingMode::Auto
            }
            Some(FunctionCallingMode::Validated) => CallingMode::Auto,
            Some(FunctionCallingMode::Any) => CallingMode::Any,
            Some(FunctionCallingMode::None) => CallingMode::None,
            Some(other) => {
                return Err(invalid_argument(format!(
                    "functionCallingConfig.mode is {other}: use AUTO, ANY, VALIDATED or NONE"
                )));
            }
        };
        if let Some(unknown) = allowed
            .iter()
            .find(|&name| !functions.iter().any(|function| function.name == *name))
        {
            return Err(invalid_argument(format!(
                "allowedFunctionNames contains `{unknown}`, which is not declared"
            )));
        }
        if !allowed.is_empty() {
            functions.retain(|function| allowed.contains(&function.name));
        }
        if mode == CallingMode::Any && functions.is_empty() {
            return Err(invalid_argument(
                "functionCallingConfig.mode is ANY, but no function is declared",
            ));
        }
        let mode = if functions.is_empty() {
            CallingMode::None
        } else {
            mode
        };
        if mode == CallingMode::None {
            functions.clear();
        }
        Ok(Self { functions, mode })
    }

    /// Returns the instructions for the model; `None` if it may not call functions.
    pub(super) fn instructions(&self) -> Option<String> {
        if self.mode == CallingMode::None {
            return None;
        }
        let mut text = "You can call these functions:\n<tools>\n".to_owned();
        for Function {
            name,
            description,
            arguments,
        } in &self.functions
        {
            let function =
                json!({ "name": name, "description": description, "parameters": arguments });
            let tool = json!({ "type": "function", "function": function });
            writeln!(text, "{tool}").expect("writing to a string cannot fail");
        }
        let how = match self.mode {
            CallingMode::Any => "Answer with one call",
            _ => "When a function helps to answer, call it",
        };
        write!(
            text,
            "</tools>\n{how}, with its name and arguments as JSON, in this form:\n\
             {CALL_BEGIN}\n{{\"name\": <name>, \"arguments\": <arguments>}}\n{CALL_END}"
        )
        .expect("writing to a string cannot fail");
        Some(text)
    }
}

impl Function {
    fn parse(declaration: &FunctionDeclaration) -> Result<Self> {
        let name = declaration.name.clone().unwrap_or_default();
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
        if name.is_empty() || name.len() > 128 || !name.chars().all(is_allowed) {
            return Err(invalid_argument(format!(
                "function name {name:?} is invalid: use 1 to 128 letters, digits, or any of _ - . :"
            )));
        }
        let arguments = match (&declaration.parameters, &declaration.parameters_json_schema) {
            (Some(_), Some(_)) => {
                return Err(invalid_argument(format!(
                    "function `{name}` has both parameters and parametersJsonSchema: remove one of them"
                )));
            }
            (Some(parameters), None) => schema::from_openapi(parameters)?,
            (None, Some(parameters)) => parameters.clone(),
            (None, None) => json!({ "type": "object", "properties": {} }),
        };
        let description = declaration.description.clone().unwrap_or_default();
        Ok(Self {
            name,
            description,
            arguments,
        })
    }
}

/// Rejects tools that only the service has.
fn reject_builtin(index: usize, tool: &Tool) -> Result<()> {
    let builtin = [
        (
            "googleSearchRetrieval",
            tool.google_search_retrieval.is_some(),
        ),
        ("googleSearch", tool.google_search.is_some()),
        ("codeExecution", tool.code_execution.is_some()),
        ("computerUse", tool.computer_use.is_some()),
        ("urlContext", tool.url_context.is_some()),
        ("fileSearch", tool.file_search.is_some()),
        ("googleMaps", tool.google_maps.is_some()),
        ("mcpServers", !tool.mcp_servers.is_empty()),
    ];
    match builtin.iter().find(|(_, is_set)| *is_set) {
        Some((name, _)) => Err(invalid_argument(format!(
            "tools[{index}].{name} is not supported by the embedded model: remove it"
        ))),
        None => Ok(()),
    }
}
