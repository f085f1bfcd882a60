//! A request and its response: attempts and bodies.

use std::collections::{HashMap, VecDeque};

use serde_json::{Value, json};

use super::attempts::Attempts;
use super::chat::has_parts;
use super::judge;
use super::known;
use super::status::{Failure, from_status, is_transient, status_in};
use crate::fault;
use crate::rows::{Row, Rows};
use crate::scenario::Scenario;
use crate::script::{Answer, Body, End, Script};

/// Everything outside of the chat: the server, and the functions.
#[derive(Clone)]
pub(super) struct World<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) rows: &'s Rows,
    pub(super) requests: Vec<Value>,
    pub(super) function_calls: Vec<Value>,
    pub(super) called: HashMap<String, usize>,
    script: Script,
}

/// Request, which may be sent several times.
pub(super) struct Question<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// Name of the message of the response.
    pub(super) reply: &'a str,
    pub(super) body: Value,
    pub(super) options: &'a Value,
}

/// Chunks of a response. An error is the last item. A response that is not streamed is one chunk.
pub(super) type Chunks = VecDeque<Result<Value, Value>>;

impl<'s> World<'s> {
    pub(super) fn new(scenario: &'s Scenario, rows: &'s Rows) -> Self {
        Self {
            scenario,
            rows,
            requests: Vec::new(),
            function_calls: Vec::new(),
            called: HashMap::new(),
            script: Script::new(scenario),
        }
    }

    /// Sends a request until it succeeds or is given up.
    pub(super) fn ask(&mut self, question: &Question<'_>) -> Result<Chunks, Value> {
        let encoded = encoded(question.path);
        if !is_well_formed(question.path) && self.rows.here(Row::D17) {
            return Err(fault::request());
        }
        let path = match self.rows.here(Row::D17) {
            true => &encoded,
            false => question.path,
        };
        let mut attempts = Attempts::new(question.options, question.method == "POST");
        loop {
            let request = json!({"method": question.method, "path": path, "body": question.body});
            self.requests
                .push(self.with_headers(crate::outcome::request(&request)));
            let streamed = question.path.ends_with(":streamGenerateContent");
            let answer = self.script.next(streamed);
            let timeout = question.options["timeout"]
                .as_f64()
                .unwrap_or(f64::INFINITY);
            if answer.delay_ms as f64 / 1000.0 > timeout {
                return Err(self.or_accident(Row::D13, "Timeout"));
            }
            let received = if streamed {
                self.read_stream(&answer)
            } else {
                self.read_whole(&answer, question.reply)
            };
            match received {
                Ok(chunks) => return Ok(chunks),
                Err(failure) if attempts.should_retry(&failure, &answer, self.rows) => {}
                Err(_) if attempts.out_of_time => return Err(fault::accident()),
                Err(failure) => return Err(failure.fault),
            }
        }
    }

    /// Adds the expected headers, if they are recorded.
    fn with_headers(&self, mut request: Value) -> Value {
        let has_body = request["method"] == "POST";
        for name in &self.scenario.record_headers {
            match name.to_lowercase().as_str() {
                name @ "x-goog-api-key" => request["headers"][name] = "(a key)".into(),
                name @ "content-type" if has_body => {
                    request["headers"][name] = "application/json".into();
                }
                _ => {}
            }
        }
        request
    }

    fn read_whole(&self, answer: &Answer, reply: &str) -> Result<Chunks, Failure> {
        let text = match &answer.body {
            Body::Dropped => return Err(self.no_answer()),
            Body::Whole(text) => text.clone(),
            Body::Chunks { chunks, .. } => format!("[{}]", chunks.join(",")),
        };
        if let Some(failure) = self.refusal(answer, &text, false) {
            return Err(failure);
        }
        if matches!(text.trim(), "" | "null") {
            return Err(Failure::last(self.or_accident(Row::D8, "Empty")));
        }
        let value = match serde_json::from_str(self.without_bom(&text)) {
            // A list of one reply, as a stream contains it.
            Ok(Value::Array(mut list)) if list.len() == 1 && self.rows.here(Row::D17) => {
                list.remove(0)
            }
            value => value.unwrap_or(Value::Null),
        };
        let value = self.read(reply, &value, Row::D17)?;
        Ok(VecDeque::from([Ok(value)]))
    }

