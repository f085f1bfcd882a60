//! Whole numbers that are written with a fraction, such as `5.0`, which models and some services do.

use serde_json::Value;

/// 2 to the power of 53. Below it, `f64` represents every integer. From it on, a number may have been rounded.
const LIMIT: f64 = 9_007_199_254_740_992.0;

/// Returns the integer that a number represents exactly. `None` if it has a fraction, or may have been rounded.
pub(crate) fn whole_number(number: f64) -> Option<i64> {
    let is_whole = number.fract() == 0.0 && number.abs() < LIMIT;
    is_whole.then_some(number as i64)
}

/// Replaces each number that is written with a fraction of zero by an integer. Returns whether there were any.
pub(crate) fn make_whole(value: &mut Value) -> bool {
    match value {
        Value::Array(items) => make_all_whole(items.iter_mut()),
        Value::Object(members) => make_all_whole(members.values_mut()),
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().and_then(whole_number);
            if let Some(number) = number {
                *value = number.into();
            }
            number.is_some()
        }
        _ => false,
    }
}

fn make_all_whole<'a>(values: impl Iterator<Item = &'a mut Value>) -> bool {
    // `fold`, since `any` would stop at the first number, and all of them have to be replaced.
    values.fold(false, |any, value| make_whole(value) | any)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_with_a_fraction_of_zero_becomes_an_integer() {
        let mut value = json!({"a": [5.0, 2.5, {"b": -0.0}], "c": 9_007_199_254_740_992.0, "d": 7});

        assert!(make_whole(&mut value));

        let whole = json!({"a": [5, 2.5, {"b": 0}], "c": 9_007_199_254_740_992.0, "d": 7});
        assert_eq!(value, whole);
        assert!(!make_whole(&mut value));
    }

    #[test]
    fn a_number_that_may_have_been_rounded_is_not_whole() {
        assert_eq!(
            whole_number(9_007_199_254_740_991.0),
            Some(9_007_199_254_740_991)
        );
        for number in [
            9_007_199_254_740_992.0,
            -1e300,
            0.5,
            f64::NAN,
            f64::INFINITY,
        ] {
            assert_eq!(whole_number(number), None, "{number}");
        }
    }
}
