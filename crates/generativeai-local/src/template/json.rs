//! Serializes template values as Python's `json.dumps` does.
//!
//! Models were trained on prompts that Python wrote, with its spaces after separators and its forms of numbers. JSON
//! that differs from it in a space consists of other tokens.

use std::fmt::{self, Write};

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

use super::bounded::BoundedText;
use super::python;

/// Maximum number of spaces of an indentation.
pub(super) const MAX_INDENT: usize = 32;
/// Maximum nesting of a value, since the functions here recurse.
const MAX_DEPTH: usize = 128;

/// Arguments of `json.dumps`. The default writes `{"a": 1, "b": [2, 3]}`.
#[derive(Clone, Debug)]
pub(super) struct JsonStyle {
    /// Escapes all characters outside of ASCII.
    pub(super) ensure_ascii: bool,
    /// Sorts the members of objects by their keys.
    pub(super) sort_keys: bool,
    /// Text of one level of indentation; `None` writes everything on one line.
    pub(super) indent: Option<String>,
    pub(super) item_separator: String,
    pub(super) key_separator: String,
}

impl Default for JsonStyle {
    fn default() -> Self {
        Self {
            ensure_ascii: false,
            sort_keys: false,
            indent: None,
            item_separator: ", ".to_owned(),
            key_separator: ": ".to_owned(),
        }
    }
}

impl JsonStyle {
    /// Sets the indentation. As in Python, items are then separated by `,` without a space.
    pub(super) fn with_indent(mut self, indent: String) -> Self {
        self.indent = Some(indent);
        self.item_separator = ",".to_owned();
        self
    }
}

/// Serializes a value.
///
/// # Errors
///
/// The value contains something that JSON cannot represent, such as an undefined value, or `out` is full.
pub(super) fn write(value: &Value, style: &JsonStyle, out: &mut impl Write) -> Result<(), Error> {
    write_value(value, style, 0, out)
}

fn write_value(
    value: &Value,
    style: &JsonStyle,
    depth: usize,
    out: &mut impl Write,
) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(invalid("the value is nested too deep for JSON"));
    }
    match value.kind() {
        ValueKind::None => out.write_str("null")?,
        ValueKind::Bool => out.write_str(if value.is_true() { "true" } else { "false" })?,
        ValueKind::Number => out.write_str(&python::json_number(value))?,
        ValueKind::String => write_string(value.as_str().unwrap_or_default(), style, out)?,
        ValueKind::Map => write_map(value, style, depth, out)?,
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Vec<Value> = value.try_iter()?.collect();
            write_items(style, depth, ['[', ']'], items.iter(), out, |item, out| {
                write_value(item, style, depth + 1, out)
            })?;
        }
        kind => return Err(invalid(format!("a value of type {kind} is not JSON"))),
    }
    Ok(())
}

fn write_map(
    value: &Value,
    style: &JsonStyle,
    depth: usize,
    out: &mut impl Write,
) -> Result<(), Error> {
    let mut members = Vec::new();
    for key in value.try_iter()? {
        let member = value.get_item(&key)?;
        // As in Python, keys that are numbers, booleans or `none` become strings.
        let key = match key.as_str() {
            Some(key) => key.to_owned(),
            None => {
                let mut text = BoundedText::default();
                write(&key, style, &mut text)?;
                text.0
            }
        };
        members.push((key, member));
    }
    if style.sort_keys {
        members.sort_by(|a, b| a.0.cmp(&b.0));
    }
    write_items(
        style,
        depth,
        ['{', '}'],
        members.iter(),
        out,
        |member, out| {
            write_string(&member.0, style, out)?;
            out.write_str(&style.key_separator)?;
            write_value(&member.1, style, depth + 1, out)
        },
    )
}

/// Writes the items of an array or object between brackets.
fn write_items<T, W: Write>(
    style: &JsonStyle,
    depth: usize,
    [open, close]: [char; 2],
    items: impl ExactSizeIterator<Item = T>,
    out: &mut W,
    mut write: impl FnMut(T, &mut W) -> Result<(), Error>,
) -> Result<(), Error> {
    let indent = style.indent.as_ref().filter(|_| items.len() > 0);
    let line_break = |depth: usize, out: &mut W| -> fmt::Result {
        let Some(indent) = indent else {
            return Ok(());
        };
        out.write_char('\n')?;
        (0..depth).try_for_each(|_| out.write_str(indent))
    };
    out.write_char(open)?;
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.write_str(&style.item_separator)?;
        }
        line_break(depth + 1, out)?;
        write(item, out)?;
    }
    line_break(depth, out)?;
    Ok(out.write_char(close)?)
}

fn write_string(text: &str, style: &JsonStyle, out: &mut impl Write) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\""),
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            '\u{8}' => out.write_str("\\b"),
            '\u{c}' => out.write_str("\\f"),
            // JSON escapes a character beyond U+FFFF as a surrogate pair.
            c if c < ' ' || (style.ensure_ascii && !c.is_ascii()) => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .try_for_each(|unit| write!(out, "\\u{unit:04x}")),
            c => out.write_char(c),
        }?;
    }
    out.write_char('"')
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}
