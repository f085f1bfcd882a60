//! Compares the outcome of a scenario with the recording, as the rows change it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::model;
use crate::outcome::{self, Outcome};
use crate::rows::{Row, Rows};
use crate::scenario::Scenario;

/// Result of a comparison.
pub(crate) enum Verdict {
    /// The outcome is the recorded one.
    Identical,
    /// The outcome differs, and these rows explain all of it.
    Different(Vec<Row>),
    /// The outcome differs in a way that no row explains.
    Other(Vec<Difference>),
    /// The scenario could not be played, for this reason.
    Unreadable(String),
}

/// A difference that no row explains.
pub(crate) struct Difference {
    pub(crate) step: String,
    pub(crate) expected: Value,
    pub(crate) got: Value,
}

/// Compares an outcome with the recorded one, as the rows change it.
pub(crate) fn judge(scenario: &Scenario, got: &Outcome) -> Verdict {
    let recorded = outcome::recorded(scenario);
    let (none, all) = (Rows::none(), Rows::all());
    let before = model::play(scenario, &none);
    let after = model::play(scenario, &all);
    let mut expected = rewritten(&recorded, &before, &after);
    let accident = scenario.python_specific && before != recorded;
    if accident && *got == after {
        expected = after.clone();
    }
    if *got != expected {
        return Verdict::Other(differences(scenario, &expected, got));
    }
    let mut needed = needed(scenario, &after, &before, none.asked().chain(all.asked()));
    if accident {
        needed.push(Row::D17);
    }
    if has_error_message(got) {
        needed.push(Row::D20);
    }
    needed.sort_by_key(|row| *row as u32);
    needed.dedup();
    if needed.is_empty() {
        Verdict::Identical
    } else {
        Verdict::Different(needed)
    }
}

/// Returns the recorded outcome with the changes between the two outcomes of the model: without the rows and
/// with them.
fn rewritten(recorded: &Outcome, before: &Outcome, after: &Outcome) -> Outcome {
    let list = |recorded: &[Value], before: &[Value], after: &[Value]| match rewrite(
        &json!(recorded),
        &json!(before),
        &json!(after),
    ) {
        Value::Array(list) => list,
        _ => Vec::new(),
    };
    Outcome {
        setup: rewrite(&recorded.setup, &before.setup, &after.setup),
        steps: list(&recorded.steps, &before.steps, &after.steps),
        requests: list(&recorded.requests, &before.requests, &after.requests),
        function_calls: list(
            &recorded.function_calls,
            &before.function_calls,
            &after.function_calls,
        ),
    }
}

/// Applies the change from `before` to `after` to a recorded value, as deep as the three have the same shape.
fn rewrite(recorded: &Value, before: &Value, after: &Value) -> Value {
    if before == after {
        return recorded.clone();
    }
    if recorded == before {
        return after.clone();
    }
    match (recorded, before, after) {
        (Value::Object(recorded), Value::Object(before), Value::Object(after)) => {
            let names: BTreeSet<&String> = recorded
                .keys()
                .chain(before.keys())
                .chain(after.keys())
                .collect();
            let member = |name: &String| {
                let value = match (recorded.get(name), before.get(name), after.get(name)) {
                    (Some(recorded), Some(before), Some(after)) => rewrite(recorded, before, after),
                    (recorded, before, after) if before == after => recorded?.clone(),
                    (_, _, after) => after?.clone(),
                };
                Some((name.clone(), value))
            };
            Value::Object(names.into_iter().filter_map(member).collect())
        }
        (Value::Array(recorded), Value::Array(before), Value::Array(after))
            if recorded.len() == before.len() && before.len() == after.len() =>
        {
            let three = recorded.iter().zip(before).zip(after);
            three
                .map(|((recorded, before), after)| rewrite(recorded, before, after))
                .collect()
        }
        _ => after.clone(),
    }
}

/// Returns the rows without which the outcome would be another one.
fn needed(
    scenario: &Scenario,
    expected: &Outcome,
    as_recorded: &Outcome,
    asked: impl Iterator<Item = Row>,
) -> Vec<Row> {
    if expected == as_recorded {
        return Vec::new();
    }
    let mut asked: Vec<Row> = asked.collect();
    asked.sort_by_key(|row| *row as u32);
    asked.dedup();
    let is_needed = |row: &Row| model::play(scenario, &Rows::all_but(*row)) != *expected;
    let needed: Vec<Row> = asked.iter().copied().filter(is_needed).collect();
    if !needed.is_empty() {
        return needed;
    }
    // Several rows have the same effect here, and each of them suffices.
    let is_enough = |row: &Row| model::play(scenario, &Rows::only(*row)) != *as_recorded;
    asked.into_iter().filter(is_enough).collect()
}

/// Returns whether the outcome contains an error, whose wording differs (D20).
fn has_error_message(outcome: &Outcome) -> bool {
    fn has_error(value: &Value) -> bool {
        match value {
            Value::Object(members) => members.iter().any(|(name, value)| {
                (matches!(name.as_str(), "error" | "iteration_error")
                    && value.get("kind").is_some())
                    || has_error(value)
            }),
            Value::Array(elements) => elements.iter().any(has_error),
            _ => false,
        }
    }
    has_error(&outcome.setup) || outcome.steps.iter().any(has_error)
}

fn differences(scenario: &Scenario, expected: &Outcome, got: &Outcome) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut differ = |step: String, expected: &Value, got: &Value| {
        if expected != got {
            let (expected, got) = (expected.clone(), got.clone());
            differences.push(Difference {
                step,
                expected,
                got,
            });
        }
    };
    differ("setup".into(), &expected.setup, &got.setup);
    let count = expected.steps.len().max(got.steps.len());
    for number in 0..count {
        let at = |outcome: &Outcome| outcome.steps.get(number).cloned().unwrap_or_default();
        let (expected, got) = (at(expected), at(got));
        let op = scenario
            .steps
            .get(number)
            .map_or("", |step| step.op.as_str());
        for part in ["ok", "error", "history_after"] {
            differ(format!("{number} {op} {part}"), &expected[part], &got[part]);
        }
    }
    for number in 0..expected.requests.len().max(got.requests.len()) {
        let at = |outcome: &Outcome| outcome.requests.get(number).cloned().unwrap_or_default();
        differ(format!("request {number}"), &at(expected), &at(got));
    }
    differ(
        "function calls".into(),
        &json!(expected.function_calls),
        &json!(got.function_calls),
    );
    differences
}
