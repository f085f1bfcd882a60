//! Tools: what the model may call, and how functions are called for it.

mod automatic;
mod function;
pub(crate) mod run;
mod toolbox;

pub use automatic::{AtLimit, AutomaticFunctionCalling, FunctionEvent, OnFailure};
pub use function::Function;
pub use toolbox::Toolbox;
