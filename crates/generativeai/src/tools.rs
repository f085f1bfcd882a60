//! Tools: what the model may call, and how functions are called for it.

pub(crate) mod answer;
mod arguments;
mod automatic;
mod function;
mod handler;
mod into_toolbox;
pub(crate) mod run;
mod toolbox;

pub use answer::{Answer, Json};
pub use automatic::{AtLimit, AutomaticFunctionCalling, FunctionEvent, OnFailure};
pub use function::Function;
pub use handler::Handler;
pub use toolbox::Toolbox;
