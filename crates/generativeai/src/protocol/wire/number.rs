//! Numbers, which JSON of this API writes as numbers or as strings.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

use super::Wire;

macro_rules! integer {
    ($type:ty, $visitor:ident, $expecting:literal) => {
        impl Wire for $type {
            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($visitor)
            }
        }

        struct $visitor;

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
                let whole = number as $type;
                if whole as f64 == number {
                    Ok(whole)
                } else {
                    Err(out_of_range(number, $expecting))
                }
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                text.parse().map_err(|_| out_of_range(text, $expecting))
            }
        }
    };
}

integer!(i32, Int32, "a whole number of 32 bits");
integer!(i64, Int64, "a whole number of 64 bits");

fn out_of_range<E: Error>(found: impl fmt::Display, expected: &str) -> E {
    E::custom(format_args!("`{found}` is not {expected}"))
}

impl Wire for f64 {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Double)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
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