    fn read_stream(&self, answer: &Answer) -> Result<Chunks, Failure> {
        let (texts, mut end) = match &answer.body {
            Body::Dropped => return Err(self.no_answer()),
            Body::Chunks { chunks, end } => (chunks.clone(), *end),
            Body::Whole(text) => self.elements(text),
        };
        let whole = match &answer.body {
            Body::Whole(text) => text.clone(),
            _ => format!("[{}]", texts.join(",")),
        };
        if let Some(failure) = self.refusal(answer, &whole, true) {
            return Err(failure);
        }
        let mut chunks = VecDeque::new();
        for text in &texts {
            let value = serde_json::from_str(text);
            match &value {
                Ok(value) if self.ignores(value, &chunks) => continue,
                // The Python SDK takes the end of the inner list for that of the stream.
                Ok(Value::Array(_)) if !self.rows.here(Row::D17) => {
                    end = End::Open;
                    break;
                }
                _ => {}
            }
            let value = value.unwrap_or(Value::Null);
            match self.read("GenerateContentResponse", &value, Row::D17) {
                Ok(chunk) => chunks.push_back(Ok(chunk)),
                Err(failure) if chunks.is_empty() => {
                    return Err(if self.rows.here(Row::D12) {
                        failure
                    } else {
                        Failure::last(fault::unknown_stream())
                    });
                }
                Err(failure) => {
                    chunks.push_back(Err(failure.fault));
                    return Ok(chunks);
                }
            }
        }
        let broken = match end {
            End::Proper if chunks.is_empty() && !self.rows.here(Row::D8) => {
                return Err(Failure::last(fault::accident()));
            }
            End::Proper => return Ok(chunks),
            End::Open if self.rows.here(Row::D2) && is_whole(&chunks) => return Ok(chunks),
            End::Cut => Failure {
                retryable: true,
                ..Failure::last(self.or_accident(Row::D2, "Unreachable"))
            },
            End::Open => Failure::last(self.or_accident(Row::D2, "Truncated")),
        };
        if chunks.is_empty() {
            return Err(broken);
        }
        chunks.push_back(Err(broken.fault));
        Ok(chunks)
    }

    /// Returns the elements of a body with a content length, and its end.
    fn elements(&self, text: &str) -> (Vec<String>, End) {
        let text = self.without_bom(text);
        match serde_json::from_str(text) {
            Ok(Value::Array(_)) if !text.starts_with('[') && !self.rows.here(Row::D17) => {
                (Vec::new(), End::Open)
            }
            Ok(Value::Array(elements)) => {
                (elements.iter().map(Value::to_string).collect(), End::Proper)
            }
            // The Python SDK reads arrays only.
            Ok(value) if self.rows.here(Row::D17) => (vec![value.to_string()], End::Proper),
            Ok(_) => (Vec::new(), End::Open),
            Err(_) if text.trim().is_empty() => (Vec::new(), End::Proper),
            Err(_) if text.trim_start().starts_with('[') => (whole_elements(text), End::Open),
            Err(_) if text.trim_start().starts_with('{') => (Vec::new(), End::Open),
            Err(_) if self.rows.here(Row::D17) => (vec![text.to_owned()], End::Open),
            Err(_) => (Vec::new(), End::Open),
        }
    }

    fn read(&self, message: &str, value: &Value, wrong: Row) -> Result<Value, Failure> {
        if let Some(status) = status_in(value)
            && self.rows.here(Row::D12)
        {
            return Err(from_status(None, &status, self.rows));
        }
        known::read(message, value, self.rows)
            .map_err(|_| Failure::last(self.or_accident(wrong, "Decode")))
    }

