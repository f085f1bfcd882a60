//! What a function may give back, and how it becomes an answer for the model.

use std::any::Any;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::error::Error as StdError;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::protocol::content::FunctionResponse;

/// Why a function failed, as it said itself.
pub(crate) type Failure = Box<dyn StdError + Send + Sync>;

/// What a function may give back.
///
/// - A value: nothing, a text, a number, a list, a map, or any other type that serialises within
///   [`Json`]. One that is no object reaches the model as `{"result": …}`.
/// - A [`FunctionResponse`], for media beside the value, such as pictures. Its name and id are set to
///   those of the call.
/// - A [`Result`] of anything that serialises and any error: a text, an [`Error`](StdError), a box of
///   one. The model reads `{"error": …}` with the message and its causes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be what a function gives back to the model",
    label = "neither a simple value nor a `Result`",
    note = "give a value that serialises as `Ok(value)` or `generativeai::Json(value)`",
    note = "the error of a `Result` is a text, an `Error + Send + Sync`, or a box of one"
)]
pub trait Answer {
    /// The answer for the model, or why there is none.
    ///
    /// # Errors
    /// What the function failed with, or why its result does not serialise.
    fn answer(self) -> Result<FunctionResponse, Box<dyn StdError + Send + Sync>>;
}

/// A value that serialises, as what a function gives back.
///
/// ```
/// use generativeai::{Function, Json};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Time { hour: u8, minute: u8 }
///
/// Function::new("now", "Tells the time.", || Json(Time { hour: 12, minute: 30 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// The answer that bears a value: its JSON, unless it is an answer already.
pub(crate) fn of<T: Serialize + 'static>(value: T) -> Result<FunctionResponse, Failure> {
    let mut value = Some(value);
    if let Some(response) = (&mut value as &mut dyn Any).downcast_mut::<Option<FunctionResponse>>()
    {
        return Ok(response.take().unwrap_or_default());
    }
    let value = serde_json::to_value(value)
        .map_err(|error| format!("the result cannot be written as JSON: {error}"))?;
    Ok(FunctionResponse::new(String::new(), value))
}

impl Answer for FunctionResponse {
    fn answer(self) -> Result<FunctionResponse, Failure> {
        Ok(self)
    }
}

impl<T: Serialize + 'static> Answer for Json<T> {
    fn answer(self) -> Result<FunctionResponse, Failure> {
        of(self.0)
    }
}

impl<T: Serialize + 'static, E: Into<Failure>> Answer for Result<T, E> {
    fn answer(self) -> Result<FunctionResponse, Failure> {
        of(self.map_err(Into::into)?)
    }
}

macro_rules! answers {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {
        $(impl<$($generics)*> Answer for $type {
            fn answer(self) -> Result<FunctionResponse, Failure> {
                of(self)
            }
        })*
    };
}

answers! {
    [] (), [] bool, [] char, [] String, [] &'static str, [] Cow<'static, str>,
    [] i8, [] i16, [] i32, [] i64, [] i128, [] isize,
    [] u8, [] u16, [] u32, [] u64, [] u128, [] usize,
    [] f32, [] f64,
    [] Value, [] Map<String, Value>,
    [T: Serialize + 'static] Option<T>,
    [T: Serialize + 'static] Vec<T>,
    [T: Serialize + 'static] BTreeSet<T>,
    [T: Serialize + 'static, S: 'static] HashSet<T, S>,
    [K: Serialize + 'static, V: Serialize + 'static] BTreeMap<K, V>,
    [K: Serialize + 'static, V: Serialize + 'static, S: 'static] HashMap<K, V, S>,
    [A: Serialize + 'static, B: Serialize + 'static] (A, B),
    [A: Serialize + 'static, B: Serialize + 'static, C: Serialize + 'static] (A, B, C),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::content::Blob;

    fn said(answer: impl Answer) -> Value {
        let response = answer.answer().expect("an answer").response;
        Value::Object(response.expect("an object"))
    }

    #[test]
    fn a_value_that_is_no_object_becomes_one() {
        assert_eq!(said(()), json!({"result": null}));
        assert_eq!(said("12:30"), json!({"result": "12:30"}));
        assert_eq!(said(vec![1, 2]), json!({"result": [1, 2]}));
        assert_eq!(said(Some(1.5)), json!({"result": 1.5}));
        assert_eq!(said(HashMap::from([("a", 1)])), json!({"a": 1}));
        assert_eq!(said(Json(json!({"a": 1}))), json!({"a": 1}));
    }

    #[test]
    fn a_result_gives_its_value_or_its_error() {
        let ok: Result<u8, String> = Ok(3);
        let text: Result<u8, &str> = Err("no such mountain");
        let io: Result<u8, std::io::Error> = Err(std::io::Error::other("disk full"));

        assert_eq!(said(ok), json!({"result": 3}));
        assert_eq!(text.answer().unwrap_err().to_string(), "no such mountain");
        assert_eq!(io.answer().unwrap_err().to_string(), "disk full");
    }

    #[test]
    fn an_answer_with_media_is_taken_as_it_is() {
        let picture = FunctionResponse::default().parts([Blob::new("image/png", [1, 2])]);
        let fallible: Result<_, String> = Ok(picture.clone());

        assert_eq!(fallible.answer().expect("an answer"), picture);
        assert_eq!(picture.clone().answer().expect("an answer"), picture);
    }

    #[test]
    fn a_value_that_does_not_serialise_is_a_failure() {
        let keyed_by_pairs = HashMap::from([((1, 2), 3)]);

        let error = keyed_by_pairs.answer().unwrap_err().to_string();
        assert!(
            error.starts_with("the result cannot be written as JSON"),
            "{error}"
        );
    }
}
