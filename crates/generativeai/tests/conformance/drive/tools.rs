//! Tools and functions of a scenario, converted to the types of the library.

use std::sync::{Arc, Mutex, PoisonError};

use generativeai::protocol::tools::{
    CodeExecution, FunctionDeclaration, GoogleSearchRetrieval, Tool,
};
use generativeai::{Error, ErrorKind, Function, Toolbox};
use serde_json::{Value, json};

use super::input::{Unwritable, Written};
use crate::functions;
use crate::normal::canonical;
use crate::scenario::{Scenario, untyped};

/// Calls of functions, in the order they ran.
#[derive(Clone, Default)]
pub(super) struct Calls(Arc<Mutex<Vec<Value>>>);

impl Calls {
    pub(super) fn all(&self) -> Vec<Value> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Adds a call. Returns the number of earlier calls of the function.
    fn add(&self, name: &str, args: Value) -> usize {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = calls.iter().filter(|call| call["name"] == name).count();
        calls.push(canonical(&json!({"name": name, "args": args})));
        before
    }
}

/// Converts the tools of a model or a message.
pub(super) fn toolbox(value: &Value, scenario: &Scenario, calls: &Calls) -> Written<Toolbox> {
    let given: Vec<&Value> = match value {
        Value::Array(tools) => tools.iter().collect(),
        one => vec![one],
    };
    let mut toolbox = Toolbox::default();
    for tool in given {
        toolbox = add(toolbox, tool, scenario, calls)?;
    }
    Ok(toolbox)
}

fn add(toolbox: Toolbox, tool: &Value, scenario: &Scenario, calls: &Calls) -> Written<Toolbox> {
    let is_typed = tool.get("$proto").is_some();
    let value = if is_typed { &tool["value"] } else { tool };
    if let Some(word) = value.as_str() {
        return match word.to_lowercase().as_str() {
            "code_execution" => Ok(toolbox.tool(CodeExecution::default())),
            "google_search_retrieval" => Ok(toolbox.tool(GoogleSearchRetrieval::default())),
            _ => Err(Unwritable),
        };
    }
    match tool["$proto"].as_str() {
        Some("CodeExecution") => return Ok(toolbox.tool(CodeExecution::default())),
        Some("GoogleSearchRetrieval") => {
            let search: GoogleSearchRetrieval =
                serde_json::from_value(value.clone()).map_err(|_| Unwritable)?;
            return Ok(toolbox.tool(search));
        }
        _ => {}
    }
    let declared = match value.get("$list") {
        Some(list) => list.clone(),
        None if tool["$proto"] == "FunctionDeclaration"
            || value.get("name").is_some()
            || value.get("$callable").is_some() =>
        {
            json!([value])
        }
        None => value
            .get("functionDeclarations")
            .cloned()
            .unwrap_or_else(|| json!([])),
    };
    let declared = declared.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_called = |one: &Value| {
        let declaration = plain(one, scenario);
        let name = declaration["name"].as_str().unwrap_or_default();
        let is_only_declared = is_typed || one.get("$proto").is_some();
        !is_only_declared && scenario.functions.contains_key(name)
    };
    let has_functions = declared.iter().any(is_called);
    let (mut toolbox, mut declarations) = (toolbox, Vec::new());
    for one in declared {
        let declaration = declaration(&plain(one, scenario))?;
        toolbox = if is_called(one) {
            toolbox.function(function(declaration, scenario, calls))
        } else if has_functions {
            toolbox.tool(declaration)
        } else {
            declarations.push(declaration);
            toolbox
        };
    }
    let mut rest = value.clone();
    if let Some(members) = rest.as_object_mut() {
        members.retain(|name, _| {
            !matches!(
                name.as_str(),
                "functionDeclarations"
                    | "$list"
                    | "$callable"
                    | "name"
                    | "description"
                    | "parameters"
                    | "response"
            )
        });
        if let Some(Value::String(mode)) = members
            .get_mut("googleSearchRetrieval")
            .and_then(|search| search.get_mut("dynamicRetrievalConfig"))
            .and_then(|config| config.get_mut("mode"))
        {
            *mode = format!("MODE_{}", mode.to_uppercase().trim_start_matches("MODE_"));
        }
    }
    let rest: Tool = serde_json::from_value(rest).map_err(|_| Unwritable)?;
    let rest = rest.function_declarations(declarations);
    Ok(if has_functions && rest == Tool::default() {
        toolbox
    } else {
        toolbox.tool(rest)
    })
}

/// Returns a declaration as the service expects it, including those for Python functions.
fn plain(value: &Value, scenario: &Scenario) -> Value {
    match value["$callable"].as_str() {
        Some(name) => crate::model::python_function(name, &scenario.functions[name]),
        None => untyped(value),
    }
}

fn declaration(value: &Value) -> Written<FunctionDeclaration> {
    serde_json::from_value(value.clone()).map_err(|_| Unwritable)
}

fn function(declaration: FunctionDeclaration, scenario: &Scenario, calls: &Calls) -> Function {
    let name = declaration.name.clone().unwrap_or_default();
    let script = scenario.functions.get(&name).cloned().unwrap_or_default();
    let calls = calls.clone();
    Function::from_declaration(declaration, move |args| {
        let before = calls.add(&name, Value::Object(args));
        let outcome = functions::outcome(&script, before)
            .map_err(|message| Error::new(ErrorKind::Function, message));
        async move { outcome }
    })
}
