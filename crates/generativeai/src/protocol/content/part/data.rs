//! Data of a part: text, media, a call or its response.

use crate::protocol::content::{
    Blob, CodeExecutionResult, ExecutableCode, FileData, FunctionCall, FunctionResponse, ToolCall,
    ToolResponse,
};

/// Data of a [`Part`](super::Part): one of the kinds that the API has.
///
/// ```
/// use generativeai::protocol::content::{Blob, Data, Part};
///
/// fn describe(part: &Part) -> String {
///     match &part.data {
///         Some(Data::Text(text)) => format!("{} characters", text.chars().count()),
///         Some(Data::InlineData(blob)) => blob.mime_type.clone().unwrap_or_default(),
///         Some(Data::FunctionCall(call)) => format!("call of {}", call.name()),
///         // Kinds that are newer than this version are in `part.unknown`.
///         _ => part.kind().unwrap_or("empty").to_owned(),
///     }
/// }
///
/// assert_eq!(describe(&Part::text("Hello")), "5 characters");
/// assert_eq!(describe(&Blob::new("image/png", b"PNG").into()), "image/png");
/// assert_eq!(describe(&Part::default()), "empty");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Data {
    /// Text. It may be empty, in a part that exists for its thought signature.
    Text(String),
    /// Media whose bytes are part of the message.
    InlineData(Blob),
    /// Media that the service reads from a URI. Only the URI is sent, so a history with large media stays small.
    FileData(FileData),
    /// Request of the model to run a function of the program. A reply may contain several. All of them are answered in
    /// one message.
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
