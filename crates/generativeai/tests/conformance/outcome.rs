//! Outcome of a scenario: recorded, of the library, or of the model.

use serde_json::{Value, json};

use crate::fault;
use crate::normal::canonical;
use crate::scenario::Scenario;

/// Outcome of a scenario, in the form of the recordings, with errors in the form of [`fault`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    /// Result of making model and chat: `{"ok": true}` or `{"error", "at"}`.
    pub(crate) setup: Value,
    /// Result of each step: `{"ok"}` or `{"error"}`, and `history_after`.
    pub(crate) steps: Vec<Value>,
    pub(crate) requests: Vec<Value>,
    pub(crate) function_calls: Vec<Value>,
}

/// Returns the recorded outcome.
pub(crate) fn recorded(scenario: &Scenario) -> Outcome {
    let expect = &scenario.expect;
    let steps = expect["steps"].as_array().into_iter().flatten();
    Outcome {
        setup: match expect["setup"].get("error") {
            Some(error) => json!({
                "error": fault::of_call(error), "at": expect["setup"]["at"],
            }),
            None => json!({"ok": true}),
        },
        steps: steps
            .zip(&scenario.steps)
            .map(|(step, did)| recorded_step(step, &did.op))
            .collect(),
        requests: list(&expect["requests"]).iter().map(request).collect(),
        function_calls: list(&expect["function_calls"])
            .iter()
            .map(canonical)
            .collect(),
    }
}

fn recorded_step(step: &Value, op: &str) -> Value {
    let mut result = match (step.get("error"), op) {
        (Some(error), "text" | "parts" | "candidates") => {
            json!({"error": fault::of_accessor(error)})
        }
        (Some(error), _) => json!({"error": fault::of_call(error)}),
        (None, _) => json!({"ok": recorded_value(step.get("ok").unwrap_or(&Value::Null), op)}),
    };
    if let Some(history) = step.get("history_after") {
        result["history_after"] = match history.get("error") {
            Some(error) => json!({"error": fault::of_call(error)}),
            None => canonical(history.get("ok").unwrap_or(history)),
        };
    }
    result
}

fn recorded_value(value: &Value, op: &str) -> Value {
    match op {
        "copy" | "text" | "model_version" => value.clone(),
        _ if value.get("done").is_some() => {
            let mut answer = value.clone();
            answer_in_place(&mut answer);
            answer
        }
        _ => canonical(value),
    }
}

fn answer_in_place(answer: &mut Value) {
    for chunk in answer
        .get_mut("chunks")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        answer_in_place(chunk);
    }
    if let Some(response) = answer.get_mut("response") {
        *response = canonical(response);
    }
    if let Some(error) = answer.get_mut("iteration_error") {
        *error = fault::of_call(error);
    }
    if let Some(error) = answer
        .get_mut("text")
        .and_then(|text| text.get_mut("error"))
    {
        *error = fault::of_accessor(error);
    }
}

/// Converts a request to the form in which it is compared.
pub(crate) fn request(request: &Value) -> Value {
    let mut request = request.clone();
    request["body"] = canonical(&request["body"]);
    let headers = request
        .as_object_mut()
        .and_then(|members| members.remove("headers"));
    for (name, value) in headers.iter().filter_map(Value::as_object).flatten() {
        header(
            &mut request,
            &name.to_lowercase(),
            value.as_str().unwrap_or_default(),
        );
    }
    request
}

/// Adds a header that is compared: the key, whose value is not, and the media type. Others name the client.
fn header(request: &mut Value, name: &str, value: &str) {
    let value = match name {
        "x-goog-api-key" if !value.is_empty() => "(a key)",
        "content-type" => value.split(';').next().unwrap_or_default().trim(),
        _ => return,
    };
    request["headers"][name] = value.into();
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
