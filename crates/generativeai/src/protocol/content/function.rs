//! Calls of functions and tools in a conversation, and their answers.

use serde_json::{Map, Value};

use crate::protocol::content::{Blob, FileData};

message! {
    /// The model asks for a function to be called.
    ///
    /// ```
    /// use generativeai::protocol::content::FunctionCall;
    ///
    /// let call: FunctionCall = serde_json::from_str(r#"{"name":"height","args":{"of":"Ben Nevis"}}"#)?;
    /// assert_eq!(call.name(), "height");
    /// assert_eq!(call.arg("of").and_then(|of| of.as_str()), Some("Ben Nevis"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct FunctionCall {
        /// Tells one call from another. The answer must bear the same, if there is one.
        pub id: Option<String>,
        /// The function's name.
        pub name: Option<String>,
        /// The arguments by name. Absent and empty differ.
        pub args: Option<Map<String, Value>>,
        /// Pieces of arguments that are still arriving.
        pub partial_args: Vec<Value>,
        /// Whether more of the same call is to come.
        pub will_continue: Option<bool>,
    }
}

impl FunctionCall {
    /// A call of that function.
    pub fn new(name: impl Into<String>, args: Map<String, Value>) -> Self {
        Self {
            name: Some(name.into()),
            args: Some(args),
            ..Self::default()
        }
    }

    /// The function's name; empty if the service gave none.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// An argument.
    pub fn arg(&self, name: &str) -> Option<&Value> {
        self.args.as_ref()?.get(name)
    }
}

setters!(FunctionCall {
    into id: String,
});

message! {
    /// What a function answered.
    ///
    /// ```
    /// use generativeai::protocol::content::FunctionResponse;
    /// use serde_json::json;
    ///
    /// let response = FunctionResponse::new("height", json!({"metres": 1345}));
    /// assert_eq!(response.response, json!({"metres": 1345}).as_object().cloned());
    ///
    /// let response = FunctionResponse::new("height", json!(1345));
    /// assert_eq!(response.response, json!({"result": 1345}).as_object().cloned());
    /// ```
    pub struct FunctionResponse {
        /// The id of the call that is answered, if it had one.
        pub id: Option<String>,
        /// The function's name.
        pub name: Option<String>,
        /// The answer.
        pub response: Option<Map<String, Value>>,
        /// Pictures and other media of the answer.
        pub parts: Vec<FunctionResponsePart>,
        /// Whether more of the same answer is to come.
        pub will_continue: Option<bool>,
        /// When the model is to hear of it.
        pub scheduling: Option<Scheduling>,
    }
}

impl FunctionResponse {
    /// The answer of that function. What is not an object goes into one as `result`.
    pub fn new(name: impl Into<String>, response: impl Into<Value>) -> Self {
        let response = match response.into() {
            Value::Object(response) => response,
            other => Map::from_iter([("result".to_owned(), other)]),
        };
        Self {
            name: Some(name.into()),
            response: Some(response),
            ..Self::default()
        }
    }

    /// The answer to that call: its name, and its id if it has one.
    pub fn to(call: &FunctionCall, response: impl Into<Value>) -> Self {
        Self {
            id: call.id.clone(),
            ..Self::new(call.name(), response)
        }
    }
}

setters!(FunctionResponse {
    into id: String,
    list parts: FunctionResponsePart,
    plain will_continue: bool,
    into scheduling: Scheduling,
});

message! {
    /// A medium in the answer of a function.
    pub struct FunctionResponsePart {
        /// Its bytes.
        pub inline_data: Option<Blob>,
        /// Where it is.
        pub file_data: Option<FileData>,
    }
}

setters!(FunctionResponsePart {
    into inline_data: Blob,
    into file_data: FileData,
});

impl From<Blob> for FunctionResponsePart {
    fn from(blob: Blob) -> Self {
        Self::default().inline_data(blob)
    }
}

impl From<FileData> for FunctionResponsePart {
    fn from(file: FileData) -> Self {
        Self::default().file_data(file)
    }
}

open_enum! {
    /// When the model is to hear of the answer of a function that did not block it.
    pub enum Scheduling {
        /// Left to the service.
        Unspecified = "SCHEDULING_UNSPECIFIED",
        /// It takes note and says nothing.
        Silent = "SILENT",
        /// When it has finished what it is saying.
        WhenIdle = "WHEN_IDLE",
        /// At once.
        Interrupt = "INTERRUPT",
    }
}

message! {
    /// The model asks for a tool of the service, which the service answers itself.
    ///
    /// Calls and answers come only when asked for, and must be sent again as they came.
    pub struct ToolCall {
        /// Tells one call from another.
        pub id: Option<String>,
        /// Which tool.
        pub tool_type: Option<ToolType>,
        /// The arguments by name.
        pub args: Option<Map<String, Value>>,
    }
}

message! {
    /// What a tool of the service answered.
    pub struct ToolResponse {
        /// The id of the call that is answered.
        pub id: Option<String>,
        /// Which tool.
        pub tool_type: Option<ToolType>,
        /// The answer.
        pub response: Option<Map<String, Value>>,
    }
}

open_enum! {
    /// A tool of the service.
    pub enum ToolType {
        /// Not said.
        Unspecified = "TOOL_TYPE_UNSPECIFIED",
        ;
        /// A search of the web.
        GoogleSearchWeb = "GOOGLE_SEARCH_WEB",
        /// A search for pictures.
        GoogleSearchImage = "GOOGLE_SEARCH_IMAGE",
        /// Reading the pages of given addresses.
        UrlContext = "URL_CONTEXT",
        /// A search of the map.
        GoogleMaps = "GOOGLE_MAPS",
        /// A search of the caller's files.
        FileSearch = "FILE_SEARCH",
        /// A closer look at a medium.
        MediaProcessing = "MEDIA_PROCESSING",
    }
}
