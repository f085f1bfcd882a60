//! Checks a complete reply against the schemas of its request.
//!
//! The grammar enforces most keywords while the reply is generated, but not all, such as `uniqueItems`. A reply that
//! does not match has the finish reason `MALFORMED_RESPONSE` or `MALFORMED_FUNCTION_CALL`.

use generativeai::protocol::response::FinishReason;
use serde_json::Value;

use crate::request::{Request, ResponseFormat};
use crate::schema::Schema;
use crate::segments::{Calls, Segment};

/// Schemas that a reply must match, also where the grammar cannot enforce them.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// Schema of the text.
    response: Option<Schema>,
    /// Schemas of the arguments by the name of the function.
    functions: Vec<(String, Schema)>,
    /// Whether every argument of a call is parsed as text.
    untyped_calls: bool,
}

/// Finish reason and message of a reply that does not match.
pub(super) type Mismatch = (FinishReason, String);

impl Checks {
    /// Returns the schemas that the reply to a request must match. `calls` are the calls that it may contain.
    pub(super) fn of(request: &Request, calls: Option<&Calls>) -> Self {
        let declared = request.tools.functions.iter();
        Self {
            response: match &request.settings.format {
                ResponseFormat::Schema(schema) => Some(Schema::clone(schema)),
                _ => None,
            },
            functions: declared
                .map(|it| (it.function.name.clone(), it.arguments.clone()))
                .collect(),
            untyped_calls: calls.is_some_and(|it| it.syntax.is_untyped()),
        }
    }

    /// Checks the arguments of a call, after it has converted those that are not text to JSON. Returns `None` if they
    /// match, or if the segment is not a call.
    pub(super) fn check_call(&self, segment: &mut Segment) -> Option<Mismatch> {
        let Segment::Call { name, arguments } = segment else {
            return None;
        };
        let (_, schema) = self.functions.iter().find(|(known, _)| known == name)?;
        if self.untyped_calls {
            schema.parse_text_arguments(arguments);
        }
        let reason = mismatch(schema, &Value::Object(arguments.clone()))?;
        let message = format!("the arguments of `{name}` do not match its parameters: {reason}");
        Some((FinishReason::MalformedFunctionCall, message))
    }

    /// Checks the text of a complete reply. Returns `None` if it matches, or if there is no schema.
    pub(super) fn check_text(&self, text: &str) -> Option<Mismatch> {
        let schema = self.response.as_ref()?;
        let reason = match serde_json::from_str(text) {
            Ok(value) => mismatch(schema, &value)?,
            Err(error) => error.to_string(),
        };
        let message = format!("the reply does not match the response schema: {reason}");
        Some((FinishReason::MalformedResponse, message))
    }
}

/// Returns the reason why a value does not match a schema; `None` if it matches. Schemas that the grammar enforces are
/// checked as well: the validator is an independent implementation.
fn mismatch(schema: &Schema, value: &Value) -> Option<String> {
    let validator = schema.validator()?;
    let error = validator.validate(value).err()?;
    Some(error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::call_syntax::CallSyntax;
    use crate::ignored::IgnoredSettings;

    #[test]
    fn arguments_of_untyped_calls_are_converted_by_their_schema() {
        let request = serde_json::from_value(json!({
            "contents": [{ "role": "user", "parts": [{ "text": "Hi" }] }],
            "tools": [{ "functionDeclarations": [{ "name": "f", "parametersJsonSchema": {
                "type": "object",
                "properties": { "zip": { "type": ["string", "null"] }, "count": { "type": "integer" } },
            } }] }],
        }));
        let request = Request::parse(&request.unwrap(), &IgnoredSettings::new(true)).unwrap();
        let calls = Calls {
            syntax: CallSyntax::tagged(),
            after_text: true,
        };
        let checks = Checks::of(&request, Some(&calls));
        let arguments = |value: Value| value.as_object().cloned().unwrap();
        let mut call = Segment::Call {
            name: "f".to_owned(),
            arguments: arguments(json!({ "zip": "10115", "count": "5" })),
        };

        assert_eq!(checks.check_call(&mut call), None);
        let expected = Segment::Call {
            name: "f".to_owned(),
            arguments: arguments(json!({ "zip": "10115", "count": 5 })),
        };
        assert_eq!(call, expected);
    }

    /// Row 10 of tests/field.md: a reply is validated against the whole schema.
    #[test]
    fn a_reply_that_breaks_a_keyword_that_was_left_out_is_malformed() {
        let schema = json!({ "type": "object", "properties": {
            "tags": { "type": "array", "uniqueItems": true },
        } });
        let schema = || Schema::compile(&schema, "").unwrap();
        let checks = Checks {
            response: Some(schema()),
            functions: vec![("f".to_owned(), schema())],
            untyped_calls: false,
        };
        let call = |tags: Value| Segment::Call {
            name: "f".to_owned(),
            arguments: json!({ "tags": tags }).as_object().cloned().unwrap(),
        };

        assert_eq!(checks.check_text(r#"{"tags": [1, 2]}"#), None);
        assert_eq!(checks.check_call(&mut call(json!([1, 2]))), None);
        let (reason, _) = checks.check_text(r#"{"tags": [1, 1]}"#).unwrap();
        assert_eq!(reason, FinishReason::MalformedResponse);
        let (reason, message) = checks.check_call(&mut call(json!([1, 1]))).unwrap();
        assert_eq!(reason, FinishReason::MalformedFunctionCall);
        assert!(message.contains("`f`"), "{message}");
    }
}
