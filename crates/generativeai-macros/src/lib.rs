//! The attribute `#[function]` of the crate `generativeai`, which re-exports it as `generativeai::function`.
//!
//! This is a separate crate because a crate with a procedural macro can export nothing else. The generated code uses
//! the module `__private` of `generativeai`, which is the contract between the two crates.

mod declaration;
mod expand;
mod options;
mod parameter;

use proc_macro::TokenStream;

/// Declares a Rust `fn` as a function that the model can call.
///
/// A model does not run code. It receives the name, the description and the JSON Schema of each function, and replies
/// with a call: a name and arguments as JSON. The SDK then calls the `fn` and sends its return value back.
///
/// The `fn` itself does not change. The macro adds a type of the same name, whose `function()` returns the `Function`:
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
/// /// Returns the height of a mountain.
/// #[function]
/// async fn height(
///     /// Common name of the mountain.
///     mountain: &str,
///     /// Unit of the height. Default: metres.
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
/// # assert_eq!(declaration.description.as_deref(), Some("Returns the height of a mountain."));
/// # assert_eq!(declaration.parameters_json_schema.unwrap()["required"][0], "mountain");
/// ```
///
/// # Function
///
/// The name comes from the `fn`, and the description from its doc comment. `#[function(name = "…")]` and
/// `#[function(description = "…")]` override them. A description is required, because the model reads it to decide when
/// to call the function. The API allows names of at most 128 letters, digits, `_`, `.`, `:` and `-` that start with a
/// letter or `_`.
///
/// `#[function(read_only)]` declares that the function changes nothing. An approval policy may then run it without
/// asking the user.
///
/// The `fn` may be `async`. It returns nothing, a type that implements `Serialize`, or a `Result` of such a type. The
/// error of the `Result` is a string, a type that implements `Error`, or a boxed one. The model receives its message.
/// A return type whose name ends in `Result` is treated as a `Result`, so that aliases work. The `fn` has neither
/// `self` nor generics.
///
/// # Arguments
///
/// The model provides the value of each parameter, except for state. The type of a parameter implements `Deserialize`
/// and `JsonSchema`, or is a reference to such a type: `&str`, `&[String]`. The model may omit an `Option`. An argument
/// that does not fit its type is an error that the model receives, so it can correct the call.
///
/// The model reads the doc comments of parameters. `#[function(description = "…")]` overrides one, and
/// `#[function(name = "…")]` sets another name. The attributes `#[serde(…)]` and `#[schemars(…)]`, such as
/// `#[serde(default)]` and `#[schemars(range(min = 1))]`, work like those on a field of a struct.
///
/// # State
///
/// A parameter marked `#[state]` is provided by the program: a database, a client, a cache. It is not part of the
/// declaration that the model reads. It becomes a parameter of `function(…)`:
///
/// ```
/// # use std::sync::Mutex;
/// use generativeai::function;
///
/// #[derive(Default)]
/// struct Notes(Mutex<Vec<String>>);
///
/// /// Adds a note.
/// #[function]
/// async fn add_note(#[state] notes: &Notes, text: String) {
///     notes.0.lock().expect("no holder panics").push(text);
/// }
///
/// let add_note = add_note::function(Notes::default());
/// # assert_eq!(add_note.declaration().parameters_json_schema.as_ref().unwrap()["required"], serde_json::json!(["text"]));
/// ```
///
/// State by reference, `&T`, is passed to `function(…)` as a `T` or an `Arc<T>`, and all calls share it. State by value
/// is cloned for each call, which suits handles such as connection pools. Calls run concurrently, so state that changes
/// belongs in a `Mutex` or an atomic.
#[proc_macro_attribute]
pub fn function(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::function(options.into(), item.into()).into()
}
