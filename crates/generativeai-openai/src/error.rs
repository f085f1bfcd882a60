//! Errors: those that servers report, and requests that are refused before sending.
//!
//! The API of OpenAI has one form of error, `{"error": {"message", "type", "param", "code"}}`. Compatible servers and
//! the proxies in front of them send others. `tests/fixtures/errors.json` lists the forms that are recognized.

use generativeai::protocol::read_json;
use generativeai::protocol::status::Status;
use generativeai::remote::__http::from_status;
use generativeai::{Error, ErrorKind};
use serde_json::{Map, Value, json};

/// HTTP codes by a part of the [label](label_of) of an error.
///
/// An error in the middle of a stream has no HTTP status, as the response has already begun with 200. Its words decide
/// whether it can be retried. The first match wins, so the specific words come first.
const CODES: [(&str, u16); 21] = [
    ("ratelimit", 429),
    ("quota", 429),
    ("insufficientbalance", 429),
    ("throttling", 429),
    ("toomany", 429),
    ("invalidapikey", 401),
    ("authentication", 401),
    ("permission", 403),
    ("notfound", 404),
    ("notsupported", 501),
    ("invalid", 400),
    ("badrequest", 400),
    ("context", 400),
    ("toolusefailed", 400),
    ("contentfilter", 400),
    ("datainspection", 400),
    ("timeout", 504),
    ("overloaded", 503),
    ("unavailable", 503),
    ("servererror", 500),
    ("internal", 500),
];

/// Members of an error that are already in the code, the message or the `ErrorInfo` of a status.
const READ: [&str; 11] = [
    "code",
    "detail",
    "error",
    "error_message",
    "error_type",
    "http_code",
    "message",
    "object",
    "param",
    "status",
    "type",
];

/// Members that make a reply without choices an error: DashScope sends a `code`, and DeepInfra and Venice an
/// `error_message`.
pub(crate) const BARE: [&str; 2] = ["code", "error_message"];

/// Creates the error of a request that the server cannot express.
pub(crate) fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Request, message.into())
}

/// Reads the error in a body. `None` if the body contains no error.
///
/// `code` is the status code of a response that failed. Without it the body is a reply or an event, in which only some
/// forms are errors: see [`find`].
pub(crate) fn read(code: Option<u16>, json: &[u8]) -> Option<Error> {
    let reported = find(read_json(json).ok()?, code.is_some())?;
    let label = label_of(&reported);
    let code = code.or_else(|| code_of(&reported)).unwrap_or_else(|| {
        let known = CODES.iter().find(|(part, _)| label.contains(part));
        known.map_or(500, |(_, code)| *code)
    });
    let status = status(code, &reported);
    let reason = status.error_info().and_then(|info| info.reason);
    let kind = match ErrorKind::from_http_code(code) {
        // A quota that is used up is a 429, like a rate limit, but a retry within seconds cannot succeed.
        ErrorKind::RateLimited if is_used_up(&label, &status) => ErrorKind::Quota,
        ErrorKind::Request if label.contains("invalidapikey") => ErrorKind::Authentication,
        // Google answers an invalid API key with 400.
        ErrorKind::Request if reason.is_some_and(|reason| reason.starts_with("API_KEY_")) => {
            ErrorKind::Authentication
        }
        kind => kind,
    };
    Some(from_status(kind, None, code, status))
}

