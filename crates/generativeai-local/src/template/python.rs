//! Text forms of values as Python writes them: `str()`, `repr()` and `json.dumps`.
//!
//! A template that prints a list or a boolean prints Python's form, such as `True` or `['a']`. Models were trained on
//! prompts that Python wrote, and JSON that differs from it in a space consists of other tokens.

use std::fmt::{self, Write};

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, ErrorKind, Value};

use super::bounded::BoundedText;

/// Maximum number of spaces of an indentation.
pub(super) const MAX_INDENT: usize = 32;
/// Maximum nesting of a value, since the functions here recurse. A deeper value is an error in both forms: a text that
/// leaves a part of it out would be another prompt.
const MAX_DEPTH: usize = 128;

/// Form of a value. The default is that of `json.dumps` without arguments: `{"a": 1, "b": [2, 3]}`.
#[derive(Clone, Debug)]
pub(super) struct Style {
    /// Writes the form of `repr` instead of JSON. It takes none of the arguments of `json.dumps`.
    pub(super) is_repr: bool,
    /// Escapes all characters outside of ASCII.
    pub(super) ensure_ascii: bool,
    /// Sorts the members of objects by their keys.
    pub(super) sort_keys: bool,
    /// Text of one level of indentation; `None` writes everything on one line.
    pub(super) indent: Option<String>,
    pub(super) item_separator: String,
    pub(super) key_separator: String,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            is_repr: false,
            ensure_ascii: false,
            sort_keys: false,
            indent: None,
            item_separator: ", ".to_owned(),
            key_separator: ": ".to_owned(),
        }
    }
}

impl Style {
    /// Sets the indentation. As in Python, items are then separated by `,` without a space.
    pub(super) fn with_indent(mut self, indent: String) -> Self {
        self.indent = Some(indent);
        self.item_separator = ",".to_owned();
        self
    }

    /// Returns a word in the form of `repr` or of JSON.
    fn word(&self, repr: &'static str, json: &'static str) -> &'static str {
        if self.is_repr { repr } else { json }
    }
}

/// Returns `str(value)`: a string unchanged, everything else as `repr` writes it.
///
/// # Errors
///
/// The text is too long, or the value nested too deep.
pub(super) fn to_str(value: &Value) -> Result<String, Error> {
    if let Some(text) = value.as_str() {
        return Ok(text.to_owned());
    }
    let style = Style {
        is_repr: true,
        ..Style::default()
    };
    let mut out = BoundedText::default();
    write(value, &style, &mut out)?;
    Ok(out.0)
}

/// Writes a value.
///
/// # Errors
///
/// JSON cannot represent the value, such as an undefined one; it is nested too deep, or `out` is full.
pub(super) fn write(value: &Value, style: &Style, out: &mut impl Write) -> Result<(), Error> {
    write_value(value, style, 0, out)
}

fn write_value(
    value: &Value,
    style: &Style,
    depth: usize,
    out: &mut impl Write,
) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(invalid("the value is nested too deep"));
    }
    match value.kind() {
        ValueKind::None => out.write_str(style.word("None", "null"))?,
        ValueKind::Bool if value.is_true() => out.write_str(style.word("True", "true"))?,
        ValueKind::Bool => out.write_str(style.word("False", "false"))?,
        ValueKind::Number => out.write_str(&number(value, style))?,
        ValueKind::String => write_string(value.as_str().unwrap_or_default(), style, out)?,
        ValueKind::Map => write_map(value, style, depth, out)?,
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Vec<Value> = value.try_iter()?.collect();
            let is_tuple = style.is_repr && value.downcast_object_ref::<Tuple>().is_some();
            let brackets = match (is_tuple, items.len()) {
                // Without the comma, it would be a value in parentheses.
                (true, 1) => ["(", ",)"],
                (true, _) => ["(", ")"],
                (false, _) => ["[", "]"],
            };
            write_items(style, depth, brackets, &items, out, |item, out| {
                write_value(item, style, depth + 1, out)
            })?;
        }
        ValueKind::Undefined if style.is_repr => {}
        _ if style.is_repr => write!(out, "{value}")?,
        kind => return Err(invalid(format!("a value of type {kind} is not JSON"))),
    }
    Ok(())
}

