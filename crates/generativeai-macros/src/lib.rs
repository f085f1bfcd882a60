//! The attribute `#[function]` of the crate `generativeai`, which exports it: use it from there.

mod declaration;
mod expand;
mod options;
mod parameter;

use proc_macro::TokenStream;

/// Makes a function for the model of a Rust `fn`.
///
/// The `fn` stays as it is. Beside it comes a type of the same name whose `function()` gives the
/// `Function`:
///
/// ```
/// # #[derive(Debug)] struct Unknown;
/// # impl std::fmt::Display for Unknown {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("unknown") }
/// # }
/// # impl std::error::Error for Unknown {}
/// use generativeai::{GenerativeModel, function};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// #[serde(rename_all = "lowercase")]
/// enum Unit { Metres, Feet }
///
/// /// Tells how tall a mountain is.
/// #[function]
/// async fn height(
///     /// What people call the mountain.
///     mountain: &str,
///     /// In what to tell it; metres if it is left out.
///     unit: Option<Unit>,
/// ) -> Result<f64, Unknown> {
///     match (mountain, unit) {
///         ("Ben Nevis", None | Some(Unit::Metres)) => Ok(1_345.0),
///         ("Ben Nevis", Some(Unit::Feet)) => Ok(4_413.0),
///         _ => Err(Unknown),
///     }
/// }
///
/// let model = GenerativeModel::new("gemini-flash-latest").tools([height::function()]);
/// # let declaration = height::function().declaration().clone();
/// # assert_eq!(declaration.description.as_deref(), Some("Tells how tall a mountain is."));
/// # assert_eq!(declaration.parameters_json_schema.unwrap()["required"][0], "mountain");
/// ```
///
/// # The function
///
/// Its name is that of the `fn`, its description the doc comment; `#[function(name = "…")]` and
/// `#[function(description = "…")]` say otherwise. The model reads the description, so there must be
/// one. It may be `async` or not, and give back nothing, any type that serialises, or a `Result` of
/// one, whose error is a text, an `Error`, or a box of one. It takes no `self` and no generics: for
/// those there is `Function::new` with a closure.
///
/// # The parameters
///
/// A parameter is of any type that is `Deserialize` and `JsonSchema`, or a reference to one: `&str`,
/// `&[String]`. An `Option` need not be given. Doc comments say what parameters mean, and so does
/// `#[function(description = "…")]`; `#[function(name = "…")]` gives another name. Attributes
/// `#[serde(…)]` and `#[schemars(…)]`, such as `#[serde(default)]` and
/// `#[schemars(range(min = 1))]`, work as they do on a member of a struct.
#[proc_macro_attribute]
pub fn function(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::function(options.into(), item.into()).into()
}
