//! Tools: functions that the model can call, and how they are run.
//!
//! A [`Toolbox`] holds the tools of a model or a message. A request contains their declarations. If the reply calls a
//! function, the chat looks it up in the toolbox and `run` runs it: it deserializes the arguments, runs the
//! [`Handler`], and converts the return value, or whatever went wrong, into the response that the model reads. How many
//! rounds of this a turn may have, what happens on failure, and which calls need approval, is set by
//! [`AutomaticFunctionCalling`].

mod approval;
mod arguments;
mod automatic;
mod function;
mod handler;
mod into_toolbox;
pub(crate) mod response;
pub(crate) mod run;
mod toolbox;

pub(crate) use approval::Policy;
pub use approval::{Approval, ApprovalPolicy, CallRequest, Decision};
pub use automatic::{AutomaticFunctionCalling, FunctionEvent, OnFailure, OnRoundLimit};
pub use function::Function;
pub use handler::Handler;
pub use response::{IntoFunctionResponse, Json};
pub use toolbox::Toolbox;
