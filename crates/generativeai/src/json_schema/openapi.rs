//! Conversion of JSON Schema to the subset of OpenAPI 3.0 that the API supports.

use serde_json::{Map, Value};

use super::enums;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::schema::{Schema, Type};

/// Maximum number of steps: subschemas, references and pieces of `allOf`.
const MAX_STEPS: usize = 30_000;
/// Maximum depth of nested subschemas and references. Each level takes room on the stack.
const MAX_DEPTH: usize = 64;

impl Schema {
    /// Converts a JSON Schema to the OpenAPI form.
    ///
    /// References are inlined, `allOf` is merged, `null` as an alternative becomes `nullable`, and lists
    /// of strings become an `enum`. Keywords that only narrow the values, such as
    /// `additionalProperties: false`, `multipleOf` or an unknown `format`, are left out, and so are
    /// values that the service refuses: an empty string in an `enum`, and a required member that is not
    /// declared.
    ///
    /// ```
    /// use generativeai::protocol::schema::Schema;
    /// use serde_json::json;
    ///
    /// let schema = Schema::from_json_schema(&json!({"type": ["string", "null"]}))?;
    /// assert_eq!(schema, Schema::string().nullable(true));
    ///
    /// let tree = json!({"type": "object", "properties": {"left": {"$ref": "#"}}});
    /// let error = Schema::from_json_schema(&tree).unwrap_err();
    /// assert!(error.to_string().contains("`left` is recursive"));
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Request`] if the form cannot express the schema: recursive types, maps, tuples of several
    /// types, values of any type, and enums of numbers. The message names the place in the schema, such as `a.[]` for
    /// the items of the member `a`.
    pub fn from_json_schema(schema: &Value) -> Result<Self> {
        let mut reader = Reader {
            root: schema,
            path: Vec::new(),
            following: Vec::new(),
            followed: Vec::new(),
            depth: 0,
            steps: 0,
        };
        reader.read(schema)
    }
}

/// Reader of a JSON Schema: the root, which references are resolved from, and the state of the current subschema.
pub(super) struct Reader<'schema> {
    pub(super) root: &'schema Value,
    /// Path from the root to the subschema that is being read.
    path: Vec<String>,
    /// References that lead to the subschema that is being read, to detect recursion.
    pub(super) following: Vec<String>,
    /// References that were merged into the subschema that is being read.
    pub(super) followed: Vec<String>,
    /// Number of subschemas around the current one.
    depth: usize,
    /// Number of steps so far.
    steps: usize,
}

impl Reader<'_> {
    /// Returns the error for a schema that the form cannot express.
    pub(super) fn unsupported(&self, problem: &str) -> Error {
        let place = match self.path.as_slice() {
            [] => "the schema".to_owned(),
            path => format!("`{}`", path.join(".")),
        };
        let message = format!(
            "{place} {problem}, which the OpenAPI form cannot express: use JSON Schema or another type"
        );
        Error::new(ErrorKind::Request, message)
    }

    /// Runs a step that reads or merges a subschema, within the limits of size and depth.
    pub(super) fn nested<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.steps += 1;
        self.depth += 1;
        if self.steps > MAX_STEPS || self.depth > MAX_DEPTH {
            return Err(self.unsupported("is too large"));
        }
        let read = step(self);
        self.depth -= 1;
        read
    }

    /// Reads a subschema with its `$ref` and `allOf`.
    fn read(&mut self, schema: &Value) -> Result<Schema> {
        let Value::Object(members) = schema else {
            return Err(self.unsupported("is `true` or `false` instead of a schema"));
        };
        let following = self.following.len();
        let read = self.nested(|this| {
            let flat = this.flat(members)?;
            this.read_flat(flat)
        });
        self.following.truncate(following);
        read
    }

    /// Reads a subschema at a place below the current one. Errors name this place.
    fn read_at(&mut self, place: &str, schema: &Value) -> Result<Schema> {
        self.path.push(place.to_owned());
        let read = self.read(schema);
        self.path.pop();
        read
    }

    /// Reads a subschema whose `$ref` and `allOf` are merged into it.
    ///
    /// Alternatives are handled first, since they decide about the others: a single alternative is merged into the
    /// schema, strings become one `enum`, and `null` becomes `nullable`. Then each type of the schema is read.
    fn read_flat(&mut self, mut from: Map<String, Value>) -> Result<Schema> {
        // Until the schema is read, a reference to one of those merged into it is recursive.
        self.following.append(&mut self.followed);
        let mut nullable = from.get("nullable") == Some(&Value::Bool(true));
        let mut any_of = Vec::new();
        if let Some(alternatives) = enums::alternatives(&mut from) {
            let all = alternatives.len();
            let others: Vec<Value> = alternatives
                .into_iter()
                .filter(|one| !enums::is_null(one))
                .collect();
            nullable |= others.len() < all;
            // Alternatives such as `[{"required": ["a"]}, {"required": ["b"]}]` only narrow the values.
            let others = if others.iter().all(enums::only_requires) {
                Vec::new()
            } else {
                others
            };
            if others.len() < 2 {
                for only in &others {
                    self.add(&mut from, only)?;
                }
                let mut schema = self.nested(|this| this.read_flat(from))?;
                schema.nullable = schema.nullable.or(nullable.then_some(true));
                return Ok(schema);
            }
            if from.get("oneOf").is_some_and(Value::is_array) {
                return Err(self.unsupported("has both `anyOf` and `oneOf`"));
            }
            if !enums::join_texts(&mut from, &others) {
                for one in &others {
                    any_of.push(self.read(one)?);
                }
            }
        }
        let types = enums::types(&from);
        nullable |= types.contains(&"null");
        let types: Vec<String> = types
            .iter()
            .filter(|&&one| one != "null")
            .map(|&one| one.to_owned())
            .collect();
        let mut schema = match types.as_slice() {
            [] if any_of.is_empty() => return Err(self.unsupported("allows any value")),
            [] => Schema::default(),
            [one] => self.read_type(one, &from)?,
            several => {
                for one in several {
                    any_of.push(self.read_type(one, &from)?);
                }
                Schema::default()
            }
        };
        nullable |= enums::choice(&from).contains(&&Value::Null);
        schema.any_of = any_of;
        schema.nullable = nullable.then_some(true);
        schema.title = text(&from, "title");
        schema.description = text(&from, "description");
        schema.default = from
            .get("default")
            .filter(|value| !value.is_null())
            .cloned();
        let examples = from.get("examples").and_then(Value::as_array);
        let example = from.get("example").or_else(|| examples?.first());
        schema.example = example.cloned();
        Ok(schema)
    }

    /// Reads the keywords for one type.
    fn read_type(&mut self, name: &str, from: &Map<String, Value>) -> Result<Schema> {
        let kind = Type::from(name);
        let mut schema = Schema::new(kind.clone());
        let format = text(from, "format");
        match kind {
            Type::Object => self.read_members(from, &mut schema)?,
            Type::Array => self.read_items(from, &mut schema)?,
            Type::String => {
                schema.format = format.filter(|format| format == "date-time");
                schema.r#enum = self.texts(from)?;
                if !schema.r#enum.is_empty() {
                    schema.format = Some("enum".to_owned());
                }
                schema.min_length = whole(from, "minLength");
                schema.max_length = whole(from, "maxLength");
                schema.pattern = text(from, "pattern");
            }
            Type::Integer | Type::Number => {
                let known = ["int32", "int64", "float", "double"];
                schema.format = format.filter(|format| known.contains(&format.as_str()));
                schema.minimum = from.get("minimum").and_then(Value::as_f64);
                schema.maximum = from.get("maximum").and_then(Value::as_f64);
                self.no_enum(from)?;
            }
            Type::Boolean => self.no_enum(from)?,
            _ => return Err(self.unsupported(&format!("has the unknown type `{name}`"))),
        }
        Ok(schema)
    }

    /// Reads the keywords of an object. An object with arbitrary members cannot be expressed.
    fn read_members(&mut self, from: &Map<String, Value>, schema: &mut Schema) -> Result<()> {
        let named = from.get("properties").and_then(Value::as_object);
        let named = named.filter(|named| !named.is_empty());
        let free = match from.get("additionalProperties") {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Bool(true)) => named.is_none(),
            // Zod writes `{}` for an object that may have other members.
            Some(Value::Object(any)) if any.is_empty() => named.is_none(),
            Some(_) => true,
        };
        if free || from.contains_key("patternProperties") {
            return Err(self.unsupported("is a map with arbitrary keys"));
        }
        let required = list(from, "required");
        if let Some(named) = named {
            let properties = schema.properties.get_or_insert_default();
            let named = named.iter().filter(|(name, member)| {
                // A schema without values means that the member must be absent, like `never` in TypeScript.
                required.contains(name) || !enums::is_never(member)
            });
            for (name, member) in named {
                properties.insert(name.as_str(), self.read_at(name, member)?);
            }
        }
        // The service refuses undeclared names in `required` and `propertyOrdering`.
        let declared = |name: &str| named.is_some_and(|named| named.contains_key(name));
        schema.required = unique(required, declared);
        schema.property_ordering = unique(list(from, "propertyOrdering"), declared);
        schema.min_properties = whole(from, "minProperties");
        schema.max_properties = whole(from, "maxProperties");
        Ok(())
    }

    /// Reads the keywords of an array. A tuple is an array if all its items have the same schema.
    fn read_items(&mut self, from: &Map<String, Value>, schema: &mut Schema) -> Result<()> {
        let first = from.get("prefixItems").and_then(Value::as_array);
        let items = match (first.map(Vec::as_slice), from.get("items")) {
            (Some([one, others @ ..]), None | Some(Value::Bool(false)))
                if others.iter().all(|other| other == one) =>
            {
                one
            }
            // Before draft 2020-12 the types of a tuple were in `items`.
            (Some([_, ..]), _) | (_, Some(Value::Array(_))) => {
                return Err(self.unsupported("is a tuple of several types"));
            }
            (_, Some(items)) => items,
            (_, None) => return Err(self.unsupported("is an array of any values")),
        };
        schema.items = Some(Box::new(self.read_at("[]", items)?));
        schema.min_items = whole(from, "minItems");
        schema.max_items = whole(from, "maxItems");
        Ok(())
    }

    /// Returns the values of an `enum` of strings. `null` is left out, since it makes the schema nullable.
    fn texts(&self, from: &Map<String, Value>) -> Result<Vec<String>> {
        let choice = enums::choice(from);
        let texts = choice.iter().filter(|one| !one.is_null());
        let texts: Option<Vec<String>> = texts.map(|one| one.as_str().map(str::to_owned)).collect();
        let texts = texts
            .ok_or_else(|| self.unsupported("has an `enum` of values that are not strings"))?;
        // The service refuses an empty string in an `enum`, and duplicates.
        Ok(unique(texts, |text| !text.is_empty()))
    }

    /// Refuses an `enum` of values that are not strings.
    fn no_enum(&self, from: &Map<String, Value>) -> Result<()> {
        let listed = enums::choice(from).into_iter().any(|one| !one.is_null());
        if listed {
            return Err(self.unsupported("has an `enum` of values that are not strings"));
        }
        Ok(())
    }
}

/// Returns the values that may stay, each once.
fn unique(values: Vec<String>, may_stay: impl Fn(&str) -> bool) -> Vec<String> {
    let mut unique: Vec<String> = Vec::with_capacity(values.len());
    for value in values {
        if may_stay(&value) && !unique.contains(&value) {
            unique.push(value);
        }
    }
    unique
}

fn text(from: &Map<String, Value>, name: &str) -> Option<String> {
    from.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn whole(from: &Map<String, Value>, name: &str) -> Option<i64> {
    from.get(name).and_then(Value::as_i64)
}

fn list(from: &Map<String, Value>, name: &str) -> Vec<String> {
    let items = from
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}
