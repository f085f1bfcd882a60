//! Support for code that `#[function]` generates, and for tests of the backends of this repository. Not a public
//! interface: it changes without notice.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use serde;

use crate::error::BoxError;
use crate::protocol::content::FunctionResponse;
use crate::protocol::{GenerateContentRequest, GenerationConfig, Message as _};
use crate::tools::response;

/// Names of the members of a request that have a field. A backend lists those that it handles, and its tests compare
/// the lists: a backend that does not know a new field would drop it without a sign.
pub const REQUEST_MEMBERS: &[&str] = GenerateContentRequest::NAMES;

/// Names of the members of a generation config that have a field.
pub const CONFIG_MEMBERS: &[&str] = GenerationConfig::NAMES;

/// Type of an argument that the model provides.
///
/// `Form` carries no information. A second implementation for every type makes the compiler report a type that
/// fits neither with the message below; with a single one it would report the first bound that the type misses.
#[diagnostic::on_unimplemented(
    message = "the model cannot provide an argument of type `{Self}`",
    label = "neither an argument nor marked `#[state]`",
    note = "if the program provides it, mark the parameter: `#[state] name: &{Self}`",
    note = "if the model provides it, derive `serde::Deserialize` and `schemars::JsonSchema` for `{Self}`"
)]
pub trait Argument<Form>: Sized {
    /// The type itself.
    type Value;

    /// Returns the value itself.
    fn from_value(value: Self::Value) -> Self;
}

/// Form of every type that the model can provide.
#[derive(Debug)]
pub struct Provided;

impl<T: DeserializeOwned + JsonSchema> Argument<Provided> for T {
    type Value = T;

    fn from_value(value: T) -> T {
        value
    }
}

/// Form of no type.
#[derive(Debug)]
pub enum Impossible {}

/// Bound that no type satisfies.
pub trait Unsatisfiable {
    /// Never runs.
    fn unreachable() -> Self;
}

impl<T: Unsatisfiable> Argument<Impossible> for T {
    type Value = Impossible;

    fn from_value(_: Impossible) -> T {
        T::unreachable()
    }
}

/// Returns a deserialized argument.
///
/// The type of `value` is inferred. So a `T` that the model cannot provide causes one compile error, at the call of
/// this function, and none elsewhere in the generated code.
pub fn argument<T: Argument<Form>, Form>(value: T::Value) -> T {
    T::from_value(value)
}

/// Converts the return value of a function, if it is not a `Result`, into a response.
///
/// # Errors
/// The value cannot be serialized.
pub fn response<T: Serialize + 'static>(value: T) -> Result<FunctionResponse, BoxError> {
    response::from_value(value)
}
