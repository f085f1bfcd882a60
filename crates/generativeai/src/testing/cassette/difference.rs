//! Differences between two JSON values, as text.

use std::fmt::Write;

use serde_json::Value;

/// Maximum number of differences in a message.
const MAX_DIFFERENCES: usize = 4;

/// Number of characters of a value in a message.
const EXCERPT: usize = 60;

/// Number of those characters that precede the first different one.
const CONTEXT: usize = 20;

/// Describes where a request differs from a recorded one: JSON pointers and both values.
///
/// Both values are shown from shortly before the first different character, since a long prompt often differs only near
/// its end.
pub(super) fn differences(recorded: &Value, sent: &Value) -> String {
    let mut found = Vec::new();
    compare("", Some(recorded), Some(sent), &mut found);
    let more = found.len().saturating_sub(MAX_DIFFERENCES);
    found.truncate(MAX_DIFFERENCES);
    let mut text = found.join("; ");
    if more > 0 {
        write!(text, "; and {more} more").expect("writing to a string succeeds");
    }
    text
}

fn compare(path: &str, recorded: Option<&Value>, sent: Option<&Value>, found: &mut Vec<String>) {
    match (recorded, sent) {
        (recorded, sent) if recorded == sent => {}
        (Some(Value::Object(recorded)), Some(Value::Object(sent))) => {
            let new = sent.keys().filter(|name| !recorded.contains_key(*name));
            for name in recorded.keys().chain(new) {
                let path = format!("{path}/{name}");
                compare(&path, recorded.get(name), sent.get(name), found);
            }
        }
        (Some(Value::Array(recorded)), Some(Value::Array(sent))) => {
            for at in 0..recorded.len().max(sent.len()) {
                let path = format!("{path}/{at}");
                compare(&path, recorded.get(at), sent.get(at), found);
            }
        }
        _ => {
            let [recorded, sent] = [recorded, sent]
                .map(|value| value.map_or_else(|| "nothing".to_owned(), Value::to_string));
            let from = common_prefix(&recorded, &sent).saturating_sub(CONTEXT);
            let [recorded, sent] = [recorded, sent].map(|text| excerpt(&text, from));
            found.push(format!("{path}: recorded {recorded}, sent {sent}"));
        }
    }
}

/// Returns the length of the common prefix of two strings, in characters.
fn common_prefix(one: &str, other: &str) -> usize {
    one.chars()
        .zip(other.chars())
        .take_while(|(one, other)| one == other)
        .count()
}

fn excerpt(text: &str, from: usize) -> String {
    let mut left = text.chars().skip(from);
    let mut shown: String = left.by_ref().take(EXCERPT).collect();
    if from > 0 {
        shown.insert(0, '…');
    }
    if left.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_has_its_json_pointer_and_both_values() {
        let recorded = json!({"contents": [{"parts": [{"text": "Hello"}]}], "old": 1});
        let sent = json!({"contents": [{"parts": [{"text": "Hullo"}, {}]}], "new": {"a": 2}});

        assert_eq!(
            differences(&recorded, &sent),
            "/contents/0/parts/0/text: recorded \"Hello\", sent \"Hullo\"; \
             /contents/0/parts/1: recorded nothing, sent {}; \
             /old: recorded 1, sent nothing; /new: recorded nothing, sent {\"a\":2}"
        );
    }

    #[test]
    fn long_strings_are_cut_around_the_first_different_character() {
        let text = |middle: &str| json!("é".repeat(500) + middle + &"z".repeat(500));

        let shown = differences(&text("one"), &text("two"));

        assert!(shown.contains("éone") && shown.contains("étwo"), "{shown}");
        assert!(shown.chars().count() < 200, "{shown}");
    }

    #[test]
    fn many_differences_are_counted() {
        let shown = differences(&json!([1, 2, 3, 4, 5, 6]), &json!([0, 0, 0, 0, 0, 0]));

        assert!(shown.ends_with("; and 2 more"), "{shown}");
    }
}
