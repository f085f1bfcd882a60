//! Return values of functions, as responses that the model reads.

use std::any::Any;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::error::Error as StdError;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::BoxError;
use crate::protocol::content::FunctionResponse;

/// Return value of a function that the model calls.
///
/// | The function returns | The model reads |
/// | --- | --- |
/// | a map, or [`Json`] of a value that serializes as an object | the object |
/// | nothing, a string, a number, a list, a tuple, an `Option` | `{"result": value}` |
/// | a [`FunctionResponse`] | that response with its media, with the name and id of the call |
/// | `Ok(value)`, where `value` implements [`Serialize`] | like `Json(value)` |
/// | `Err(error)` | `{"error": "message: cause: cause"}` |
///
/// The error of a `Result` is a string, an [`Error`](StdError) that is `Send` and `Sync`, or a box of one.
///
/// A function that returns an image, such as a plot or a screenshot, returns a [`FunctionResponse`] with media:
///
/// ```
/// use generativeai::Function;
/// use generativeai::protocol::content::{Blob, FunctionResponse};
/// use serde_json::json;
///
/// let plot = Function::new("plot", "Plots the heights of mountains.", || {
///     let image = Blob::new("image/png", [0x89, b'P', b'N', b'G']);
///     FunctionResponse::new("", json!({"mountains": 3})).parts([image])
/// });
/// # assert_eq!(plot.name(), "plot");
/// ```
///
/// Implement the trait for a type that converts itself:
///
/// ```
/// use generativeai::{Function, IntoFunctionResponse, protocol::content::FunctionResponse};
///
/// /// A height in metres.
/// struct Metres(f64);
///
/// impl IntoFunctionResponse for Metres {
///     fn into_function_response(
///         self,
///     ) -> Result<FunctionResponse, Box<dyn std::error::Error + Send + Sync>> {
///         format!("{} m", self.0).into_function_response()
///     }
/// }
///
/// let height = Function::new("height", "Returns the height of Ben Nevis.", || Metres(1_345.0));
/// # assert_eq!(height.name(), "height");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned to the model",
    label = "neither a simple value nor a `Result`",
    note = "return `generativeai::Json(value)` or `Ok(value)` for a value that implements `serde::Serialize`",
    note = "the error of a `Result` is a string, an `Error + Send + Sync`, or a box of one",
    note = "`#[function]` takes a return type whose name ends in `Result` for a `Result`: if it is not one, \
            return `generativeai::Json<{Self}>`"
)]
pub trait IntoFunctionResponse {
    /// Converts the value into a response. Its name and id may be left out: they are copied from the call.
    ///
    /// # Errors
    /// The error of the function, or the reason why its value cannot be serialized.
    fn into_function_response(self) -> Result<FunctionResponse, Box<dyn StdError + Send + Sync>>;
}

/// Wrapper that lets a function return any value that implements [`Serialize`].
///
/// `#[function]` wraps values itself; closures passed to [`Function::new`](crate::Function::new) need it for
/// types other than those listed at [`IntoFunctionResponse`].
///
/// ```
/// use generativeai::{Function, Json};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Time { hour: u8, minute: u8 }
///
/// Function::new("now", "Returns the time.", || Json(Time { hour: 12, minute: 30 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Json<T>(
    /// The value.
    pub T,
);

/// Converts a value into a response: a [`FunctionResponse`] is returned unchanged, any other value becomes JSON.
///
/// # Errors
/// The value cannot be serialized.
pub(crate) fn from_value<T: Serialize + 'static>(value: T) -> Result<FunctionResponse, BoxError> {
    // `FunctionResponse` implements `Serialize` like any other `T`. Rust has no specialization for it, so its type is
    // compared at run time.
    let mut value = Some(value);
    if let Some(response) = (&mut value as &mut dyn Any).downcast_mut::<Option<FunctionResponse>>()
    {
        return Ok(response.take().unwrap_or_default());
    }
    let value = serde_json::to_value(value)
        .map_err(|error| format!("the result cannot be serialized as JSON: {error}"))?;
    Ok(FunctionResponse::new(String::new(), value))
}

impl IntoFunctionResponse for FunctionResponse {
    fn into_function_response(self) -> Result<FunctionResponse, BoxError> {
        Ok(self)
    }
}

impl<T: Serialize + 'static> IntoFunctionResponse for Json<T> {
    fn into_function_response(self) -> Result<FunctionResponse, BoxError> {
        from_value(self.0)
    }
}

impl<T: Serialize + 'static, E: Into<BoxError>> IntoFunctionResponse for Result<T, E> {
    fn into_function_response(self) -> Result<FunctionResponse, BoxError> {
        from_value(self.map_err(Into::into)?)
    }
}

// One implementation for each type: one for all `T: Serialize` would overlap with the one for `Result`.
macro_rules! serialized {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {
        $(impl<$($generics)*> IntoFunctionResponse for $type {
            fn into_function_response(self) -> Result<FunctionResponse, BoxError> {
                from_value(self)
            }
        })*
    };
}

serialized! {
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

    fn response_of(value: impl IntoFunctionResponse) -> Value {
        let response = value.into_function_response().expect("a response").response;
        Value::Object(response.expect("an object"))
    }

    fn error_of(value: impl IntoFunctionResponse) -> String {
        let error = value.into_function_response().expect_err("an error");
        error.to_string()
    }

    #[test]
    fn a_value_that_is_not_an_object_is_wrapped_in_one() {
        assert_eq!(response_of(()), json!({"result": null}));
        assert_eq!(response_of("12:30"), json!({"result": "12:30"}));
        assert_eq!(response_of(vec![1, 2]), json!({"result": [1, 2]}));
        assert_eq!(response_of(Some(1.5)), json!({"result": 1.5}));
        assert_eq!(response_of(HashMap::from([("a", 1)])), json!({"a": 1}));
        assert_eq!(response_of(Json(json!({"a": 1}))), json!({"a": 1}));
    }

    #[test]
    fn a_result_becomes_its_value_or_its_error() {
        let ok: Result<u8, String> = Ok(3);
        let text: Result<u8, &str> = Err("no such mountain");
        let io: Result<u8, std::io::Error> = Err(std::io::Error::other("disk full"));

        assert_eq!(response_of(ok), json!({"result": 3}));
        assert_eq!(error_of(text), "no such mountain");
        assert_eq!(error_of(io), "disk full");
    }

    #[test]
    fn a_response_with_media_is_passed_on_unchanged() {
        let picture = FunctionResponse::default().parts([Blob::new("image/png", [1, 2])]);
        let fallible: Result<_, String> = Ok(picture.clone());

        for response in [
            fallible.into_function_response(),
            picture.clone().into_function_response(),
            Json(picture.clone()).into_function_response(),
        ] {
            assert_eq!(response.expect("a response"), picture);
        }
    }

    #[test]
    fn a_value_that_cannot_be_serialized_is_an_error() {
        let keyed_by_pairs = HashMap::from([((1, 2), 3)]);

        let error = error_of(keyed_by_pairs);

        assert!(
            error.starts_with("the result cannot be serialized as JSON"),
            "{error}"
        );
    }
}
