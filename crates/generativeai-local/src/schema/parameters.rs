//! The parameters of a function, one by one, for calls whose arguments are not one JSON object.

use serde_json::{Map, Value, json};

use super::compile::Schema;
use super::subschemas;

/// Maximum number of references that are followed from one schema. They may form a cycle.
const MAX_REFERENCES: usize = 8;
/// Maximum depth of alternatives in which the kind of a value is searched. Each level may multiply the time.
const MAX_ALTERNATIVES: usize = 2;

/// A parameter of a function.
pub(crate) struct Parameter {
    pub(crate) name: String,
    /// Schema of the value, for the grammar engine.
    pub(crate) schema: Value,
    pub(crate) is_required: bool,
    pub(crate) kind: Kind,
}

/// Kind of the values of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Strings.
    Text,
    /// Values that are not strings.
    Other,
    /// Strings and other values.
    Any,
}

/// Returns the parameters of a function, and whether it has others. `schema` is an enforced schema of arguments.
pub(crate) fn parameters(schema: &Value) -> (Vec<Parameter>, bool) {
    let object = resolve(schema, schema);
    let properties = object.get("properties").and_then(Value::as_object);
    let is_required = |name: &str| {
        let required = object.get("required").and_then(Value::as_array);
        required.is_some_and(|required| required.iter().any(|it| it == name))
    };
    let parameter = |(name, property): (&String, &Value)| {
        let property = resolve(property, schema);
        let mut value = property.as_object()?.clone();
        // Most parameters refer to nothing, and the definitions may be large.
        if subschemas::all(property)
            .iter()
            .any(|it| it.get("$ref").is_some())
        {
            value.insert("$defs".to_owned(), schema["$defs"].clone());
        }
        Some(Parameter {
            name: name.clone(),
            is_required: is_required(name),
            kind: kind(property, schema, MAX_ALTERNATIVES),
            schema: value.into(),
        })
    };
    let parameters = properties.into_iter().flatten().filter_map(parameter);
    let is_open = properties.is_none() || object.get("additionalProperties") != Some(&json!(false));
    (parameters.collect(), is_open)
}

impl Schema {
    /// Converts arguments that were written as text: a parameter that is not a string is JSON. If the schema allows the
    /// text alone, it is kept, such as digits where the value is a string or `null`.
    pub(crate) fn parse_text_arguments(&self, arguments: &mut Map<String, Value>) {
        let (parameters, _) = parameters(&self.enforced);
        let mut texts = Vec::new();
        for (name, value) in arguments.iter_mut() {
            let parameter = parameters.iter().find(|it| it.name == *name);
            let is_text = parameter.is_some_and(|it| it.kind == Kind::Text);
            if let Value::String(text) = value
                && !is_text
                && let Ok(json) = serde_json::from_str(text)
            {
                texts.push((name.clone(), std::mem::replace(value, json)));
            }
        }
        let validator = if texts.is_empty() {
            None
        } else {
            self.validator()
        };
        let Some(validator) = validator else {
            return;
        };
        let mismatches = |arguments: &Map<String, Value>| {
            let arguments = Value::Object(arguments.clone());
            validator.iter_errors(&arguments).count()
        };
        let mut fewest = mismatches(arguments);
        for (name, text) in texts {
            if fewest == 0 {
                break;
            }
            let json = arguments.insert(name.clone(), text);
            let count = mismatches(arguments);
            if count < fewest {
                fewest = count;
            } else {
                arguments.extend(json.map(|json| (name, json)));
            }
        }
    }
}

