//! Tools: functions that the model can call, and the code that runs them.
//!
//! A [`Toolbox`] contains the tools of a model or a message, and each request contains their declarations. If a reply
//! calls a function, the chat looks it up in the toolbox. `run` deserializes the arguments, runs the [`Handler`], and
//! converts its return value or its error into the response that the model reads. [`AutomaticFunctionCalling`] sets how
//! many such rounds a turn may have, which calls need approval, and whether a failed function fails the turn.

mod approval;
mod arguments;
mod automatic;
mod function;
mod handler;
mod into_toolbox;
pub(crate) mod response;
pub(crate) mod run;
mod toolbox;

pub(crate) use approval::ask_policy;
pub use approval::{Approval, ApprovalPolicy, CallRequest, Decision};
pub use automatic::{AutomaticFunctionCalling, FunctionEvent, OnFailure, OnRoundLimit};
pub use function::Function;
pub use handler::Handler;
pub use response::{IntoFunctionResponse, Json};
pub use toolbox::Toolbox;
