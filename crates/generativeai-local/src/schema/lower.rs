//! Rewrites a schema to the keywords that can be enforced token by token.
//!
//! A grammar decides about each token from the text before it. It can require a property or limit a number, but not
//! compare elements (`uniqueItems`) or evaluate a condition (`if`). Such keywords are left out, and the complete reply
//! is checked against them.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value, json};

use super::exclusive::are_exclusive;
use super::narrow::{ANYTHING, Objects, anything, anything_definition, narrow};
use super::pattern;
use super::problem::{Problem, join};
use super::references::{References, Target};

/// Keywords that only narrow a schema and cannot be enforced. They are left out of the grammar.
const NOT_ENFORCED: [&str; 18] = [
    "not",
    "if",
    "then",
    "else",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "propertyNames",
    "contains",
    "minContains",
    "maxContains",
    "uniqueItems",
    "unevaluatedItems",
    "unevaluatedProperties",
    "$dynamicRef",
    "$recursiveRef",
    "disallow",
    "extends",
];
/// Keywords that are enforced and whose value is neither a schema nor a pattern.
const ENFORCED: [&str; 14] = [
    "type",
    "enum",
    "const",
    "required",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "format",
];
/// Formats that are enforced. Any other format is an annotation, as JSON Schema defines for all formats by default.
const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uuid",
    "uri",
];

/// A schema for the grammar engine.
pub(super) struct Lowered {
    /// Schema with enforceable keywords only. All its references lead to its `$defs`.
    pub(super) schema: Value,
    /// JSON pointers of the keywords left out.
    pub(super) left_out: Vec<String>,
}

/// Lowers a normalized schema. Every value that matches the result also matches the schema, unless a
/// keyword was left out.
///
/// Each subschema that is referred to becomes a definition of the result. So the schema may be recursive, and
/// references keep their meaning wherever the result is inserted.
///
/// # Errors
///
/// A reference leads to nothing, or `not` of the whole schema forbids every value.
pub(super) fn lower(schema: &Value) -> Result<Lowered, Problem> {
    let mut lowering = Lowering {
        references: References::new(schema),
        objects: Objects::of(schema),
        names: HashMap::new(),
        queue: VecDeque::new(),
        left_out: Vec::new(),
    };
    let mut root = lowering.schema(schema, "", None)?;
    let mut definitions = Map::new();
    definitions.insert(ANYTHING.to_owned(), anything_definition(lowering.objects));
    // Lowering a definition may add others to the queue. Each is added once, so the loop ends for recursive schemas.
    while let Some((name, target)) = lowering.queue.pop_front() {
        let pointer = format!("/$defs/{name}");
        let definition = lowering.schema(target, &pointer, None)?;
        definitions.insert(name, definition);
    }
    // A boolean has no member for the definitions.
    if root.is_boolean() {
        root = json!({ "allOf": [root] });
    }
    root["$defs"] = definitions.into();
    Ok(Lowered {
        schema: root,
        left_out: lowering.left_out,
    })
}

/// State of the rewriting of one schema.
struct Lowering<'a> {
    references: References<'a>,
    /// Whether objects of this schema can be closed.
    objects: Objects,
    /// Names of definitions by the addresses of the subschemas.
    names: HashMap<*const Value, String>,
    /// Definitions that are still to be lowered.
    queue: VecDeque<(String, &'a Value)>,
    /// JSON pointers of the keywords left out so far.
    left_out: Vec<String>,
}

