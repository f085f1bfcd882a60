//! Where two JSON values differ, in words.

use std::fmt::Write;

use serde_json::Value;

/// How many places are named.
const MOST_PLACES: usize = 4;

/// How many characters of a value are shown, and how many of them before the first that differs.
const SHOWN: (usize, usize) = (60, 20);

/// The places where what is asked differs from what was recorded.
pub(super) fn differences(recorded: &Value, asked: &Value) -> String {
    let mut places = Vec::new();
    walk("", Some(recorded), Some(asked), &mut places);
    let more = places.len().saturating_sub(MOST_PLACES);
    places.truncate(MOST_PLACES);
    let mut text = places.join("; ");
    if more > 0 {
        write!(text, "; and {more} more").expect("a string takes everything");
    }
    text
}

fn walk(path: &str, recorded: Option<&Value>, asked: Option<&Value>, places: &mut Vec<String>) {
    match (recorded, asked) {
        (recorded, asked) if recorded == asked => {}
        (Some(Value::Object(before)), Some(Value::Object(now))) => {
            let new = now.keys().filter(|name| !before.contains_key(*name));
            for name in before.keys().chain(new) {
                let path = format!("{path}/{name}");
                walk(&path, before.get(name), now.get(name), places);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(now))) => {
            for at in 0..before.len().max(now.len()) {
                let path = format!("{path}/{at}");
                walk(&path, before.get(at), now.get(at), places);
            }
        }
        _ => {
            let [before, now] = [recorded, asked]
                .map(|value| value.map_or_else(|| "nothing".to_owned(), Value::to_string));
            let from = same_beginning(&before, &now).saturating_sub(SHOWN.1);
            let [before, now] = [before, now].map(|text| excerpt(&text, from));
            places.push(format!("{path}: recorded {before}, asked {now}"));
        }
    }
}

/// How many characters two texts begin with alike.
fn same_beginning(one: &str, other: &str) -> usize {
    one.chars()
        .zip(other.chars())
        .take_while(|(one, other)| one == other)
        .count()
}

fn excerpt(text: &str, from: usize) -> String {
    let mut left = text.chars().skip(from);
    let mut shown: String = left.by_ref().take(SHOWN.0).collect();
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
    fn a_difference_is_named_by_its_place_and_both_values() {
        let recorded = json!({"contents": [{"parts": [{"text": "Hello"}]}], "old": 1});
        let asked = json!({"contents": [{"parts": [{"text": "Hullo"}, {}]}], "new": {"a": 2}});

        assert_eq!(
            differences(&recorded, &asked),
            "/contents/0/parts/0/text: recorded \"Hello\", asked \"Hullo\"; \
             /contents/0/parts/1: recorded nothing, asked {}; \
             /old: recorded 1, asked nothing; /new: recorded nothing, asked {\"a\":2}"
        );
    }

    #[test]
    fn of_long_texts_the_place_is_shown_where_they_part() {
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
