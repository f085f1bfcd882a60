//! Comparison of recorded JSON with written JSON: equal but for canonical form.

use serde_json::Value;

/// Compares recorded JSON with what was written after reading it.
///
/// Allowed is what the canonical form changes: names in `camelCase`, `null` and empty lists left out, a list instead
/// of its only item, enum values in their own case, and numbers instead of their decimal digits.
pub(super) fn same(recorded: &Value, written: &Value) -> Result<(), String> {
    differ(recorded, written, "")
}

fn differ(recorded: &Value, written: &Value, path: &str) -> Result<(), String> {
    let is_same = match (recorded, written) {
        (Value::Object(members), Value::Object(kept)) => {
            let mut count = 0;
            for (name, value) in members.iter().filter(|(_, value)| !is_absent(value)) {
                let camel = camel_case(name);
                let Some(other) = kept.get(name).or_else(|| kept.get(&camel)) else {
                    return Err(format!("{path}/{name} is lost"));
                };
                differ(value, other, &format!("{path}/{name}"))?;
                count += 1;
            }
            // `null` is kept where it is a value, as in arguments.
            let nulls = kept.values().filter(|value| is_absent(value)).count();
            count == kept.len() || count + nulls == kept.len()
        }
        (Value::Array(items), Value::Array(kept)) => {
            if items.len() != kept.len() {
                return Err(format!(
                    "{path} has {} instead of {} items",
                    kept.len(),
                    items.len()
                ));
            }
            for (at, (item, other)) in items.iter().zip(kept).enumerate() {
                differ(item, other, &format!("{path}/{at}"))?;
            }
            true
        }
        (one, Value::Array(kept)) if kept.len() == 1 => return differ(one, &kept[0], path),
        (Value::String(text), Value::String(other)) => text == other || is_same_name(text, other),
        (Value::String(text), Value::Number(number))
        | (Value::Number(number), Value::String(text)) => *text == number.to_string(),
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        _ => recorded == written,
    };
    match is_same {
        true => Ok(()),
        false => Err(format!("{path} is {written} instead of {recorded}")),
    }
}

fn is_absent(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Returns whether two strings name the same enum value.
fn is_same_name(recorded: &str, written: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    recorded.bytes().all(is_letter) && recorded.eq_ignore_ascii_case(written)
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut camel, word| {
        let mut chars = word.chars();
        camel.extend(chars.next().map(|char| char.to_ascii_uppercase()));
        camel + chars.as_str()
    })
}

#[test]
fn only_canonical_form_is_allowed() {
    use serde_json::json;

    let recorded =
        json!({"a_b": null, "top_k": "4", "parts": {"text": "x"}, "mode": "any", "list": []});
    let written = json!({"topK": 4, "parts": [{"text": "x"}], "mode": "ANY"});
    assert_eq!(same(&recorded, &written), Ok(()));
    for other in [
        json!({"topK": 5, "parts": [{"text": "x"}], "mode": "ANY"}),
        json!({"topK": 4, "parts": [{"text": "x"}]}),
        json!({"topK": 4, "parts": [{"text": "x"}], "mode": "ANY", "new": 1}),
        json!({"topK": 4, "parts": [{"text": "x"}, {}], "mode": "ANY"}),
    ] {
        assert!(same(&recorded, &other).is_err(), "{other}");
    }
}
