//! Numbers, which the API writes as numbers or as strings.
//!
//! The JSON form of Protocol Buffers writes 64-bit integers as strings, since numbers of JavaScript are `f64`. Some
//! services write all integers with a fraction of zero. All these forms are read. An integer with another fraction, or
//! out of range, is an error.

use std::borrow::Cow;

use serde::Serializer;

use super::Wire;
use super::error::quote;
use super::reader::{Kind, Reader, Result};

impl Wire for i64 {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        integer(reader, "a 64-bit integer")
    }
}

impl Wire for i32 {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        integer(reader, "a 32-bit integer")
    }
}

fn integer<T: TryFrom<i64>>(reader: &mut Reader<'_>, expected: &str) -> Result<T> {
    // Nearly every integer is a short one.
    let short = reader.short_integer().map(i64::from);
    if let Some(Ok(number)) = short.map(T::try_from) {
        return Ok(number);
    }
    let text = text(reader, expected)?;
    let number = parse_integer(&text).and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| reader.error(format!("`{}` is not {expected}", quote(&text))))
}

/// Parses an integer, also in a form such as `1e2` or `100.0`. `None` if it has another fraction, or more than 64 bits.
pub(super) fn parse_integer(text: &str) -> Option<i64> {
    if !text.contains(['.', 'e', 'E']) {
        return text.parse().ok();
    }
    let number: f64 = text.parse().ok()?;
    // `i64::MAX as f64` is rounded up to 2^63, which does not fit. So the upper bound is the negated minimum, which an
    // `f64` represents exactly, and is excluded.
    let (least, above) = (i64::MIN as f64, -(i64::MIN as f64));
    let fits = number.fract() == 0.0 && (least..above).contains(&number);
    fits.then_some(number as i64)
}

/// Returns the text of a number, or of a string that should contain one.
fn text<'a>(reader: &mut Reader<'a>, expected: &str) -> Result<Cow<'a, str>> {
    match reader.kind()? {
        Kind::Number => reader.number().map(Cow::from),
        Kind::String => reader.string(),
        _ => Err(reader.expected(expected)),
    }
}

impl Wire for f64 {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let text = text(reader, "a number")?;
        let number = text.parse();
        number.map_err(|_| reader.error(format!("`{}` is not a number", quote(&text))))
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // JSON does not have these numbers, and serde_json would write `null`, which is read as absent.
        if self.is_nan() {
            serializer.serialize_str("NaN")
        } else if self.is_infinite() {
            serializer.serialize_str(if *self > 0.0 { "Infinity" } else { "-Infinity" })
        } else {
            serializer.serialize_f64(*self)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::protocol::config::GenerationConfig;
    use crate::protocol::files::File;
    use crate::protocol::read_json;

    fn top_k(value: Value) -> Result<Option<i32>, String> {
        let config = serde_json::from_value::<GenerationConfig>(json!({"topK": value}));
        config
            .map(|config| config.top_k)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_integer_is_read_in_every_form() {
        for form in [json!(40), json!(40.0), json!("40"), json!("4e1")] {
            assert_eq!(top_k(form), Ok(Some(40)));
        }
        let file: File = serde_json::from_str(r#"{"sizeBytes":"9007199254740993"}"#).expect("read");
        assert_eq!(file.size_bytes, Some(9_007_199_254_740_993));
    }

    #[test]
    fn an_error_names_a_value_that_is_not_an_integer_in_range() {
        for form in [
            json!(0.5),
            json!(2_147_483_648_i64),
            json!(1e300),
            json!("4O"),
            json!(""),
        ] {
            let error = top_k(form.clone()).expect_err("no number");
            assert!(error.contains("is not a 32-bit integer"), "{form}: {error}");
        }
        for size in ["9223372036854775808.0", "-9223372036854775809", "-1e19"] {
            let file = format!(r#"{{"sizeBytes":{size}}}"#);
            assert!(read_json::<File>(file.as_bytes()).is_err(), "{size}");
        }
    }

    #[test]
    fn an_integer_of_any_length_is_read_and_has_the_form_of_json() {
        let read = |number: &str| {
            let file = format!(r#"{{"sizeBytes":{number}}}"#);
            read_json::<File>(file.as_bytes()).map(|file| file.size_bytes)
        };
        for length in 1..=18 {
            let number = &"123456789987654321"[..length];
            let read_number = Some(number.parse().expect("a number"));
            for text in [
                number.to_owned(),
                format!("{number} "),
                format!(" {number}\n"),
            ] {
                assert_eq!(read(&text).expect("a file"), read_number, "{text:?}");
            }
        }
        assert_eq!(read("0").expect("a file"), Some(0));
        for wrong in ["01", "00", "012345678901", "1x", "", "1 2", "-", "1.", "+1"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_explicit_zero_is_sent() {
        let config = GenerationConfig::default().temperature(0.0).top_k(0);

        assert_eq!(json!(config), json!({"temperature": 0.0, "topK": 0}));
    }
}
