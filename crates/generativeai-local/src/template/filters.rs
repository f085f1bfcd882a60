//! Filters and functions of Jinja2 whose arguments or results differ in minijinja.

use minijinja::value::{Kwargs, Rest, ValueOrKwargs};
use minijinja::{Environment, Error, Value};
use minijinja_contrib::globals;

use super::{methods, python};

/// Adds these filters and functions to an environment, where they replace those of minijinja.
pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_filter("string", python::to_str);
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("truncate", truncate);
    environment.add_filter("wordcount", |text: &str| {
        let is_part = |char: char| char.is_alphanumeric() || char == '_';
        text.split(|char| !is_part(char))
            .filter(|word| !word.is_empty())
            .count()
    });
    environment.add_filter("center", |text: &str, width: Option<usize>| {
        let width = width.unwrap_or(80).min(MAX_WIDTH);
        let room = width.saturating_sub(text.chars().count());
        let before = methods::before_centered(room, width);
        format!("{}{text}{}", " ".repeat(before), " ".repeat(room - before))
    });
    environment.add_function("joiner", globals::joiner);
    environment.add_function("cycler", |items: Rest<Value>| globals::cycler(items.0));
}

/// Maximum width to which a text is centered. The steps of a template only limit the result once it exists.
const MAX_WIDTH: usize = 4_096;

/// Cuts a text at a length in characters, by default between words. As in Jinja2, a text that exceeds the length by at
/// most `leeway` is not cut.
fn truncate(
    text: &str,
    length: Option<usize>,
    killwords: Option<bool>,
    end: Option<&str>,
    named: Kwargs,
) -> Result<String, Error> {
    let length = length.or(named.get("length")?).unwrap_or(255);
    let killwords = killwords.or(named.get("killwords")?).unwrap_or(false);
    let end = end.or(named.get("end")?).unwrap_or("...");
    let leeway: usize = named.get::<Option<usize>>("leeway")?.unwrap_or(5);
    named.assert_all_used()?;
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(text.to_owned());
    }
    let kept = length.saturating_sub(end.chars().count());
    let cut: String = text.chars().take(kept).collect();
    let cut = match cut.rsplit_once(' ') {
        Some((words, _)) if !killwords => words,
        _ => &cut,
    };
    Ok(format!("{cut}{end}"))
}

/// Converts a value to an integer. Other values become the default, or 0 without one.
fn int(
    value: &Value,
    default: Option<i64>,
    base: Option<u32>,
    named: Kwargs,
) -> Result<i64, Error> {
    let default: Option<i64> = default.or(named.get("default")?);
    let base: u32 = base.or(named.get("base")?).unwrap_or(10);
    named.assert_all_used()?;
    let read = match value.as_str() {
        Some(text) => of_digits(text, base).or_else(|| of_float(text.trim().parse().ok()?)),
        None => value.as_i64().or_else(|| of_float(number(value)?)),
    };
    Ok(read.or(default).unwrap_or_default())
}

/// Reads digits as Python's `int` does, with the prefix of their base and `_` between them.
fn of_digits(text: &str, base: u32) -> Option<i64> {
    let text = text.trim().to_lowercase().replace('_', "");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.as_str()),
    };
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        _ => "",
    };
    let digits = digits.strip_prefix(prefix).unwrap_or(digits);
    let valid = (2..=36).contains(&base);
    valid.then(|| i64::from_str_radix(&format!("{sign}{digits}"), base).ok())?
}

/// Truncates a number towards zero. Returns `None` for infinity and NaN.
fn of_float(number: f64) -> Option<i64> {
    number.is_finite().then_some(number as i64)
}

/// Converts a value to a number. Other values become the default, or 0 without one.
fn float(value: &Value, default: Option<f64>, named: Kwargs) -> Result<f64, Error> {
    let default: Option<f64> = default.or(named.get("default")?);
    named.assert_all_used()?;
    let read = match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => number(value),
    };
    Ok(read.or(default).unwrap_or_default())
}

fn number(value: &Value) -> Option<f64> {
    f64::try_from(value.clone()).ok()
}

/// Replaces a value that is undefined. With `boolean`, replaces any value that is false, such as an empty string.
fn default(value: &Value, arguments: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let arguments = arguments.into_values();
    // Parsed by hand: an argument of type `Option` is `None` both for `none` and for no argument.
    let positional = arguments.iter().take_while(|one| !one.is_kwargs());
    let positional: Vec<&Value> = positional.collect();
    let named = match arguments.last().filter(|last| last.is_kwargs()) {
        Some(last) => Kwargs::try_from(last.clone())?,
        None => Kwargs::from_iter([] as [(&str, Value); 0]),
    };
    let argument = |at: usize, name: &str| match positional.get(at) {
        Some(found) => Ok(Some((*found).clone())),
        None if named.has(name) => named.get(name).map(Some),
        None => Ok(None),
    };
    let other: Option<Value> = argument(0, "default_value")?;
    let boolean: Option<Value> = argument(1, "boolean")?;
    named.assert_all_used()?;
    let is_false = boolean.is_some_and(|boolean| boolean.is_true()) && !value.is_true();
    Ok(match value.is_undefined() || is_false {
        true => other.unwrap_or_else(|| "".into()),
        false => value.clone(),
    })
}
