//! Tools that a model may use: functions of the program, and built-in tools of the service.
//!
//! A [`FunctionDeclaration`] describes a function of the program to the model. To have it run, the model replies with a
//! [`FunctionCall`](crate::protocol::content::FunctionCall). Most programs use
//! [`#[function]`](macro@crate::function) or [`Function`](crate::Function) instead, which create the declaration and
//! run the function. Built-in tools, such as [`GoogleSearch`], run on the service.
//!
//! ```
//! use generativeai::GenerativeModel;
//! use generativeai::protocol::schema::Schema;
//! use generativeai::protocol::tools::{CodeExecution, FunctionDeclaration};
//!
//! let height = FunctionDeclaration::new("height", "Returns the height of a mountain in metres.")
//!     .parameters(Schema::object([("mountain", Schema::string())]).required(["mountain"]));
//! let model = GenerativeModel::new("gemini-flash-latest").tools((height, CodeExecution::default()));
//! ```
//!
//! API page: [Function calling](https://ai.google.dev/gemini-api/docs/function-calling).

mod builtin;
mod config;
mod tool;

pub use builtin::*;
pub use config::*;
pub use tool::*;
