//! Tools, converted from the inputs of the recordings.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::input::odd;
use super::known;
use crate::fault;
use crate::rows::{Row, Rows};
use crate::scenario::{Scenario, untyped};

/// Tools of a model or a message.
#[derive(Clone, Default)]
pub(super) struct Tools {
    /// Tools in a request.
    pub(super) sent: Vec<Value>,
    declared: HashSet<String>,
    callable: HashSet<String>,
}

impl Tools {
    /// Returns whether calls of a name are returned to the caller.
    pub(super) fn only_declares(&self, name: &str) -> bool {
        self.declared.contains(name) && !self.callable.contains(name)
    }

    pub(super) fn calls(&self, name: &str) -> bool {
        self.callable.contains(name)
    }

    pub(super) fn has_functions(&self) -> bool {
        !self.callable.is_empty()
    }

    /// Converts tools, or returns `None` if there are none.
    pub(super) fn read(
        value: &Value,
        scenario: &Scenario,
        rows: &Rows,
    ) -> Result<Option<Self>, Value> {
        let given: Vec<&Value> = match value {
            Value::Null => return Ok(None),
            Value::Array(tools) => tools.iter().collect(),
            one => vec![one],
        };
        let mut tools = Self::default();
        for tool in given {
            let tool = tools.one(tool, scenario, rows)?;
            tools.add(tool, rows);
        }
        let names = tools
            .sent
            .iter()
            .flat_map(declarations)
            .map(|one| one["name"].to_string());
        let mut seen = HashSet::new();
        if !names.into_iter().all(|name| seen.insert(name)) {
            return Err(fault::request());
        }
        tools.merge(value.is_array(), rows);
        Ok(Some(tools))
    }

    /// Adds a tool. Functions are tools of their own: a tool with functions and other members becomes two (D16).
    fn add(&mut self, mut tool: Value, rows: &Rows) {
        let is_called = |one: &Value| {
            one["name"]
                .as_str()
                .is_some_and(|name| self.callable.contains(name))
        };
        let has_functions = declarations(&tool).any(is_called);
        let has_others = tool.as_object().is_some_and(|members| members.len() > 1);
        if let Some(members) = tool.as_object_mut()
            && has_functions
            && has_others
            && rows.here(Row::D16)
        {
            let functions = members.remove("functionDeclarations");
            self.sent.push(json!({ "functionDeclarations": functions }));
        }
        self.sent.push(tool);
    }

    fn one(&mut self, tool: &Value, scenario: &Scenario, rows: &Rows) -> Result<Value, Value> {
        let typed = tool.get("$proto").is_some();
        let value = if typed { &tool["value"] } else { tool };
        if let Some(word) = value.as_str() {
            return match word.to_lowercase().as_str() {
                "code_execution" => Ok(json!({"codeExecution": {}})),
                "google_search_retrieval" => Ok(json!({"googleSearchRetrieval": {}})),
                _ => Err(fault::request()),
            };
        }
        if !value.is_object() {
            return odd(rows, Row::D17, None);
        }
        match tool["$proto"].as_str() {
            Some("CodeExecution") => return Ok(json!({ "codeExecution": value })),
            Some("GoogleSearchRetrieval") => return Ok(json!({ "googleSearchRetrieval": value })),
            _ => {}
        }
        let mut sent = if let Some(list) = value.get("$list") {
            json!({ "functionDeclarations": list })
        } else if let Some(name) = value["$callable"].as_str() {
            json!({"functionDeclarations": [python_function(name, &scenario.functions[name])]})
        } else if tool["$proto"] == "FunctionDeclaration"
            || value.get("name").is_some()
            || (!typed && !is_tool(value) && !rows.here(Row::D17))
        {
            // Only here the Python SDK does not accept names of types in lower case (D16).
            let name = value["name"].as_str().unwrap_or_default();
            if !scenario.functions.contains_key(name) {
                known::check("FunctionDeclaration", &untyped(value), rows)?;
            }
            json!({ "functionDeclarations": [value] })
        } else {
            value.clone()
        };
        let list = sent
            .get_mut("functionDeclarations")
            .and_then(Value::as_array_mut);
        for declaration in list.into_iter().flatten() {
            *declaration = self.declaration(declaration, typed, scenario, rows)?;
        }
        let search = sent.get_mut("googleSearchRetrieval");
        if let Some(retrieval) = search.and_then(|search| search.get_mut("dynamicRetrievalConfig"))
            && let Some(word) = retrieval["mode"].as_str()
        {
            let word = word.to_uppercase();
            let short = word.strip_prefix("MODE_").unwrap_or(&word);
            retrieval["mode"] = format!("MODE_{short}").into();
        }
        if let Some(members) = sent.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        if !typed {
            known::check_members("Tool", &sent, rows)?;
        }
        Ok(sent)
    }