fn write_map(
    value: &Value,
    style: &Style,
    depth: usize,
    out: &mut impl Write,
) -> Result<(), Error> {
    let mut members = Vec::new();
    for key in value.try_iter()? {
        let member = value.get_item(&key)?;
        members.push((key, member));
    }
    if style.sort_keys {
        members.sort_by(|a, b| a.0.cmp(&b.0));
    }
    write_items(
        style,
        depth,
        ["{", "}"],
        &members,
        out,
        |(key, member), out| {
            // As in Python, keys that are numbers, booleans or `none` become strings in JSON.
            let is_quoted = style.is_repr || key.as_str().is_some();
            let quote = if is_quoted { "" } else { "\"" };
            out.write_str(quote)?;
            write_value(key, style, depth + 1, out)?;
            out.write_str(quote)?;
            out.write_str(&style.key_separator)?;
            write_value(member, style, depth + 1, out)
        },
    )
}

/// Writes the items of a list or map between brackets.
fn write_items<T, W: Write>(
    style: &Style,
    depth: usize,
    [open, close]: [&str; 2],
    items: &[T],
    out: &mut W,
    mut write: impl FnMut(&T, &mut W) -> Result<(), Error>,
) -> Result<(), Error> {
    let indent = style.indent.as_ref().filter(|_| !items.is_empty());
    let line_break = |depth: usize, out: &mut W| -> fmt::Result {
        let Some(indent) = indent else {
            return Ok(());
        };
        out.write_char('\n')?;
        (0..depth).try_for_each(|_| out.write_str(indent))
    };
    out.write_str(open)?;
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.write_str(&style.item_separator)?;
        }
        line_break(depth + 1, out)?;
        write(item, out)?;
    }
    line_break(depth, out)?;
    Ok(out.write_str(close)?)
}

/// Quotes a string with `"`. `repr` quotes with `'`, unless the text contains `'` and no `"`.
fn write_string(text: &str, style: &Style, out: &mut impl Write) -> fmt::Result {
    let is_single = style.is_repr && (text.contains('"') || !text.contains('\''));
    let quote = if is_single { '\'' } else { '"' };
    out.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            '\u{8}' if !style.is_repr => out.write_str("\\b"),
            '\u{c}' if !style.is_repr => out.write_str("\\f"),
            c if c == quote => write!(out, "\\{c}"),
            c if style.is_repr && !is_printable(c) => match u32::from(c) {
                code @ 0..=0xFF => write!(out, "\\x{code:02x}"),
                code @ 0x100..=0xFFFF => write!(out, "\\u{code:04x}"),
                code => write!(out, "\\U{code:08x}"),
            },
            // JSON escapes a character beyond U+FFFF as a surrogate pair.
            c if c < ' ' || (style.ensure_ascii && !c.is_ascii()) => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .try_for_each(|unit| write!(out, "\\u{unit:04x}")),
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

/// Returns the text of a number. Unlike JSON, `json.dumps` has `NaN` and `Infinity`.
fn number(value: &Value, style: &Style) -> String {
    let float = match value.is_integer() {
        true => None,
        false => f64::try_from(value.clone()).ok(),
    };
    match float {
        None => value.to_string(),
        Some(number) if number.is_nan() => style.word("nan", "NaN").to_owned(),
        Some(f64::INFINITY) => style.word("inf", "Infinity").to_owned(),
        Some(f64::NEG_INFINITY) => style.word("-inf", "-Infinity").to_owned(),
        Some(number) => finite_float(number),
    }
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

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
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

    #[test]
    fn values_that_are_nested_too_deep_are_rejected() {
        let nested = |depth| (0..depth).fold(Value::from(7), |inner, _| Value::from(vec![inner]));

        for is_repr in [false, true] {
            let style = Style {
                is_repr,
                ..Style::default()
            };
            let written = |depth| write(&nested(depth), &style, &mut String::new());

            assert!(written(MAX_DEPTH).is_ok());
            let error = written(MAX_DEPTH + 1).unwrap_err();
            assert_eq!(error.detail(), Some("the value is nested too deep"));
        }
    }
}
