//! Methods of Python's strings, lists and dicts.
//!
//! A template may call any method of a Python value, because Jinja2 passes the call on to Python. minijinja-contrib has
//! most of these methods. This file has the others, and those that differ there.

use std::fmt::Write as _;

use minijinja::value::{Kwargs, Tuple, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;

use super::bounded::BoundedText;
use super::python;

/// Maximum width to which text is padded. The steps of a template only limit the result once it exists.
const MAX_WIDTH: usize = 4_096;

/// Calls a method of a value.
///
/// # Errors
/// There is no such method, or it fails.
pub(super) fn call(
    state: &mut State,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let own = match (value.as_str(), value.kind()) {
        (Some(text), _) => of_string(text, method, args),
        (_, ValueKind::Seq) if method == "index" => Some(index_in_list(value, args)),
        (_, ValueKind::Seq | ValueKind::Map) if method == "copy" => Some(Ok(value.clone())),
        _ => None,
    };
    own.unwrap_or_else(|| pycompat::unknown_method_callback(state, value, method, args))
}

/// Calls a method of a string; `None` if it is not one of this file.
fn of_string(text: &str, method: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    let one = || from_args::<(&str,)>(args).map(|(argument,)| argument);
    let padded = |before: fn(usize, usize) -> usize| padded(text, args, before);
    Some(match method {
        "removeprefix" => one().map(|prefix| text.strip_prefix(prefix).unwrap_or(text).into()),
        "removesuffix" => one().map(|suffix| text.strip_suffix(suffix).unwrap_or(text).into()),
        "split" => Separator::read(args).map(|separator| separator.split(text).into()),
        "rsplit" => Separator::read(args).map(|separator| separator.rsplit(text).into()),
        "partition" => one().map(|separator| match text.split_once(separator) {
            Some((before, after)) => triple(before, separator, after),
            None => triple(text, "", ""),
        }),
        "rpartition" => one().map(|separator| match text.rsplit_once(separator) {
            Some((before, after)) => triple(before, separator, after),
            None => triple("", "", text),
        }),
        "index" => one().and_then(|part| position(text, text.find(part))),
        "rindex" => one().and_then(|part| position(text, text.rfind(part))),
        "swapcase" => Ok(text.chars().map(swapped).collect::<String>().into()),
        "casefold" => Ok(text.to_lowercase().replace('ß', "ss").into()),
        "isdecimal" => Ok((!text.is_empty() && text.chars().all(|c| c.is_ascii_digit())).into()),
        "join" => joined(text, args),
        "zfill" => zero_filled(text, args),
        "ljust" => padded(|_, _| 0),
        "rjust" => padded(|room, _| room),
        "center" => padded(before_centered),
        _ => return None,
    })
}

/// Arguments of `split` and `rsplit`.
struct Separator {
    /// String between the parts. `None` splits at white space, and drops empty parts.
    text: Option<String>,
    /// Maximum number of splits; `None` for no limit.
    max: Option<usize>,
}

impl Separator {
    fn read(args: &[Value]) -> Result<Self, Error> {
        let (text, max, named): (Option<Value>, Option<i64>, Kwargs) = from_args(args)?;
        let text = match text {
            Some(text) => Some(text),
            None => named.get("sep")?,
        };
        let max = max.or(named.get("maxsplit")?);
        named.assert_all_used()?;
        let text = text.filter(|text| !text.is_none());
        let text = text.map(|text| text.as_str().unwrap_or_default().to_owned());
        if text.as_deref() == Some("") {
            return Err(invalid("empty separator"));
        }
        // A negative number is no limit.
        let max = max.and_then(|max| usize::try_from(max).ok());
        Ok(Self { text, max })
    }

    fn split(&self, text: &str) -> Vec<String> {
        // `splitn` takes the number of parts, which is one more: `usize::MAX` would overflow.
        let max = self.max.unwrap_or(usize::MAX - 1);
        let Some(separator) = &self.text else {
            let (mut parts, mut rest) = (Vec::new(), text.trim_start());
            while !rest.is_empty() {
                let end = rest.find(char::is_whitespace).filter(|_| parts.len() < max);
                let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
                parts.push(part.to_owned());
                rest = after.trim_start();
            }
            return parts;
        };
        text.splitn(max + 1, separator.as_str())
            .map(str::to_owned)
            .collect()
    }

    fn rsplit(&self, text: &str) -> Vec<String> {
        let max = self.max.unwrap_or(usize::MAX - 1);
        let mut parts = Vec::new();
        if let Some(separator) = &self.text {
            parts.extend(text.rsplitn(max + 1, separator.as_str()).map(str::to_owned));
        } else {
            let mut rest = text.trim_end();
            while !rest.is_empty() {
                let start = rest
                    .char_indices()
                    .rfind(|(_, c)| c.is_whitespace() && parts.len() < max)
                    .map_or(0, |(at, c)| at + c.len_utf8());
                let (before, part) = rest.split_at(start);
                parts.push(part.to_owned());
                rest = before.trim_end();
            }
        }
        parts.reverse();
        parts
    }
}

fn triple(before: &str, separator: &str, after: &str) -> Value {
    Tuple::from([before, separator, after].map(Value::from)).into()
}

/// Converts a position in bytes to one in characters.
fn position(text: &str, found: Option<usize>) -> Result<Value, Error> {
    let at = found.ok_or_else(|| invalid("substring not found"))?;
    Ok(text[..at].chars().count().into())
}

fn index_in_list(list: &Value, args: &[Value]) -> Result<Value, Error> {
    let (wanted,): (&Value,) = from_args(args)?;
    let at = list.try_iter()?.position(|item| item == *wanted);
    at.map(Value::from)
        .ok_or_else(|| invalid("the value is not in the list"))
}

fn swapped(c: char) -> String {
    match c.is_uppercase() {
        true => c.to_lowercase().collect(),
        false => c.to_uppercase().collect(),
    }
}

/// Joins the items of a list. They may refer to one text many times.
fn joined(separator: &str, args: &[Value]) -> Result<Value, Error> {
    let (items,): (&Value,) = from_args(args)?;
    let mut text = BoundedText::default();
    for (index, item) in items.try_iter()?.enumerate() {
        if index > 0 {
            text.write_str(separator)?;
        }
        text.write_str(&python::to_str(&item)?)?;
    }
    Ok(text.0.into())
}

/// Pads the text to a width. `before` computes how many of the added characters are in front, from their number and
/// the width.
fn padded(text: &str, args: &[Value], before: fn(usize, usize) -> usize) -> Result<Value, Error> {
    let (width, fill): (usize, Option<char>) = from_args(args)?;
    let room = room(text, width)?;
    let before = before(room, width);
    let fill = |count: usize| fill.unwrap_or(' ').to_string().repeat(count);
    Ok(format!("{}{text}{}", fill(before), fill(room - before)).into())
}

/// Returns how many of the characters that center a text are in front of it. As in Python, if their number is odd, the
/// last one is in front if the width is odd, and behind otherwise.
pub(super) fn before_centered(room: usize, width: usize) -> usize {
    room / 2 + (room & width & 1)
}

/// Fills the text with zeros in front, after a sign if there is one.
fn zero_filled(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (width,): (usize,) = from_args(args)?;
    let zeros = "0".repeat(room(text, width)?);
    let digits = text.trim_start_matches(['+', '-']);
    let sign = &text[..(text.len() - digits.len()).min(1)];
    Ok(format!("{sign}{zeros}{}", &text[sign.len()..]).into())
}

/// Returns the number of characters that are missing to a width.
fn room(text: &str, width: usize) -> Result<usize, Error> {
    if width > MAX_WIDTH {
        return Err(invalid(format!("a width is {MAX_WIDTH} at most")));
    }
    Ok(width.saturating_sub(text.chars().count()))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}