/// Follows the references of a schema.
fn resolve<'a>(mut schema: &'a Value, root: &'a Value) -> &'a Value {
    for _ in 0..MAX_REFERENCES {
        let reference = schema.get("$ref").and_then(Value::as_str);
        match reference.and_then(|it| root.pointer(it.strip_prefix('#')?)) {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

/// Returns the kind of the values that a schema allows.
fn kind(schema: &Value, root: &Value, depth: usize) -> Kind {
    let schema = resolve(schema, root);
    let list = |name: &str| schema.get(name).and_then(Value::as_array);
    if let Some(values) = list("enum") {
        return united(values.iter().map(|value| of_type(value.is_string())));
    }
    match schema.get("type") {
        Some(Value::Array(types)) => united(types.iter().map(|name| of_type(name == "string"))),
        Some(name) => of_type(name == "string"),
        None => match ["anyOf", "oneOf", "allOf"].into_iter().find_map(list) {
            Some(all) if depth > 0 => united(all.iter().map(|it| kind(it, root, depth - 1))),
            _ => Kind::Any,
        },
    }
}

fn of_type(is_string: bool) -> Kind {
    if is_string { Kind::Text } else { Kind::Other }
}

/// Returns the kind of values of several kinds.
fn united(mut kinds: impl Iterator<Item = Kind>) -> Kind {
    let first = kinds.next().unwrap_or(Kind::Any);
    kinds.fold(first, |all, kind| if all == kind { all } else { Kind::Any })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row 17 of tests/field.md: a text parameter keeps its text, any other is JSON.
    #[test]
    fn texts_are_read_by_the_schema_of_their_parameter() {
        let schema = json!({
            "properties": {
                "text": { "type": "string" },
                "choice": { "$ref": "#/$defs/choice" },
                "either": { "anyOf": [{ "type": "string" }, { "enum": ["5"] }] },
                "number": { "type": "integer" },
                "list": { "type": "array" },
                "nullable": { "type": ["string", "null"] },
                "short": { "allOf": [{ "type": "string" }, { "maxLength": 9 }] },
                "const": { "const": "5" },
                "any": {},
            },
            "$defs": { "choice": { "enum": ["5", "6"] } },
        });
        let schema = Schema::compile_arguments(&schema, "").unwrap();
        let expect = |schema: &Schema, name: &str, text: &str, expected: &Value| {
            let mut arguments = Map::from_iter([(name.to_owned(), text.into())]);

            schema.parse_text_arguments(&mut arguments);

            assert_eq!(arguments[name], *expected, "{name}: {text}");
        };
        for (name, text, expected) in [
            ("text", "5", json!("5")),
            ("text", " {\"a\":\n1}", json!(" {\"a\":\n1}")),
            ("choice", "5", json!("5")),
            ("either", "5", json!("5")),
            ("number", "5", json!(5)),
            ("number", "five", json!("five")),
            ("list", "[1, \"a\"]", json!([1, "a"])),
            ("nullable", "null", json!(null)),
            ("nullable", "nothing", json!("nothing")),
            ("nullable", "10115", json!("10115")),
            ("nullable", "true", json!("true")),
            ("short", "10115", json!("10115")),
            ("const", "5", json!("5")),
            ("number", "true", json!(true)),
            ("any", "5", json!(5)),
            ("any", "a b", json!("a b")),
            ("unknown", "true", json!(true)),
        ] {
            expect(&schema, name, text, &expected);
        }
        let properties = json!({ "a": { "type": "string" }, "b": { "type": "integer" } });
        for schema in [
            json!({ "additionalProperties": { "type": "string" } }),
            json!({ "allOf": [{ "properties": properties }] }),
            json!({ "anyOf": [{ "properties": properties }, { "required": ["c"] }] }),
        ] {
            let schema = Schema::compile_arguments(&schema, "").unwrap();
            expect(&schema, "a", "10115", &json!("10115"));
        }
    }

    #[test]
    fn parameters_are_found_behind_references() {
        let schema = json!({
            "$ref": "#/$defs/a",
            "$defs": { "a": { "type": "object", "properties": { "b": { "type": "string" } }, "required": ["b"] } },
        });
        let schema = Schema::compile_arguments(&schema, "").unwrap();

        let (parameters, is_open) = parameters(&schema.enforced);

        assert!(!is_open);
        let found: Vec<_> = parameters
            .iter()
            .map(|it| (&*it.name, it.kind, it.is_required))
            .collect();
        assert_eq!(found, [("b", Kind::Text, true)]);
    }
}
