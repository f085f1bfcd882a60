//! What a part is made of.

use crate::protocol::content::{
    Blob, CodeExecutionResult, ExecutableCode, FileData, FunctionCall, FunctionResponse, ToolCall,
    ToolResponse,
};

/// What a [part](super::Part) is made of.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Data {
    /// Text.
    Text(String),
    /// A picture, a sound, a document: its bytes.
    InlineData(Blob),
    /// A picture, a sound, a document: where it is.
    FileData(FileData),
    /// The model asks for a function to be called.
    FunctionCall(FunctionCall),
    /// What the function answered.
    FunctionResponse(FunctionResponse),
    /// Code the model wrote and the service runs.
    ExecutableCode(ExecutableCode),
    /// What the code printed.
    CodeExecutionResult(CodeExecutionResult),
    /// The model asks for a tool of the service, which the service answers itself.
    ToolCall(ToolCall),
    /// What the tool of the service answered.
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

macro_rules! made_of {
    ($($kind:ident($type:ty),)*) => {
        $(impl From<$type> for Data {
            fn from(data: $type) -> Self {
                Self::$kind(data)
            }
        })*
    };
}

made_of! {
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
