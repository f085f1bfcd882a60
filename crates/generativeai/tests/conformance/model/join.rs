//! Merges the chunks of a reply.

use serde_json::{Map, Value, json};

use super::chat::role_of;
use super::judge::{is_unspecified, stops};
use crate::rows::{Row, Rows};

/// The Python SDK cannot merge replies without parts.
pub(super) struct NoPart;

/// Merges one more chunk into a reply.
pub(super) fn join(so_far: Option<&Value>, chunk: &Value, rows: &Rows) -> Result<Value, NoPart> {
    match so_far {
        // The Python SDK leaves a single chunk unmerged (D9).
        None if !rows.here(Row::D9) => Ok(chunk.clone()),
        None => join_two(&json!({}), chunk, rows),
        Some(so_far) => join_two(so_far, chunk, rows),
    }
}

fn join_two(first: &Value, second: &Value, rows: &Rows) -> Result<Value, NoPart> {
    let mut joined = Map::new();
    joined.insert("candidates".into(), candidates(first, second, rows)?);
    let feedback = feedback(
        first.get("promptFeedback"),
        second.get("promptFeedback"),
        rows,
    );
    joined.insert("promptFeedback".into(), feedback);
    carry(&mut joined, first, second, rows);
    joined.retain(|_, value| !value.is_null() && *value != json!([]));
    Ok(Value::Object(joined))
}

/// Adds the members that are not merged: the last one seen (D9), or the one of the last chunk.
fn carry(joined: &mut Map<String, Value>, first: &Value, second: &Value, rows: &Rows) {
    let names = names_of(first)
        .chain(names_of(second))
        .cloned()
        .collect::<Vec<_>>();
    for name in names {
        if joined.contains_key(&name) {
            continue;
        }
        let value = match second.get(&name) {
            Some(value) => value,
            None if rows.here(Row::D9) => &first[&name],
            None => continue,
        };
        joined.insert(name, value.clone());
    }
}

fn names_of(value: &Value) -> impl Iterator<Item = &String> {
    value.as_object().into_iter().flat_map(Map::keys)
}

/// Returns the first feedback, with a block from any chunk (D10).
fn feedback(first: Option<&Value>, second: Option<&Value>, rows: &Rows) -> Value {
    let (first, second) = match (first, second) {
        (Some(first), Some(second)) => (first, second),
        (Some(one), None) => return one.clone(),
        (None, Some(later)) if rows.here(Row::D10) => return later.clone(),
        _ => return Value::Null,
    };
    if !rows.here(Row::D10) {
        return first.clone();
    }
    let mut both = first.clone();
    for name in ["blockReason", "blockReasonMessage"] {
        if is_unspecified(&first[name]) && !second[name].is_null() {
            both[name] = second[name].clone();
        }
    }
    both["safetyRatings"] = ratings(first, second);
    both
}

fn candidates(first: &Value, second: &Value, rows: &Rows) -> Result<Value, NoPart> {
    let mut joined: Vec<Value> = Vec::new();
    let mut seen: Vec<(i64, Option<&Value>, Option<&Value>)> = Vec::new();
    for (is_later, chunk) in [(false, first), (true, second)] {
        let mut without_index = 0;
        for candidate in chunk["candidates"].as_array().into_iter().flatten() {
            // Candidates of a chunk without indices are numbered by position (D22).
            let index = candidate["index"].as_i64().unwrap_or_else(|| {
                without_index += 1;
                if rows.here(Row::D22) {
                    without_index - 1
                } else {
                    0
                }
            });
            let known = seen.iter().position(|(known, ..)| *known == index);
            let at = known.unwrap_or_else(|| {
                seen.push((index, None, None));
                seen.len() - 1
            });
            if is_later {
                seen[at].2 = Some(candidate);
            } else {
                seen[at].1 = Some(candidate);
            }
        }
    }
    seen.sort_by_key(|(index, ..)| *index);
    let nothing = json!({});
    for (index, before, after) in seen {
        let mut candidate = match (before, after) {
            (Some(before), None) if rows.here(Row::D9) => before.clone(),
            (Some(before), None) => candidate(before, None, rows)?,
            (before, Some(after)) => candidate(before.unwrap_or(&nothing), Some(after), rows)?,
            (None, None) => continue,
        };
        if index != 0 {
            candidate["index"] = index.into();
        }
        joined.push(candidate);
    }
    Ok(joined.into())
}

fn candidate(before: &Value, after: Option<&Value>, rows: &Rows) -> Result<Value, NoPart> {
    let nothing = json!({});
    let last = after.unwrap_or(before);
    let second = after.unwrap_or(&nothing);
    let mut joined = Map::new();
    if !last["index"].is_null() {
        joined.insert("index".into(), last["index"].clone());
    }
    joined.insert(
        "content".into(),
        content(&before["content"], &second["content"], rows)?,
    );
    joined.insert("finishReason".into(), finish_reason(before, last, rows));
    joined.insert("safetyRatings".into(), ratings(before, second));
    if rows.here(Row::D9) {
        for name in [
            "citationMetadata",
            "groundingAttributions",
            "groundingMetadata",
            "logprobsResult",
        ] {
            joined.insert(name.into(), accumulated(name, before, second));
        }
        carry(&mut joined, before, second, rows);
    } else {
        for name in ["citationMetadata", "tokenCount"] {
            joined.insert(name.into(), last[name].clone());
        }
    }
    joined.retain(|_, value| !value.is_null() && *value != json!([]));
    Ok(Value::Object(joined))
}

