//! Numbers, which the API writes as numbers or as strings.
//!
//! The JSON form of Protocol Buffers writes 64-bit integers as strings, since numbers of JavaScript are `f64`. Some
//! services write all integers with a fraction of zero. All these forms are read. An integer with another fraction, or
//! out of range, is an error.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

use super::Wire;

/// Implements [`Wire`] for an integer type, which is read from numbers and strings.
macro_rules! integer {
    ($type:ty, $visitor:ident, $expecting:literal) => {
        impl Wire for $type {
            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($visitor)
            }
        }

        pub(super) struct $visitor;

        impl Visitor<'_> for $visitor {
            type Value = $type;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($expecting)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<$type, E> {
                <$type>::try_from(number).map_err(|_| out_of_range(number, $expecting))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<$type, E> {
                <$type>::try_from(number).map_err(|_| out_of_range(number, $expecting))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<$type, E> {
                // `MAX as f64` of an `i64` is rounded up to 2^63, which does not fit. So the upper bound is the negated
                // minimum, which an `f64` represents exactly, and is excluded.
                let (least, above) = (<$type>::MIN as f64, -(<$type>::MIN as f64));
                if number.fract() == 0.0 && (least..above).contains(&number) {
                    Ok(number as $type)
                } else {
                    Err(out_of_range(number, $expecting))
                }
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                if let Ok(number) = text.parse() {
                    return Ok(number);
                }
                // Strings such as `1e2` and `100.0` are integers as well.
                let number = text.parse().unwrap_or(f64::NAN);
                self.visit_f64(number)
                    .map_err(|_: E| out_of_range(text, $expecting))
            }
        }
    };
}

integer!(i32, Int32, "a 32-bit integer");
integer!(i64, Int64, "a 64-bit integer");

fn out_of_range<E: Error>(found: impl fmt::Display, expected: &str) -> E {
    E::custom(format_args!("`{found}` is not {expected}"))
}

impl Wire for f64 {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Double)
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

struct Double;

impl Visitor<'_> for Double {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }

    fn visit_i64<E>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_u64<E>(self, number: u64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        text.parse()
            .map_err(|_| E::custom(format_args!("`{text}` is not a number")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::protocol::config::GenerationConfig;
    use crate::protocol::files::File;

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
        let size = r#"{"sizeBytes":9223372036854775808.0}"#;
        assert!(serde_json::from_str::<File>(size).is_err());
    }

    #[test]
    fn an_explicit_zero_is_sent() {
        let config = GenerationConfig::default().temperature(0.0).top_k(0);

        assert_eq!(json!(config), json!({"temperature": 0.0, "topK": 0}));
    }
}