    fn declaration(
        &mut self,
        declaration: &Value,
        typed: bool,
        scenario: &Scenario,
        rows: &Rows,
    ) -> Result<Value, Value> {
        let typed = typed || declaration.get("$proto").is_some();
        let value = match declaration["$callable"].as_str() {
            Some(name) => python_function(name, &scenario.functions[name]),
            None => untyped(declaration),
        };
        if !value.is_object() {
            return odd(rows, Row::D17, None);
        }
        let is_complete = value.get("name").is_some() && value.get("description").is_some();
        if !is_complete && !typed {
            odd(rows, Row::D17, Some(()))?;
        }
        if !typed {
            known::check("FunctionDeclaration", &with_schemas(value.clone()), rows)?;
        }
        let name = value["name"].as_str().unwrap_or_default().to_owned();
        if scenario.functions.contains_key(&name) && !typed {
            self.callable.insert(name.clone());
        }
        self.declared.insert(name);
        Ok(with_schemas(value))
    }

    /// Merges tools of one declaration into one tool.
    fn merge(&mut self, is_list: bool, rows: &Rows) {
        if !rows.here(Row::D16) {
            let all_single = self.sent.iter().all(|tool| declarations(tool).count() == 1);
            if is_list && self.sent.len() > 1 && all_single {
                let all: Vec<Value> = self.sent.iter().flat_map(declarations).cloned().collect();
                self.sent = vec![json!({ "functionDeclarations": all })];
            }
            return;
        }
        let mut merged: Vec<Value> = Vec::new();
        let mut gathers = false;
        for tool in self.sent.drain(..) {
            let single = declarations(&tool).count() == 1
                && tool.as_object().is_some_and(|members| members.len() == 1);
            match merged.last_mut() {
                Some(last) if gathers && single => {
                    let all: Vec<Value> = declarations(last)
                        .chain(declarations(&tool))
                        .cloned()
                        .collect();
                    last["functionDeclarations"] = all.into();
                }
                _ => {
                    merged.push(tool);
                    gathers = single;
                }
            }
        }
        self.sent = merged;
    }
}

/// Returns whether an object is a tool for the Python SDK, and not a declaration.
fn is_tool(value: &Value) -> bool {
    let names = [
        "functionDeclarations",
        "googleSearchRetrieval",
        "codeExecution",
    ];
    names.into_iter().any(|name| value.get(name).is_some())
}

fn declarations(tool: &Value) -> impl Iterator<Item = &Value> {
    tool["functionDeclarations"]
        .as_array()
        .into_iter()
        .flatten()
}

/// Returns a declaration with the type names of the service.
fn with_schemas(mut declaration: Value) -> Value {
    for name in ["parameters", "response"] {
        if let Some(schema) = declaration.get_mut(name) {
            *schema = self::schema(schema);
        }
    }
    declaration
}

/// Returns a schema with the type names of the service.
pub(super) fn schema(value: &Value) -> Value {
    let mut schema = value.clone();
    let Some(members) = schema.as_object_mut() else {
        return schema;
    };
    for (name, value) in members.iter_mut() {
        match name.as_str() {
            "type" => {
                if let Some(word) = value.as_str() {
                    *value = known::with_known_case("type", word).into();
                }
            }
            "items" => *value = self::schema(value),
            "anyOf" => {
                for schema in value.as_array_mut().into_iter().flatten() {
                    *schema = self::schema(schema);
                }
            }
            "properties" => {
                for property in value
                    .as_object_mut()
                    .into_iter()
                    .flat_map(|all| all.values_mut())
                {
                    *property = self::schema(property);
                }
            }
            _ => {}
        }
    }
    schema
}

/// Returns the declaration of a Python function, from its signature.
pub(crate) fn python_function(name: &str, function: &Value) -> Value {
    let mut declaration = json!({"name": name, "description": function["doc"]});
    let parameters = function["signature"].as_array().into_iter().flatten();
    let named: Vec<(&str, Value)> = parameters
        .map(|parameter| {
            let kind = parameter[1].as_str().unwrap_or_default();
            (parameter[0].as_str().unwrap_or_default(), python_type(kind))
        })
        .collect();
    if !named.is_empty() {
        let required: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
        let properties: serde_json::Map<_, _> = named
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), kind.clone()))
            .collect();
        declaration["parameters"] =
            json!({"type": "OBJECT", "properties": properties, "required": required});
    }
    declaration
}

fn python_type(kind: &str) -> Value {
    let element = kind
        .strip_prefix("list[")
        .and_then(|rest| rest.strip_suffix(']'));
    if let Some(element) = element {
        return json!({"type": "ARRAY", "items": python_type(element)});
    }
    let name = match kind {
        "str" => "STRING",
        "int" => "INTEGER",
        "float" => "NUMBER",
        "bool" => "BOOLEAN",
        "list" => "ARRAY",
        _ => "OBJECT",
    };
    json!({ "type": name })
}
