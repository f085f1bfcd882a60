//! Parses function declarations, and whether functions may or must be called.

use generativeai::Result;
use generativeai::protocol::tools::{FunctionCallingMode, FunctionDeclaration, Tool, ToolConfig};
use serde_json::json;

use crate::conversation::Function;
use crate::error::invalid_argument;
use crate::ignored::IgnoredSettings;
use crate::schema::{self, Schema};

/// Functions that a reply may call, and whether it must call one.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    pub(crate) functions: Vec<DeclaredFunction>,
    pub(crate) mode: CallingMode,
}

/// A declared function with the compiled schema of its arguments.
#[derive(Debug)]
pub(crate) struct DeclaredFunction {
    pub(crate) function: Function,
    pub(crate) arguments: Schema,
}

/// Mode of function calls: whether a reply may or must call functions.
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
    /// Returns whether the reply may call functions.
    pub(crate) fn may_call(&self) -> bool {
        self.mode != CallingMode::None
    }

    /// Parses the tools of a request.
    ///
    /// # Errors
    ///
    /// 400 for a tool that the embedded model does not have, an invalid declaration, and a configuration
    /// that names an unknown function or mode.
    pub(crate) fn parse(
        tools: &[Tool],
        config: Option<&ToolConfig>,
        ignored: &IgnoredSettings,
    ) -> Result<Self> {
        let config = config.and_then(|config| config.function_calling_config.as_ref());
        // `VALIDATED` is `AUTO` with calls that match their schemas. The grammar constrains calls in either mode.
        let mode = match config.and_then(|config| config.mode.as_ref()) {
            None
            | Some(
                FunctionCallingMode::Unspecified
                | FunctionCallingMode::Auto
                | FunctionCallingMode::Validated,
            ) => CallingMode::Auto,
            Some(FunctionCallingMode::Any) => CallingMode::Any,
            Some(FunctionCallingMode::None) => CallingMode::None,
            Some(other) => {
                return Err(invalid_argument(format!(
                    "toolConfig.functionCallingConfig.mode is {other}: use AUTO, ANY, VALIDATED or NONE"
                )));
            }
        };
        let allowed = config.map_or(&[][..], |config| &config.allowed_function_names);
        let mut functions = functions(tools, ignored)?;
        let is_declared = |name: &String| functions.iter().any(|it| it.function.name == *name);
        if let Some(unknown) = allowed.iter().find(|name| !is_declared(name)) {
            return Err(invalid_argument(format!(
                "toolConfig.functionCallingConfig.allowedFunctionNames contains `{unknown}`, which is \
                 not declared"
            )));
        }
        if !allowed.is_empty() {
            functions.retain(|it| allowed.contains(&it.function.name));
        }
        match mode {
            CallingMode::Any if functions.is_empty() => Err(invalid_argument(
                "toolConfig.functionCallingConfig.mode is ANY, but no function is declared",
            )),
            CallingMode::None => Ok(Self::default()),
            _ if functions.is_empty() => Ok(Self::default()),
            mode => Ok(Self { functions, mode }),
        }
    }
}

/// Parses the declarations of all tools. Their names must be unique, since a call refers to its
/// function by name only.
fn functions(tools: &[Tool], ignored: &IgnoredSettings) -> Result<Vec<DeclaredFunction>> {
    let mut functions: Vec<DeclaredFunction> = Vec::new();
    for (index, tool) in tools.iter().enumerate() {
        reject_builtin(index, tool)?;
        for (at, declaration) in tool.function_declarations.iter().enumerate() {
            let path = format!("tools[{index}].functionDeclarations[{at}]");
            let function = parse_function(declaration, &path, ignored)?;
            let name = &function.function.name;
            if functions.iter().any(|other| other.function.name == *name) {
                return Err(invalid_argument(format!(
                    "function `{name}` is declared twice: rename one of them"
                )));
            }
            for pointer in &function.arguments.left_out {
                ignored.ignore(format!(
                    "function `{name}`: {pointer} of its parameters cannot be enforced; calls are checked \
                     against it"
                ))?;
            }
            functions.push(function);
        }
    }
    Ok(functions)
}

/// Parses one declaration. `path` is its place in the request.
fn parse_function(
    declaration: &FunctionDeclaration,
    path: &str,
    ignored: &IgnoredSettings,
) -> Result<DeclaredFunction> {
    let name = declaration.name.clone().unwrap_or_default();
    // The characters and the length that the API allows. Without quotes and brackets, a name cannot break out of the
    // text form of a call, and cannot contain a control token such as `<|im_end|>`.
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    if name.is_empty() || name.len() > 128 || !name.chars().all(is_allowed) {
        return Err(invalid_argument(format!(
            "{path}.name is {name:?}: use 1 to 128 letters, digits, or any of _ - . :"
        )));
    }
    let openapi = declaration.parameters.as_ref();
    let json = declaration.parameters_json_schema.as_ref();
    let json = json.filter(|schema| !schema.is_null());
    let (member, parameters) = match (openapi, json) {
        (Some(_), Some(_)) => {
            return Err(invalid_argument(format!(
                "function `{name}` has both parameters and parametersJsonSchema: remove one of them"
            )));
        }
        (Some(parameters), None) => {
            let path = format!("function `{name}`: parameters");
            (
                "parameters",
                schema::from_openapi(parameters, &path, ignored)?,
            )
        }
        (None, Some(parameters)) => ("parametersJsonSchema", parameters.clone()),
        (None, None) => ("parameters", json!({ "type": "object", "properties": {} })),
    };
    let path_of_schema = format!("function `{name}`: {member}");
    let arguments = Schema::compile_arguments(&parameters, &path_of_schema)?;
    let function = Function {
        name,
        description: declaration.description.clone().unwrap_or_default(),
        parameters: arguments.declared.clone(),
    };
    Ok(DeclaredFunction {
        function,
        arguments,
    })
}

/// Rejects tools that only the service has. Ignoring them would change the reply without notice, such as an answer that
/// is not grounded in a search.
fn reject_builtin(index: usize, tool: &Tool) -> Result<()> {
    // An unknown member may be a newer built-in tool.
    let unknown = tool.unknown.iter().next().map(|(name, _)| name.as_str());
    match tool.built_in_tool().or(unknown) {
        Some(name) => Err(invalid_argument(format!(
            "tools[{index}].{name} is not supported by the embedded model: remove it"
        ))),
        None => Ok(()),
    }
}
