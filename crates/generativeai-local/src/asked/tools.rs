//! The functions a model may call, and how it is told of them.

use std::fmt::Write as _;

use generativeai::Result;
use generativeai::protocol::tools::{FunctionCallingMode, FunctionDeclaration, Tool, ToolConfig};
use serde_json::{Value, json};

use crate::grammar::schema;
use crate::refusal::invalid;

/// What stands before and after a call in the model's words.
pub(crate) const CALL_BEGIN: &str = "<tool_call>";
pub(crate) const CALL_END: &str = "</tool_call>";

/// The functions at hand, and when they are called.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    pub(crate) functions: Vec<Function>,
    pub(crate) mode: Mode,
}

/// A function that can be called.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    description: String,
    /// The JSON Schema of its arguments: an object.
    pub(crate) arguments: Value,
}

/// When functions are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Never.
    #[default]
    Never,
    /// When the model likes to.
    Freely,
    /// Always: the reply is a call.
    Always,
}

impl Tools {
    pub(crate) fn read(tools: &[Tool], config: Option<&ToolConfig>) -> Result<Self> {
        let mut functions = Vec::new();
        for (at, tool) in tools.iter().enumerate() {
            check_builtin(at, tool)?;
            for declaration in &tool.function_declarations {
                let function = Function::read(declaration)?;
                if functions
                    .iter()
                    .any(|other: &Function| other.name == function.name)
                {
                    return Err(invalid(format!(
                        "function `{}` is declared twice",
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
                Mode::Freely
            }
            Some(FunctionCallingMode::Validated) => Mode::Freely,
            Some(FunctionCallingMode::Any) => Mode::Always,
            Some(FunctionCallingMode::None) => Mode::Never,
            Some(other) => {
                return Err(invalid(format!(
                    "functionCallingConfig.mode cannot be {other:?}"
                )));
            }
        };
        if let Some(unknown) = allowed
            .iter()
            .find(|&name| !functions.iter().any(|function| function.name == *name))
        {
            return Err(invalid(format!(
                "allowedFunctionNames has `{unknown}`, which is not declared"
            )));
        }
        if !allowed.is_empty() {
            functions.retain(|function| allowed.contains(&function.name));
        }
        if mode == Mode::Always && functions.is_empty() {
            return Err(invalid(
                "functionCallingConfig.mode is ANY, and no function is declared",
            ));
        }
        let mode = if functions.is_empty() {
            Mode::Never
        } else {
            mode
        };
        if mode == Mode::Never {
            functions.clear();
        }
        Ok(Self { functions, mode })
    }

    /// What the model is told of its functions.
    pub(super) fn manual(&self) -> Option<String> {
        if self.mode == Mode::Never {
            return None;
        }
        let mut manual = "You can call these functions:\n<tools>\n".to_owned();
        for Function {
            name,
            description,
            arguments,
        } in &self.functions
        {
            let function =
                json!({ "name": name, "description": description, "parameters": arguments });
            let told = json!({ "type": "function", "function": function });
            writeln!(manual, "{told}").expect("a string can always grow");
        }
        let how = match self.mode {
            Mode::Always => "Answer with one call",
            _ => "When a function helps to answer, call it",
        };
        write!(
            manual,
            "</tools>\n{how}, with its name and arguments as JSON, in this form:\n\
             {CALL_BEGIN}\n{{\"name\": <name>, \"arguments\": <arguments>}}\n{CALL_END}"
        )
        .expect("a string can always grow");
        Some(manual)
    }
}

impl Function {
    fn read(declaration: &FunctionDeclaration) -> Result<Self> {
        let name = declaration.name.clone().unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
        if name.is_empty() || name.len() > 128 || !name.chars().all(plain) {
            return Err(invalid(format!(
                "function name {name:?} must have 1 to 128 letters, digits, or any of _ - . :"
            )));
        }
        let arguments = match (&declaration.parameters, &declaration.parameters_json_schema) {
            (Some(_), Some(_)) => {
                return Err(invalid(format!(
                    "function `{name}` has both parameters and parametersJsonSchema: name one"
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

/// Refuses the tools that only the service has.
fn check_builtin(at: usize, tool: &Tool) -> Result<()> {
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
    match builtin.iter().find(|(_, asked)| *asked) {
        Some((name, _)) => Err(invalid(format!(
            "tools[{at}].{name}: the embedded model has no such tool"
        ))),
        None => Ok(()),
    }
}
