//! A request and its answer: attempts, statuses, bodies.

use std::collections::{HashMap, VecDeque};

use serde_json::{Value, json};

use super::known;
use crate::fault;
use crate::rows::{Row, Rows};
use crate::scenario::Scenario;
use crate::script::{Answer, Body, End, Script};

/// What is outside of the chat: the server, and the functions that can be called.
#[derive(Clone)]
pub(super) struct World<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) rows: &'s Rows,
    pub(super) requests: Vec<Value>,
    pub(super) function_calls: Vec<Value>,
    pub(super) called: HashMap<String, usize>,
    script: Script,
}

/// A request that is made, once or more often.
pub(super) struct Question<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// The message of the answer.
    pub(super) reply: &'a str,
    pub(super) body: Value,
    pub(super) options: &'a Value,
}

/// The chunks of an answer; after an error nothing more comes. A whole answer is one chunk.
pub(super) type Chunks = VecDeque<Result<Value, Value>>;

/// Why an attempt did not help, and whether another may.
struct Failure {
    fault: Value,
    again: bool,
}

impl Failure {
    fn last(fault: Value) -> Self {
        Self {
            fault,
            again: false,
        }
    }
}

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

    /// Makes a request until it has an answer or is given up.
    pub(super) fn ask(&mut self, question: &Question<'_>) -> Result<Chunks, Value> {
        if !is_well_formed(question.path) {
            return Err(fault::request());
        }
        let mut attempts = Attempts::new(question.options);
        loop {
            let request =
                json!({"method": question.method, "path": question.path, "body": question.body});
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
            let heard = if streamed {
                self.read_stream(&answer)
            } else {
                self.read_whole(&answer, question.reply)
            };
            match heard {
                Ok(chunks) => return Ok(chunks),
                Err(failure) if attempts.goes_on(&failure, &answer, self.rows) => {}
                Err(_) if attempts.out_of_time => return Err(fault::accident()),
                Err(failure) => return Err(failure.fault),
            }
        }
    }

    /// The headers that are recorded, as they have to be.
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
        let value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let value = self.read(reply, &value, Row::D17)?;
        Ok(VecDeque::from([Ok(value)]))
    }

    fn read_stream(&self, answer: &Answer) -> Result<Chunks, Failure> {
        let (texts, end) = match &answer.body {
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
            let value = serde_json::from_str(text).unwrap_or(Value::Null);
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
            End::Cut => Failure {
                again: true,
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

    /// The elements of a body that came in one piece, and how it ends.
    fn elements(&self, text: &str) -> (Vec<String>, End) {
        match serde_json::from_str(text) {
            Ok(Value::Array(elements)) => {
                (elements.iter().map(Value::to_string).collect(), End::Proper)
            }
            // The recorded program reads arrays alone.
            Ok(value) if self.rows.here(Row::D17) => (vec![value.to_string()], End::Proper),
            Ok(_) => (Vec::new(), End::Open),
            Err(_) if text.trim().is_empty() => (Vec::new(), End::Proper),
            Err(_) if text.trim_start().starts_with('[') => (whole_elements(text), End::Open),
            Err(_) if text.trim_start().starts_with('{') => (Vec::new(), End::Open),
            Err(_) if self.rows.here(Row::D17) => (vec!["null".to_owned()], End::Open),
            Err(_) => (Vec::new(), End::Open),
        }
    }

    fn read(&self, message: &str, value: &Value, wrong: Row) -> Result<Value, Failure> {
        if let Some(status) = status_in(value)
            && self.rows.here(Row::D12)
        {
            return Err(told(None, &status, self.rows));
        }
        known::read(message, value, self.rows)
            .map_err(|_| Failure::last(self.or_accident(wrong, "Decode")))
    }

    /// The failure that a status says.
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
            Some(status) => told(Some(code), &status, self.rows),
            None => {
                let mut fault = json!({"kind": fault::kind_of(code), "http_code": code});
                let says_nothing = body.is_some() && !self.rows.here(Row::D13);
                if !text.trim().is_empty() && !says_nothing {
                    fault["server_message"] = text.trim().into();
                }
                Failure {
                    fault,
                    again: is_passing(code),
                }
            }
        })
    }

    fn no_answer(&self) -> Failure {
        Failure {
            fault: self.or_accident(Row::D13, "Unreachable"),
            again: true,
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

/// The elements of an array that breaks off, as far as they are whole.
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

/// The status in an answer, or in the first element of an answer that has one.
fn status_in(value: &Value) -> Option<Value> {
    let holder = match value {
        Value::Array(elements) => elements
            .iter()
            .find(|element| element.get("error").is_some())?,
        value => value,
    };
    holder
        .get("error")
        .filter(|status| !status.is_null())
        .cloned()
}

/// The failure that a status object tells of.
fn told(code: Option<u16>, status: &Value, rows: &Rows) -> Failure {
    let said = match status {
        Value::String(message) => json!({ "message": message }),
        other => other.clone(),
    };
    let effective = code.unwrap_or_else(|| code_of(&said));
    let mut fault = json!({"kind": fault::kind_of(effective)});
    let mut again = is_passing(effective);
    if rows.here(Row::D13) {
        if effective == 429 && is_daily_quota(&said) {
            fault = fault::kind("Quota");
            again = false;
        } else if is_about_the_key(&said) {
            fault = fault::kind("Authentication");
        }
    }
    if let Some(code) = code {
        fault["http_code"] = code.into();
    }
    if let Some(message) = said["message"].as_str() {
        fault["server_message"] = message.into();
    }
    if said["details"]
        .as_array()
        .is_some_and(|details| !details.is_empty())
    {
        fault["details"] = said["details"].clone();
    }
    if rows.here(Row::D13)
        && let Some(name) = said["status"].as_str()
    {
        fault["status"] = name.into();
    }
    Failure { fault, again }
}

/// Whether a quota of the day is used up.
fn is_daily_quota(status: &Value) -> bool {
    let details = status["details"].as_array().into_iter().flatten();
    let violations = details
        .filter_map(|detail| detail["violations"].as_array())
        .flatten();
    violations
        .filter_map(|violation| violation["quotaId"].as_str())
        .any(|id| {
            let id = id.to_lowercase();
            id.contains("perday") || id.contains("per_day") || id.contains("daily")
        })
}

fn is_about_the_key(status: &Value) -> bool {
    let mut details = status["details"].as_array().into_iter().flatten();
    details.any(|detail| {
        detail["reason"]
            .as_str()
            .is_some_and(|reason| reason.starts_with("API_KEY_"))
    })
}

/// The HTTP code that a status stands for.
fn code_of(status: &Value) -> u16 {
    match (status["code"].as_u64(), status["status"].as_str()) {
        (Some(code @ 300..600), _) => code as u16,
        (_, Some("INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE")) => 400,
        (_, Some("UNAUTHENTICATED")) => 401,
        (_, Some("PERMISSION_DENIED")) => 403,
        (_, Some("NOT_FOUND")) => 404,
        (_, Some("ABORTED" | "ALREADY_EXISTS")) => 409,
        (_, Some("RESOURCE_EXHAUSTED")) => 429,
        (_, Some("CANCELLED")) => 499,
        (_, Some("UNIMPLEMENTED")) => 501,
        (_, Some("UNAVAILABLE")) => 503,
        (_, Some("DEADLINE_EXCEEDED")) => 504,
        _ => 500,
    }
}

fn is_passing(code: u16) -> bool {
    matches!(code, 408 | 429 | 500 | 502 | 503 | 504)
}

/// What was tried so far.
struct Attempts {
    made: u32,
    retried: bool,
    unauthorized: u32,
    waited: f64,
    next_wait: f64,
    deadline: f64,
    out_of_time: bool,
}

impl Attempts {
    fn new(options: &Value) -> Self {
        Self {
            made: 0,
            retried: options.get("retry").is_none_or(|retry| !retry.is_null()),
            unauthorized: 0,
            waited: 0.0,
            next_wait: 1.0,
            deadline: options["retry_deadline"].as_f64().unwrap_or(600.0),
            out_of_time: false,
        }
    }

    /// Whether another attempt is made (D13).
    fn goes_on(&mut self, failure: &Failure, answer: &Answer, rows: &Rows) -> bool {
        self.made += 1;
        if rows.here(Row::D13) {
            return self.retried
                && failure.again
                && self.made < 4
                && !asks_for_long(failure, answer);
        }
        if answer.status == 401 && self.unauthorized < 2 {
            self.unauthorized += 1;
            return true;
        }
        if failure.fault["http_code"] != 503 || !self.retried {
            return false;
        }
        if self.waited + self.next_wait > self.deadline {
            self.out_of_time = true;
            return false;
        }
        self.waited += self.next_wait;
        self.next_wait = (self.next_wait * 1.3).min(10.0);
        true
    }
}

/// Whether the service asks to wait for more than a minute.
fn asks_for_long(failure: &Failure, answer: &Answer) -> bool {
    let header = answer
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    let header = header.filter(|_| answer.status >= 400);
    let header = header.and_then(|(_, value)| value.parse::<f64>().ok());
    let details = failure.fault["details"].as_array().into_iter().flatten();
    let delays = details.filter_map(|detail| {
        detail["retryDelay"]
            .as_str()?
            .strip_suffix('s')?
            .parse::<f64>()
            .ok()
    });
    header
        .into_iter()
        .chain(delays)
        .any(|seconds| seconds > 60.0)
}

/// Whether a path is one of words.
fn is_well_formed(path: &str) -> bool {
    let name = path.rsplit_once(':').map_or(path, |(name, _)| name);
    let is_word = |word: &str| !matches!(word, "" | "." | "..");
    let is_refused =
        |char: char| char.is_whitespace() || char.is_control() || "?#%\\".contains(char);
    name.split('/').skip(1).all(is_word) && !name.contains(is_refused)
}
