//! Retries: which failures are retried, and how often.

use serde_json::Value;

use super::status::Failure;
use crate::rows::{Row, Rows};
use crate::script::Answer;

/// Attempts so far.
pub(super) struct Attempts {
    made: u32,
    by_default: bool,
    retried: bool,
    unauthorized: u32,
    waited: f64,
    next_wait: f64,
    deadline: f64,
    pub(super) out_of_time: bool,
}

impl Attempts {
    /// Creates the count of the attempts of a request. With `by_default`, the Python SDK retries the method even without
    /// options.
    pub(super) fn new(options: &Value, by_default: bool) -> Self {
        Self {
            made: 0,
            by_default,
            retried: options.get("retry").is_none_or(|retry| !retry.is_null()),
            unauthorized: 0,
            waited: 0.0,
            next_wait: 1.0,
            deadline: options["retry_deadline"].as_f64().unwrap_or(600.0),
            out_of_time: false,
        }
    }

    /// Returns whether another attempt follows (D13).
    pub(super) fn should_retry(&mut self, failure: &Failure, answer: &Answer, rows: &Rows) -> bool {
        self.made += 1;
        if rows.here(Row::D13) {
            return self.retried
                && failure.retryable
                && self.made < 4
                && !asks_for_long(failure, answer);
        }
        if answer.status == 401 && self.unauthorized < 2 {
            self.unauthorized += 1;
            return true;
        }
        if failure.fault["http_code"] != 503 || !self.retried || !self.by_default {
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

/// Returns whether the service asks to wait for more than a minute.
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