/// Finds the error in a body, as an object with a message.
///
/// With `is_refusal` the response failed, so any object with a message is the error. In a reply a bare message proves
/// nothing, and the error needs a mark: a member `error`, a `code` or an `error_message` without `choices`, or
/// `"object": "error"`.
fn find(body: Value, is_refusal: bool) -> Option<Map<String, Value>> {
    let mut body = match body {
        Value::Array(elements) => {
            let mut found = elements.into_iter();
            return found.find_map(|element| find(element, is_refusal));
        }
        Value::Object(body) => body,
        _ => return None,
    };
    for name in ["error", "errors"] {
        match body.get_mut(name).map(Value::take) {
            // Some servers send an empty `error` with a success.
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(Value::String(message)) if message.is_empty() => {}
            Some(Value::Object(error)) if error.is_empty() => {}
            Some(Value::Object(error)) => return Some(inner(error)),
            Some(Value::Array(errors)) => {
                let first = errors.into_iter().find_map(|error| find(error, true));
                return Some(first.unwrap_or_default());
            }
            Some(Value::String(message)) => return Some(with_message(message)),
            Some(other) => return Some(with_message(other.to_string())),
        }
    }
    // In a reply: the error of a provider behind OpenRouter, or the one with which Groq ends a stream.
    let groq = body.get("x_groq").and_then(|groq| groq.get("error"));
    if let Some(error) = groq.filter(|error| !error.is_null()) {
        return find(json!({"error": error}), false);
    }
    // The same rule as in `has_error` of a completion, which decides whether this function runs.
    let is_bare = BARE.iter().any(|name| body.contains_key(*name))
        && body.get("choices").is_none_or(Value::is_null);
    if let Some(Value::Array(choices)) = body.get_mut("choices").map(Value::take) {
        let mut errors = choices.iter().map(|choice| &choice["error"]);
        let error = errors.find(|error| !error.is_null());
        if let Some(error) = error {
            return find(json!({"error": error}), false);
        }
    }
    if is_refusal || is_bare || body.get("object").is_some_and(|kind| kind == "error") {
        return has_message(&body).then_some(body);
    }
    None
}

/// Returns the innermost error. Some servers wrap the error of the server behind them.
fn inner(mut error: Map<String, Value>) -> Map<String, Value> {
    match error.get_mut("error").map(Value::take) {
        Some(Value::Object(inside)) if !has_message(&error) || has_message(&inside) => {
            inner(inside)
        }
        _ => error,
    }
}

fn with_message(message: String) -> Map<String, Value> {
    Map::from_iter([("message".to_owned(), message.into())])
}

fn has_message(error: &Map<String, Value>) -> bool {
    message_in(error).is_some()
}

fn message_in(error: &Map<String, Value>) -> Option<&Value> {
    let mut names = ["message", "detail", "error_message"].into_iter();
    names.find_map(|name| error.get(name).filter(|message| !message.is_null()))
}

/// Returns the code and the type of an error, if they are words and not numbers. `InvalidApiKey` and `invalid_api_key`
/// have the same label, since servers differ in case and underscores.
fn label_of(error: &Map<String, Value>) -> String {
    let names = ["code", "type", "error_type"];
    let words = names.map(|name| error.get(name).and_then(Value::as_str));
    let label = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
    label.replace('_', "").to_ascii_lowercase()
}

/// Returns the HTTP code that an error contains.
fn code_of(error: &Map<String, Value>) -> Option<u16> {
    let mut codes = ["code", "status_code", "status", "http_code"].into_iter();
    codes.find_map(|name| {
        let code = match error.get(name)? {
            Value::String(digits) => digits.parse().ok()?,
            number => u16::try_from(number.as_u64()?).ok()?,
        };
        (300..600).contains(&code).then_some(code)
    })
}

/// Returns the message for people, including the message of the provider behind the server.
fn message_of(error: &Map<String, Value>) -> String {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let message = message_in(error).map(text).unwrap_or_default();
    let raw = error
        .get("metadata")
        .and_then(|metadata| metadata.get("raw"));
    match raw.map(text) {
        Some(raw) if !raw.is_empty() => format!("{message}: {raw}"),
        _ => message,
    }
}

/// Returns whether an error with status 429 names something that is used up until the caller or the next day renews it.
fn is_used_up(label: &str, status: &Status) -> bool {
    let contains = |text: &str, words: &[&str]| words.iter().any(|word| text.contains(word));
    let message = status.message.as_deref().unwrap_or_default();
    let message = message.to_ascii_lowercase();
    // OpenRouter names a limit per day only in the message, as `free-models-per-day` or in the error of Gemini that it
    // quotes.
    if status.is_quota_exhausted() || contains(&message, &["per-day", "requestsperday"]) {
        return true;
    }
    // Quotas per minute have this word in their code as well: DashScope's `Throttling.RateQuota` and
    // `Throttling.AllocationQuota` (https://help.aliyun.com/en/model-studio/rate-limit), and those of Cerebras, which
    // states the time in the message.
    let is_rate = contains(label, &["throttling"])
        || contains(label, &["toomany"]) && !message.contains("per day");
    contains(label, &["insufficient", "daily"]) || !is_rate && contains(label, &["quota"])
}

