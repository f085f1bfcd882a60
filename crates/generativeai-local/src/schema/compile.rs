//! A schema that is ready for constrained decoding.

use generativeai::Result;
use jsonschema::{Draft, Retrieve, Uri, ValidationError, Validator};
use serde_json::{Value, json};

use super::lower::{Lowered, lower};
use super::problem::Problem;
use super::{arguments, normalize, recursion, size};

/// Maximum number of keywords that a validator leaves out. Each one takes another pass over the schema.
const MAX_REMOVED: usize = 16;

/// A schema of a reply or of function arguments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schema {
    /// The schema in draft 2020-12, for the prompt and for the validator.
    pub(crate) declared: Value,
    /// The schema for the grammar engine.
    pub(crate) enforced: Value,
    /// JSON pointers of keywords that the grammar does not enforce.
    pub(crate) left_out: Vec<String>,
}

impl Schema {
    /// Compiles a JSON Schema. `path` names it in the request.
    ///
    /// # Errors
    ///
    /// 400 if the schema is not valid, or no value can match it.
    pub(crate) fn compile(schema: &Value, path: &str) -> Result<Self> {
        let compiled = normalized(schema).and_then(Self::of_normalized);
        compiled.map_err(|problem| problem.into_error(path))
    }

    /// Compiles the JSON Schema of the arguments of a function. `path` names it in the request.
    ///
    /// The schema is restricted to objects, unless it refers to its root. In that case the model may generate another
    /// value, and the reply ends as a malformed call.
    ///
    /// # Errors
    ///
    /// 400 if the schema is not valid, or no object can match it.
    pub(crate) fn compile_arguments(schema: &Value, path: &str) -> Result<Self> {
        let restricted = normalized(schema).and_then(|mut declared| {
            if !arguments::refers_to_root(&declared) {
                arguments::restrict_to_objects(&mut declared, "")?;
            }
            Ok(declared)
        });
        let compiled = restricted.and_then(Self::of_normalized);
        compiled.map_err(|problem| problem.into_error(path))
    }

    /// Returns the schema that every JSON value matches.
    pub(crate) fn anything() -> Self {
        Self::constant(json!({}))
    }

    /// Returns the schema that every JSON object matches.
    pub(crate) fn any_object() -> Self {
        Self::constant(json!({ "type": "object" }))
    }

    /// Compiles a schema that is known to be valid.
    fn constant(schema: Value) -> Self {
        Self::of_normalized(schema)
            .unwrap_or_else(|problem| unreachable!("the schema is valid: {}", problem.reason))
    }

    /// Compiles a normalized schema. The checks of the lowered schema need resolved references, so the order of the
    /// steps matters.
    fn of_normalized(declared: Value) -> Result<Self, Problem> {
        let Lowered {
            schema: enforced,
            left_out,
        } = lower(&declared)?;
        size::check_properties(&enforced)?;
        size::check_references(&enforced)?;
        recursion::check(&enforced)?;
        Ok(Self {
            declared,
            enforced,
            left_out,
        })
    }

    /// Returns an independent validator of values. It does not check the keywords that it does not support, such as a
    /// pattern that is not a regular expression. `None` if it does not support the schema as a whole, or too many
    /// keywords.
    pub(crate) fn validator(&self) -> Option<Validator> {
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_retriever(EmptyRetriever);
        let mut schema = self.declared.clone();
        for _ in 0..MAX_REMOVED {
            match options.build(&schema) {
                Ok(validator) => return Some(validator),
                Err(error) => remove(&mut schema, error.schema_path().as_str())?,
            };
        }
        options.build(&schema).ok()
    }
}

/// Removes the member at a JSON pointer. Returns `None` if there is none.
fn remove(schema: &mut Value, pointer: &str) -> Option<Value> {
    let (parent, name) = pointer.rsplit_once('/')?;
    let name = name.replace("~1", "/").replace("~0", "~");
    schema.pointer_mut(parent)?.as_object_mut()?.remove(&name)
}

/// Retriever that returns the empty schema for each external document, without fetching it. Every value matches this
/// schema, so the rest of the schema is still checked.
struct EmptyRetriever;

impl Retrieve for EmptyRetriever {
    fn retrieve(&self, _: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Ok(json!({}))
    }
}

/// Normalizes a JSON Schema, and checks its keywords.
fn normalized(schema: &Value) -> Result<Value, Problem> {
    // First, because all other steps recurse, and a stack overflow would end the process.
    size::check(schema)?;
    if !schema.is_object() && *schema != Value::Bool(true) {
        return Err(Problem::new("", "the schema is not an object"));
    }
    let normalized = normalize::normalize(schema);
    if let Err(error) = jsonschema::draft202012::meta::validate(&normalized) {
        return Err(invalid(&error));
    }
    Ok(normalized)
}

