//! Text forms of values as Python writes them: `str()` and `repr()`.
//!
//! A template that prints a list or a boolean prints Python's form, such as `True` or `['a']`.

use std::fmt::{self, Write};

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, Value};

use super::bounded::BoundedText;

/// Maximum nesting of a value that is written, since the functions here recurse.
const MAX_DEPTH: usize = 128;

/// Returns `str(value)`: a string unchanged, everything else as `repr` writes it.
///
/// # Errors
///
/// The text is too long.
pub(super) fn to_str(value: &Value) -> Result<String, Error> {
    if let Some(text) = value.as_str() {
        return Ok(text.to_owned());
    }
    let mut out = BoundedText::default();
    write_repr(value, 0, &mut out)?;
    Ok(out.0)
}

/// Returns a number as `json.dumps` writes it. Unlike JSON, Python has `NaN` and `Infinity`.
pub(super) fn json_number(value: &Value) -> String {
    match float(value) {
        Some(number) if number.is_nan() => "NaN".to_owned(),
        Some(number) if number.is_infinite() && number > 0.0 => "Infinity".to_owned(),
        Some(number) if number.is_infinite() => "-Infinity".to_owned(),
        _ => number(value),
    }
}

/// Writes `repr(value)`.
fn write_repr(value: &Value, depth: usize, out: &mut BoundedText) -> fmt::Result {
    if depth > MAX_DEPTH {
        return out.write_str("...");
    }
    match value.kind() {
        ValueKind::Undefined => Ok(()),
        ValueKind::None => out.write_str("None"),
        ValueKind::Bool => out.write_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number => out.write_str(&number(value)),
        ValueKind::String => write_quoted(value.as_str().unwrap_or_default(), out),
        ValueKind::Map => {
            out.write_char('{')?;
            for (index, key) in value.try_iter().into_iter().flatten().enumerate() {
                separate(index, out)?;
                write_repr(&key, depth + 1, out)?;
                out.write_str(": ")?;
                let member = value.get_item(&key).unwrap_or_default();
                write_repr(&member, depth + 1, out)?;
            }
            out.write_char('}')
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let is_tuple = value.downcast_object_ref::<Tuple>().is_some();
            out.write_char(if is_tuple { '(' } else { '[' })?;
            let mut length = 0;
            for (index, item) in value.try_iter().into_iter().flatten().enumerate() {
                separate(index, out)?;
                write_repr(&item, depth + 1, out)?;
                length += 1;
            }
            // `(1,)`: without the comma, it would be a number in parentheses.
            if is_tuple && length == 1 {
                out.write_char(',')?;
            }
            out.write_char(if is_tuple { ')' } else { ']' })
        }
        _ => write!(out, "{value}"),
    }
}

fn separate(index: usize, out: &mut BoundedText) -> fmt::Result {
    out.write_str(if index > 0 { ", " } else { "" })
}

/// Quotes a string with `'`, or with `"` if it contains `'` and no `"`.
fn write_quoted(text: &str, out: &mut BoundedText) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            c if c == quote => write!(out, "\\{c}"),
            c if !is_printable(c) => match u32::from(c) {
                code @ 0..=0xFF => write!(out, "\\x{code:02x}"),
                code @ 0x100..=0xFFFF => write!(out, "\\u{code:04x}"),
                code => write!(out, "\\U{code:08x}"),
            },
            c => out.write_char(c),
        }?;
    }
    out.write_char(quote)
}

/// Returns whether Python prints a character unescaped. It escapes control and format characters, and white space
/// except the blank.
fn is_printable(c: char) -> bool {
    let is_format = matches!(
        c,
        '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
    );
    !c.is_control() && !is_format && (c == ' ' || !c.is_whitespace())
}

/// Returns `str(value)` of a number.
fn number(value: &Value) -> String {
    match float(value) {
        Some(number) if number.is_nan() => "nan".to_owned(),
        Some(number) if number.is_infinite() => {
            if number > 0.0 { "inf" } else { "-inf" }.to_owned()
        }
        Some(number) => finite_float(number),
        None => value.to_string(),
    }
}

/// Returns the number if it is not an integer.
fn float(value: &Value) -> Option<f64> {
    (!value.is_integer())
        .then(|| f64::try_from(value.clone()).ok())
        .flatten()
}

/// Writes the shortest digits that parse to an equal number; with an exponent below 1e-4 and from 1e16 on.
///
/// Rust and Python agree on the digits, but not on when to use an exponent and on how to write it.
fn finite_float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if number == 0.0 || (-4..16).contains(&exponent) {
        let plain = number.to_string();
        return if plain.contains('.') {
            plain
        } else {
            format!("{plain}.0")
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (number, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.25e100, "1.25e+100"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(to_str(&Value::from(number)).unwrap(), text);
        }
    }

    #[test]
    fn nested_values_are_written_as_python_writes_them() {
        let value = Value::from(vec![
            Value::from("it's"),
            Value::from("a \"b\"\n"),
            Value::from(true),
            Value::from(()),
            Value::from(7),
        ]);

        let written = to_str(&value).unwrap();
        assert_eq!(written, r#"["it's", 'a "b"\n', True, None, 7]"#);
        assert_eq!(to_str(&Value::from("plain")).unwrap(), "plain");
    }
}
