//! Data of a part: text, media, a call or its response.

use crate::protocol::content::{
    Blob, CodeExecutionResult, ExecutableCode, FileData, FunctionCall, FunctionResponse, ToolCall,
    ToolResponse,
};

/// Data of a [`Part`](super::Part): one of the kinds that the API knows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Data {
    /// Text.
    Text(String),
    /// Media whose bytes are part of the message.
    InlineData(Blob),
    /// Media that the service reads from a URI.
    FileData(FileData),
    /// Function call: the model asks the program to run a function.
    FunctionCall(FunctionCall),
    /// Result of a function that the program ran.
    FunctionResponse(FunctionResponse),
    /// Code that the model wrote and the service ran.
    ExecutableCode(ExecutableCode),
    /// Output of code that the service ran.
    CodeExecutionResult(CodeExecutionResult),
    /// Call of a built-in tool, which the service ran.
    ToolCall(ToolCall),
    /// Result of a built-in tool that the service ran.
    ToolResponse(ToolResponse),
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Data {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

macro_rules! from_data {
    ($($kind:ident($type:ty),)*) => {
        $(impl From<$type> for Data {
            fn from(data: $type) -> Self {
                Self::$kind(data)
            }
        })*
    };
}

from_data! {
    Text(String),
    InlineData(Blob),
    FileData(FileData),
    FunctionCall(FunctionCall),
    FunctionResponse(FunctionResponse),
    ExecutableCode(ExecutableCode),
    CodeExecutionResult(CodeExecutionResult),
    ToolCall(ToolCall),
    ToolResponse(ToolResponse),
}