    /// Returns the failure of a status that is not a success.
    fn refusal(&self, answer: &Answer, text: &str, streamed: bool) -> Option<Failure> {
        let code = answer.status;
        match code {
            200..=299 => return None,
            300..=399 if self.rows.here(Row::D22) => {
                let fault = json!({"kind": fault::kind_of(code), "http_code": code});
                return Some(Failure::last(fault));
            }
            300..=399 => return None,
            _ => {}
        }
        let body: Option<Value> = serde_json::from_str(text).ok();
        let odd = match &body {
            Some(Value::Object(members)) => {
                members.get("error").is_some_and(|error| !error.is_object())
            }
            Some(_) => true,
            None => false,
        };
        if odd && !self.rows.here(Row::D12) {
            let fault = if streamed {
                fault::unknown_stream()
            } else {
                fault::accident()
            };
            return Some(Failure::last(fault));
        }
        let status = body.as_ref().and_then(status_in);
        Some(match status {
            Some(status) => from_status(Some(code), &status, self.rows),
            None => {
                let mut fault = json!({"kind": fault::kind_of(code), "http_code": code});
                let says_nothing = body.is_some() && !self.rows.here(Row::D13);
                if !text.trim().is_empty() && !says_nothing {
                    fault["server_message"] = if self.rows.here(Row::D20) {
                        excerpt(text).into()
                    } else {
                        text.trim().into()
                    };
                }
                Failure {
                    fault,
                    retryable: is_transient(code),
                }
            }
        })
    }

    /// Returns whether an element of a stream has no effect. The Python SDK ignores all except objects and lists. Here
    /// these are keep-alives, and what follows a complete reply (D17).
    fn ignores(&self, element: &Value, before: &Chunks) -> bool {
        let here = self.rows.here(Row::D17);
        match element {
            Value::Null => true,
            Value::Object(_) => false,
            Value::Array(elements) => elements.is_empty() && here,
            other => !here || *other == "" || is_whole(before),
        }
    }

    /// Removes a byte order mark, which the Python SDK does not read.
    fn without_bom<'t>(&self, text: &'t str) -> &'t str {
        match text.strip_prefix('\u{feff}') {
            Some(rest) if self.rows.here(Row::D17) => rest,
            _ => text,
        }
    }

    fn no_answer(&self) -> Failure {
        Failure {
            fault: self.or_accident(Row::D13, "Unreachable"),
            retryable: true,
        }
    }

    fn or_accident(&self, row: Row, ours: &str) -> Value {
        if self.rows.here(row) {
            fault::kind(ours)
        } else {
            fault::accident()
        }
    }
}

/// Returns the text of a body as one line, and an HTML page as its title (D20).
fn excerpt(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = text.to_ascii_lowercase();
    if !lower.starts_with("<html") && !lower.starts_with("<!doctype html") {
        return text;
    }
    let title = lower.find("<title>").map(|at| at + "<title>".len());
    let title = title.and_then(|start| Some(&text[start..lower.find("</title")?]));
    match title.map(str::trim) {
        Some(title) => format!("an HTML page, \"{title}\""),
        None => "an HTML page without a title".to_owned(),
    }
}

/// Returns whether all candidates have ended: no content follows their finish reason.
fn is_whole(chunks: &Chunks) -> bool {
    let mut ended: HashMap<i64, bool> = HashMap::new();
    let candidates = chunks
        .iter()
        .flatten()
        .flat_map(|chunk| chunk["candidates"].as_array().into_iter().flatten());
    for candidate in candidates {
        let ends = !judge::is_unspecified(&candidate["finishReason"]);
        if ends || has_parts(&candidate["content"]) {
            ended.insert(candidate["index"].as_i64().unwrap_or(0), ends);
        }
    }
    !ended.is_empty() && ended.into_values().all(|ends| ends)
}

/// Returns the complete elements of a truncated array.
fn whole_elements(text: &str) -> Vec<String> {
    let mut elements = Vec::new();
    let mut rest = text.trim_start().trim_start_matches('[');
    loop {
        rest = rest.trim_start().trim_start_matches(',');
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                elements.push(value.to_string());
                let end = values.byte_offset();
                rest = &rest[end..];
            }
            _ => return elements,
        }
    }
}

/// Encodes the colons in the name of a model. The last colon of a path precedes the method.
fn encoded(path: &str) -> String {
    match path.rsplit_once(':') {
        Some((name, method)) => format!("{}:{method}", name.replace(':', "%3A")),
        None => path.to_owned(),
    }
}

/// Returns whether a path consists of valid segments.
fn is_well_formed(path: &str) -> bool {
    let name = path.rsplit_once(':').map_or(path, |(name, _)| name);
    let is_word = |word: &str| !matches!(word, "" | "." | "..");
    let is_refused =
        |char: char| char.is_whitespace() || char.is_control() || "?#%\\".contains(char);
    name.split('/').skip(1).all(is_word) && !name.contains(is_refused)
}