impl<'a> Lowering<'a> {
    /// Lowers a schema. `inherited` is the type of the schema that combines it with others.
    fn schema(
        &mut self,
        schema: &'a Value,
        pointer: &str,
        inherited: Option<&Value>,
    ) -> Result<Value, Problem> {
        let members = match schema {
            Value::Bool(true) => return Ok(anything()),
            Value::Object(members) => members,
            _ => return Ok(schema.clone()),
        };
        if members.get("not").is_some_and(is_true) {
            if pointer.is_empty() {
                let reason = "`not` forbids every value";
                return Err(Problem::new(join(pointer, "not"), reason));
            }
            // Generators write TypeScript's `never` in this way, for a property that must not exist.
            return Ok(Value::Bool(false));
        }
        let mut lowered = Map::new();
        for (name, value) in members {
            let at = join(pointer, name);
            // The only keywords whose enforcement depends on the other members.
            if ["minProperties", "maxProperties"].contains(&name.as_str()) {
                match self.can_count_properties(members) {
                    true => _ = lowered.insert(name.clone(), value.clone()),
                    false => _ = self.leave_out(&at),
                }
                continue;
            }
            let Some(value) = self.keyword(name, value, &at, members.get("type"))? else {
                continue;
            };
            // The grammar engine enforces `oneOf` only if it finds that the alternatives are exclusive.
            let is_exclusive = name == "oneOf"
                && !members.contains_key("anyOf")
                && self.are_exclusive(&members["oneOf"]);
            let name = if is_exclusive { "anyOf" } else { name };
            lowered.insert(name.to_owned(), value);
        }
        narrow(&mut lowered, self.objects, inherited);
        Ok(lowered.into())
    }

    /// Lowers one keyword; `None` if it is an annotation or left out.
    fn keyword(
        &mut self,
        name: &str,
        value: &'a Value,
        at: &str,
        own_type: Option<&Value>,
    ) -> Result<Option<Value>, Problem> {
        Ok(Some(match name {
            "$ref" => match self.reference(value, at)? {
                Some(reference) => reference,
                None => return Ok(None),
            },
            "pattern" => match value.as_str().is_some_and(pattern::is_enforceable) {
                true => value.clone(),
                false => return Ok(self.leave_out(at)),
            },
            "format" => match value.as_str().is_some_and(|name| FORMATS.contains(&name)) {
                true => value.clone(),
                false => return Ok(None),
            },
            "items" | "additionalProperties" => self.schema(value, at, None)?,
            "prefixItems" => self.list(value, at, None)?,
            "allOf" | "anyOf" | "oneOf" => self.list(value, at, own_type)?,
            "properties" => self.named(value, at)?,
            "patternProperties" => {
                let patterns = value.as_object().into_iter().flatten();
                if !patterns
                    .map(|(pattern, _)| pattern)
                    .all(|it| pattern::is_enforceable(it))
                {
                    return Ok(self.leave_out(at));
                }
                self.named(value, at)?
            }
            name if ENFORCED.contains(&name) => value.clone(),
            name if NOT_ENFORCED.contains(&name) && has_effect(name, value) => {
                return Ok(self.leave_out(at));
            }
            _ => return Ok(None),
        }))
    }

    /// Returns whether the grammar engine can limit the number of properties. It can if no listed property is optional.
    /// With optional properties, it only supports a minimum of one, in an object that allows no further properties.
    fn can_count_properties(&self, members: &Map<String, Value>) -> bool {
        let is_required = |name: &String| {
            let required = members.get("required").and_then(Value::as_array);
            required.is_some_and(|required| required.iter().any(|it| it == name))
        };
        let properties = members.get("properties").and_then(Value::as_object);
        if properties.is_none_or(|properties| properties.keys().all(is_required)) {
            return true;
        }
        let is_closed = match members.get("additionalProperties") {
            None => self.objects == Objects::Closed,
            Some(more) => *more == Value::Bool(false),
        };
        let least = members.get("minProperties").and_then(Value::as_u64);
        is_closed
            && least == Some(1)
            && !members.contains_key("maxProperties")
            && !members.contains_key("patternProperties")
    }

    /// Records a keyword that is left out.
    fn leave_out(&mut self, at: &str) -> Option<Value> {
        self.left_out.push(at.to_owned());
        None
    }

    /// Replaces a reference by one to a definition of the result, and adds the definition to the queue the first time.
    fn reference(&mut self, value: &'a Value, at: &str) -> Result<Option<Value>, Problem> {
        let reference = value.as_str().unwrap_or_default();
        let target = match self.references.resolve(reference) {
            Target::Local(target) => target,
            // Not fetched: a client could otherwise make this process send requests into its own network.
            Target::External => return Ok(self.leave_out(at)),
            Target::Missing => {
                let reason = format!("`{reference}` does not exist in the schema");
                return Err(Problem::new(at, reason));
            }
        };
        // Numbers are unique, and never collide with the name of the definition that matches any value.
        let count = self.names.len();
        let name = self
            .names
            .entry(std::ptr::from_ref(target))
            .or_insert_with(|| {
                let name = format!("{count}");
                self.queue.push_back((name.clone(), target));
                name
            });
        Ok(Some(format!("#/$defs/{name}").into()))
    }