/// Returns the last finish reason. One that stops is not overwritten, and an absent one overwrites none (D10).
fn finish_reason(before: &Value, last: &Value, rows: &Rows) -> Value {
    let (early, late) = (&before["finishReason"], &last["finishReason"]);
    if !rows.here(Row::D10) {
        return late.clone();
    }
    let keeps_early = is_unspecified(late) || (stops(early) && !stops(late));
    if keeps_early {
        early.clone()
    } else {
        late.clone()
    }
}

/// Merges a member that chunks contain in pieces (D9).
fn accumulated(name: &str, first: &Value, second: &Value) -> Value {
    let (first, second) = match (&first[name], &second[name]) {
        (Value::Null, one) | (one, Value::Null) => return one.clone(),
        both => both,
    };
    if let (Some(all), Some(more)) = (first.as_array(), second.as_array()) {
        return with_new(all, more);
    }
    let mut merged = first.clone();
    let has_sources = |one: &Value| {
        one["groundingChunks"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    };
    if let Some(members) = merged.as_object_mut()
        && has_sources(second)
    {
        members.remove("groundingSupports");
    }
    for (member, value) in second.as_object().into_iter().flatten() {
        let known = &merged[member];
        merged[member] = match (name, known.as_array(), value.as_array()) {
            // The sources so far, and what refers to them by index.
            ("groundingMetadata", _, Some(all)) if all.is_empty() => continue,
            ("groundingMetadata", ..) => value.clone(),
            // Tokens may repeat, citations of earlier chunks are repeated.
            ("logprobsResult", Some(all), Some(more)) => [all.as_slice(), more].concat().into(),
            (_, Some(all), Some(more)) => with_new(all, more),
            _ => value.clone(),
        };
    }
    merged
}

fn with_new(all: &[Value], more: &[Value]) -> Value {
    let new = more.iter().filter(|one| !all.contains(one));
    all.iter().chain(new).cloned().collect()
}

/// Returns each category once, where it was first seen, with its last probability. Blocked stays blocked.
fn ratings(first: &Value, second: &Value) -> Value {
    let mut joined: Vec<Value> = Vec::new();
    let all = [first, second]
        .into_iter()
        .flat_map(|one| one["safetyRatings"].as_array());
    for rating in all.flatten() {
        match joined
            .iter_mut()
            .find(|known| known["category"] == rating["category"])
        {
            None => joined.push(rating.clone()),
            Some(known) => {
                let blocked = known["blocked"] == true || rating["blocked"] == true;
                *known = rating.clone();
                known["blocked"] = blocked.into();
            }
        }
    }
    joined.into()
}

fn content(first: &Value, second: &Value, rows: &Rows) -> Result<Value, NoPart> {
    let mut parts: Vec<Value> = Vec::new();
    let all = [first, second]
        .into_iter()
        .flat_map(|one| one["parts"].as_array());
    for part in all.flatten() {
        let merged = parts.last_mut().is_some_and(|last| merge(last, part, rows));
        if !merged {
            parts.push(part.clone());
        }
    }
    let role = role_of(first).or_else(|| role_of(second));
    if parts.is_empty() {
        if !rows.here(Row::D15) {
            return Err(NoPart);
        }
        if first.is_null() && second.is_null() {
            return Ok(Value::Null);
        }
    }
    let mut content = json!({ "parts": parts });
    if let Some(role) = role {
        content["role"] = role.into();
    }
    Ok(content)
}

/// Merges a part into the previous one if both are of the same kind. Returns whether it did.
fn merge(last: &mut Value, part: &Value, rows: &Rows) -> bool {
    let plain = |part: &Value| {
        part.as_object().is_some_and(|members| {
            members.iter().all(|(name, value)| {
                name == "thought" && value.is_boolean()
                    || matches!(
                        name.as_str(),
                        "text" | "executableCode" | "codeExecutionResult"
                    )
            })
        })
    };
    // The Python SDK drops unknown members (D11), so they do not prevent a merge.
    let thought = |part: &Value| part["thought"] == true;
    if rows.here(Row::D11) && !(plain(last) && plain(part) && thought(last) == thought(part)) {
        return false;
    }
    if last["executableCode"].is_object() && part["executableCode"].is_object() {
        append(last, part, "executableCode", "code");
        if is_unspecified(&last["executableCode"]["language"]) && rows.here(Row::D9) {
            last["executableCode"]["language"] = part["executableCode"]["language"].clone();
        }
        return true;
    }
    if last["codeExecutionResult"].is_object() && part["codeExecutionResult"].is_object() {
        append(last, part, "codeExecutionResult", "output");
        let outcome = &part["codeExecutionResult"]["outcome"];
        if !(is_unspecified(outcome) && rows.here(Row::D9)) {
            last["codeExecutionResult"]["outcome"] = outcome.clone();
        }
        return true;
    }
    if last["text"].is_string() && part["text"].is_string() {
        let whole = format!("{}{}", words(&last["text"]), words(&part["text"]));
        last["text"] = whole.into();
        return true;
    }
    false
}

fn append(last: &mut Value, part: &Value, kind: &str, text: &str) {
    let whole = format!("{}{}", words(&last[kind][text]), words(&part[kind][text]));
    last[kind][text] = whole.into();
}

fn words(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