/// Describes a member that is not valid JSON Schema.
fn invalid(error: &ValidationError<'_>) -> Problem {
    let pointer = error.instance_path().to_string();
    // The validator only reports that no alternative of the meta-schema matches, without the names of the types.
    let reason = if pointer.ends_with("/type") {
        format!(
            "the type {} is unknown: use object, array, string, number, integer, boolean or null",
            error.instance()
        )
    } else {
        format!("not valid JSON Schema: {error}")
    };
    Problem::new(pointer, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_of(schema: Value) -> String {
        let error = Schema::compile(&schema, "tools[0]").err();
        error.unwrap_or_else(|| panic!("{schema}")).to_string()
    }

    #[test]
    fn a_problem_names_the_schema_and_the_member() {
        for (schema, message) in [
            (
                json!({ "properties": { "a": { "type": "gremlin" } } }),
                "tools[0]/properties/a/type: ",
            ),
            (
                json!({ "items": { "$ref": "#/$defs/a" } }),
                "tools[0]/items/$ref: ",
            ),
            (
                json!({ "properties": { "a": { "minLength": -1 } } }),
                "tools[0]/properties/a/minLength: ",
            ),
            (json!({ "not": {} }), "tools[0]/not: "),
            (json!({ "$ref": "#" }), "tools[0]: "),
            (json!(false), "tools[0]: "),
            (json!([]), "tools[0]: "),
        ] {
            let found = problem_of(schema);
            assert!(found.starts_with(message), "{found}");
        }
    }

    #[test]
    fn arguments_whose_schema_refers_to_its_root_are_not_restricted() {
        let object = json!({ "type": "object", "properties": {
            "a": { "type": "string" },
            "b": { "$ref": "#/anyOf/1/properties/a" },
        } });
        for schema in [
            json!({ "anyOf": [{ "type": "null" }, object] }),
            json!({ "type": ["object", "null"], "properties": { "next": { "$ref": "#" } }, "required": ["next"] }),
        ] {
            assert!(Schema::compile_arguments(&schema, "").is_ok(), "{schema}");
        }
    }

    #[test]
    fn a_long_chain_of_references_is_refused() {
        let chain = |link: fn(Value) -> Value| {
            let mut schema = json!({ "$ref": "#/$defs/0", "$defs": { "4000": {} } });
            for number in 0..4_000 {
                let next = json!({ "$ref": format!("#/$defs/{}", number + 1) });
                schema["$defs"][number.to_string()] = link(next);
            }
            schema
        };
        for schema in [
            chain(|next| next),
            chain(|next| json!({ "properties": { "a": next } })),
        ] {
            let found = problem_of(schema);
            assert!(found.starts_with("tools[0]: "), "{found}");
            assert!(found.contains("levels"), "{found}");
        }
    }

    #[test]
    fn a_schema_that_refers_to_another_document_is_still_validated() {
        let schema = json!({ "properties": {
            "a": { "$ref": "https://example.com/a.json" },
            "b": { "type": "integer" },
        } });

        let schema = Schema::compile(&schema, "").unwrap();

        let validator = schema.validator().unwrap();
        assert!(validator.is_valid(&json!({ "a": "1", "b": 1 })));
        assert!(!validator.is_valid(&json!({ "a": "1", "b": "1" })));
    }

    #[test]
    fn a_pattern_that_is_not_a_regular_expression_is_not_validated() {
        let invalid = json!({ "type": "string", "pattern": "[", "maxLength": 3 });
        let schema = json!({
            "properties": { "a/b": invalid, "c": { "$ref": "#/$defs/d" } },
            "patternProperties": { "(": { "type": "null" } },
            "$defs": { "d": invalid },
        });

        let schema = Schema::compile(&schema, "").unwrap();

        let validator = schema.validator().unwrap();
        for (value, is_valid) in [("abc", true), ("abcd", false)] {
            assert_eq!(validator.is_valid(&json!({ "a/b": value })), is_valid);
            assert_eq!(validator.is_valid(&json!({ "c": value })), is_valid);
        }
    }

    #[test]
    fn a_schema_with_many_invalid_patterns_is_not_validated() {
        let patterns: serde_json::Map<_, _> = (0..1_000)
            .map(|number| (format!("({number}"), json!({ "type": "null" })))
            .collect();
        let schema = json!({ "type": "object", "patternProperties": patterns });

        let schema = Schema::compile(&schema, "").unwrap();

        assert!(schema.validator().is_none());
    }

    /// Row 10 of tests/field.md: a keyword that the grammar cannot enforce is left out, and the reply is validated
    /// against it.
    #[test]
    fn keywords_that_are_left_out_are_still_validated() {
        let schema =
            json!({ "type": "array", "items": { "type": "integer" }, "uniqueItems": true });

        let schema = Schema::compile(&schema, "").unwrap();

        assert_eq!(schema.left_out, ["/uniqueItems"]);
        let validator = schema.validator().unwrap();
        assert!(validator.is_valid(&json!([1, 2])));
        assert!(!validator.is_valid(&json!([1, 1])));
    }
}