/// Creates the status of an error, in the form of Google's APIs. The type, code and parameter of the error become an
/// `ErrorInfo`, and its other members a `Struct`. Details that are already in this form, as Google's OpenAI layer sends
/// them, are kept: they contain the quota and the time to wait.
fn status(code: u16, error: &Map<String, Value>) -> Status {
    let mut status = Status::from_http_code(code, message_of(error));
    status.message.take_if(|message| message.is_empty());
    let word = |name: &str| error.get(name).and_then(Value::as_str);
    if let Some(reason) = word("code").or(word("type")) {
        let member = |name: &str| Some((name.to_owned(), Value::from(word(name)?)));
        let metadata: Map<_, _> = ["type", "param"].into_iter().filter_map(member).collect();
        status.details.push(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": "openai",
            "metadata": metadata,
        }));
    }
    let mut others = error.clone();
    others.retain(|name, value| !READ.contains(&name.as_str()) && !value.is_null());
    if let Some(Value::Array(details)) = others.get_mut("details") {
        status
            .details
            .extend(details.extract_if(.., |detail| detail.get("@type").is_some()));
        if details.is_empty() {
            others.remove("details");
        }
    }
    if !others.is_empty() {
        // Reasons of a filter, a call that failed: members that only some servers have.
        status.details.push(json!({
            "@type": "type.googleapis.com/google.protobuf.Struct",
            "value": others,
        }));
    }
    status
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_error_is_read_in_each_form_that_servers_use() {
        let table = include_str!("../tests/fixtures/errors.json");
        let table: Vec<Value> = serde_json::from_str(table).expect("a table");
        for row in table {
            let code = row["http"].as_u64().map(|code| code as u16);
            let error = read(code, row["body"].to_string().as_bytes());
            let Some(kind) = row["kind"].as_str() else {
                assert!(error.is_none(), "{row}");
                continue;
            };
            let error = error.unwrap_or_else(|| panic!("no error: {row}"));
            assert_eq!(error.kind().to_string(), kind, "{row}");
            assert_eq!(error.to_string(), row["message"], "{row}");
        }
    }

    #[test]
    fn details_in_the_form_of_google_are_read() {
        let wait = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"});
        let body = json!([{"error": {
            "code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED", "details": [wait],
        }}]);
        let error = read(Some(429), body.to_string().as_bytes()).expect("an error");

        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        assert_eq!(error.status().expect("a status").details, [wait]);
    }

    #[test]
    fn type_code_and_parameter_are_kept() {
        let body = json!({"error": {
            "message": "no", "type": "invalid_request_error", "param": "stop", "code": "unsupported_parameter",
        }});
        let error = read(Some(400), body.to_string().as_bytes()).expect("an error");

        let info = error.status().and_then(|status| status.error_info());
        let info = info.expect("info");
        assert_eq!(info.reason, Some("unsupported_parameter"));
        assert_eq!(info.metadata("type"), Some("invalid_request_error"));
        assert_eq!(info.metadata("param"), Some("stop"));
    }

    #[test]
    fn members_that_only_some_servers_have_are_kept() {
        let body = json!({"error": {
            "message": "filtered", "code": "content_filter", "status": 400,
            "innererror": {"code": "ResponsibleAIPolicyViolation"},
        }});
        let error = read(Some(400), body.to_string().as_bytes()).expect("an error");

        let details = &error.status().expect("a status").details;
        assert_eq!(
            details[1]["value"],
            json!({"innererror": {"code": "ResponsibleAIPolicyViolation"}})
        );
    }
}