    fn are_exclusive(&self, schemas: &Value) -> bool {
        let schemas = schemas.as_array().map_or(&[][..], Vec::as_slice);
        are_exclusive(schemas, &self.references)
    }

    /// Lowers each schema of a list.
    fn list(
        &mut self,
        value: &'a Value,
        at: &str,
        inherited: Option<&Value>,
    ) -> Result<Value, Problem> {
        let schemas = value.as_array().into_iter().flatten().enumerate();
        schemas
            .map(|(index, schema)| self.schema(schema, &join(at, &index.to_string()), inherited))
            .collect()
    }

    /// Lowers each schema of an object with arbitrary names.
    fn named(&mut self, value: &'a Value, at: &str) -> Result<Value, Problem> {
        let schemas = value.as_object().into_iter().flatten();
        let lowered: Result<Map<_, _>, _> = schemas
            .map(|(name, schema)| Ok((name.clone(), self.schema(schema, &join(at, name), None)?)))
            .collect();
        lowered.map(Value::Object)
    }
}

/// Returns whether a schema matches every value.
fn is_true(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.is_empty(),
        schema => *schema == Value::Bool(true),
    }
}

/// Returns whether a keyword can reject a value.
fn has_effect(name: &str, value: &Value) -> bool {
    match name {
        "uniqueItems" => *value == Value::Bool(true),
        // `if` alone rejects nothing: `then` and `else` do.
        "if" => false,
        "unevaluatedItems" | "unevaluatedProperties" => !is_true(value),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_that_cannot_be_enforced_are_left_out() {
        let lowered = lower(&json!({
            "type": "object",
            "properties": {
                "mail": { "type": "string", "format": "email", "pattern": "^(?!\\.)a" },
                "path": { "type": "string", "format": "path" },
                "tags": { "type": "array", "items": { "type": "string" }, "uniqueItems": true },
                "two": { "type": "object", "properties": { "a": {}, "b": {}, "c": {} }, "minProperties": 2 },
                "one": { "type": "object", "properties": { "a": {}, "b": {} }, "minProperties": 1 },
                "map": { "type": "object", "minProperties": 2 },
            },
            "propertyNames": { "pattern": "^a" },
            "x-order": 3,
        }));

        let Lowered { schema, left_out } = lowered.unwrap();
        assert_eq!(
            left_out,
            [
                "/properties/mail/pattern",
                "/properties/tags/uniqueItems",
                "/properties/two/minProperties",
                "/propertyNames"
            ]
        );
        assert_eq!(
            schema["properties"]["mail"],
            json!({ "type": "string", "format": "email" })
        );
        assert_eq!(schema["properties"]["path"], json!({ "type": "string" }));
        assert_eq!(schema["properties"]["one"]["minProperties"], json!(1));
        assert_eq!(schema["properties"]["map"]["minProperties"], json!(2));
        assert_eq!(schema["additionalProperties"], json!(false));
    }

    #[test]
    fn references_become_definitions() {
        let lowered = lower(&json!({
            "$ref": "#/components/node",
            "components": {
                "node": { "properties": { "kids": { "items": { "$ref": "#/components/node" } } } },
                "unused": { "$ref": "#/nowhere" },
            },
        }));

        let schema = lowered.unwrap().schema;
        assert_eq!(schema["$ref"], "#/$defs/0");
        let kids = &schema["$defs"]["0"]["properties"]["kids"];
        assert_eq!(kids["items"]["$ref"], "#/$defs/0");
    }

    #[test]
    fn a_dangling_reference_is_refused_and_one_to_another_document_is_left_out() {
        let missing = lower(&json!({ "properties": { "a": { "$ref": "#/$defs/b" } } }));
        let external = lower(&json!({ "items": { "$ref": "https://example.com/b" } }));

        assert_eq!(missing.err().unwrap().pointer, "/properties/a/$ref");
        assert_eq!(external.unwrap().left_out, ["/items/$ref"]);
    }
}
