//! Function calls of the model and their responses, and calls of built-in tools.

use serde_json::{Map, Value};

use crate::protocol::content::{Blob, FileData};

message! {
    /// Request of the model to run a function of the program.
    ///
    /// The functions that a model may call are declared as
    /// [`FunctionDeclaration`](crate::protocol::tools::FunctionDeclaration)s. The program runs the
    /// function and sends a [`FunctionResponse`]; a chat with automatic function calling does both.
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
        /// Identifier of the call, which the response repeats. It distinguishes two calls of the same function in one
        /// reply. Older models do not send it.
        pub id: Option<String> => into String,
        /// Name of the function, as declared. A model may generate a name that was not declared.
        pub name: Option<String>,
        /// Arguments by parameter name. Absent if the function is called without arguments.
        /// In the mode `AUTO` they need not match the declaration, see
        /// [`FunctionCallingMode`](crate::protocol::tools::FunctionCallingMode).
        pub args: Option<Map<String, Value>>,
        /// Pieces of the arguments, in a chunk of a streamed call. Vertex AI only, if
        /// [requested](crate::protocol::tools::FunctionCallingConfig::stream_function_call_arguments).
        /// [`merge_chunk`](crate::protocol::response::GenerateContentResponse::merge_chunk) moves them
        /// into [`args`](Self::args).
        pub partial_args: Vec<PartialArg>,
        /// Whether more pieces of the same call follow. Vertex AI only.
        pub will_continue: Option<bool>,
    }
}

impl FunctionCall {
    /// Creates a call of a function.
    pub fn new(name: impl Into<String>, args: Map<String, Value>) -> Self {
        Self {
            name: Some(name.into()),
            args: Some(args),
            ..Self::default()
        }
    }

    /// Returns the name of the function; empty if the service sent none.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// Returns the argument with this name.
    pub fn arg(&self, name: &str) -> Option<&Value> {
        self.args.as_ref()?.get(name)
    }

    /// Returns whether the call was received with all its arguments.
    ///
    /// A streamed call consists of several pieces. A program must not run it before the last piece is merged.
    pub fn is_complete(&self) -> bool {
        self.will_continue != Some(true) && self.partial_args.is_empty()
    }
}

message! {
    /// Piece of an argument of a streamed function call. One of the fields named `…_value` is set.
    ///
    /// ```
    /// use generativeai::protocol::response::GenerateContentResponse;
    ///
    /// let mut reply = GenerateContentResponse::default();
    /// for call in [
    ///     r#"{"name":"note","willContinue":true}"#,
    ///     r#"{"partialArgs":[{"jsonPath":"$.text","stringValue":"Ben "}],"willContinue":true}"#,
    ///     r#"{"partialArgs":[{"jsonPath":"$.text","stringValue":"Nevis"}]}"#,
    /// ] {
    ///     let json = format!(r#"{{"candidates":[{{"content":{{"parts":[{{"functionCall":{call}}}]}}}}]}}"#);
    ///     reply.merge_chunk(&serde_json::from_str(&json)?);
    /// }
    /// let call = reply.function_calls().next().expect("the call is complete");
    /// assert_eq!((call.name(), call.arg("text").unwrap().as_str()), ("note", Some("Ben Nevis")));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct PartialArg {
        /// JSON path (RFC 9535) of the value in the arguments, such as `$.route[0].name`.
        pub json_path: Option<String>,
        /// Piece of a string. It is appended to the earlier pieces with the same path.
        pub string_value: Option<String>,
        /// Number.
        pub number_value: Option<f64>,
        /// Boolean.
        pub bool_value: Option<bool>,
        /// `null`, as the name `NULL_VALUE`.
        pub null_value: Option<Value>,
        /// Whether more pieces with the same path follow.
        pub will_continue: Option<bool>,
    }
}

message! {
    /// Result of a function that the program ran for the model.
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
        /// Identifier of the [call](FunctionCall::id), if the call has one.
        pub id: Option<String> => into String,
        /// Name of the called function.
        pub name: Option<String>,
        /// Result as an object. By convention `output` contains the result and `error` the details of
        /// a failure; without either, the whole object is the result.
        pub response: Option<Map<String, Value>>,
        /// Media that belong to the result, such as a screenshot. Gemini 3 and newer.
        /// Older models reject a response with media.
        pub parts: Vec<FunctionResponsePart> => list FunctionResponsePart,
        /// Whether further responses to the same call follow. For functions with
        /// [`Behavior::NonBlocking`](crate::protocol::tools::Behavior::NonBlocking) only.
        pub will_continue: Option<bool> => plain bool,
        /// Time when the model reacts to the response. For functions with
        /// [`Behavior::NonBlocking`](crate::protocol::tools::Behavior::NonBlocking) only.
        pub scheduling: Option<Scheduling> => into Scheduling,
    }
}

impl FunctionResponse {
    /// Creates the response of a function. The API requires an object: any other result is wrapped in one, as its
    /// member `result`.
    ///
    /// The model reads the object as JSON, so use descriptive names of members: `{"metres": 1345}` rather than `1345`.
    /// Return a failure as a result as well: the model reads it, and often corrects its call.
    ///
    /// ```
    /// use generativeai::protocol::content::FunctionResponse;
    /// use serde_json::json;
    ///
    /// let failed = FunctionResponse::new("height", json!({"error": "unknown mountain `Ben Nebis`"}));
    /// assert!(failed.response.unwrap().contains_key("error"));
    /// ```
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

    /// Creates the response to a call, with its name and its identifier.
    ///
    /// [`ChatSession::pending_calls`](crate::ChatSession::pending_calls) returns the calls that need one.
    pub fn to(call: &FunctionCall, response: impl Into<Value>) -> Self {
        Self {
            id: call.id.clone(),
            ..Self::new(call.name(), response)
        }
    }
}

message! {
    /// Media in the result of a function. Set one of the two fields.
    ///
    /// ```
    /// use generativeai::protocol::content::{Blob, FunctionResponse};
    /// use serde_json::json;
    ///
    /// let screenshot = Blob::new("image/png", [0x89, b'P', b'N', b'G']);
    /// let response = FunctionResponse::new("click_at", json!({"url": "https://example.com"})).parts([screenshot]);
    /// assert_eq!(response.parts[0].inline_data.as_ref().unwrap().mime_type.as_deref(), Some("image/png"));
    /// ```
    pub struct FunctionResponsePart {
        /// Media whose bytes are part of the message.
        pub inline_data: Option<Blob> => into Blob,
        /// Media that the service reads from a URI. Vertex AI only.
        pub file_data: Option<FileData> => into FileData,
    }
}

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
    /// Time when the model reacts to the response of a non-blocking function.
    ///
    /// Only the Live API uses it, which this crate does not implement: other requests contain all responses.
    pub enum Scheduling {
        /// The default of the service, which is [`WhenIdle`](Self::WhenIdle).
        Unspecified = "SCHEDULING_UNSPECIFIED",
        /// The model takes the response into account and does not react to it.
        Silent = "SILENT",
        /// The model reacts as soon as it has finished the current output.
        WhenIdle = "WHEN_IDLE",
        /// The model interrupts the current output and reacts at once.
        Interrupt = "INTERRUPT",
    }
}

message! {
    /// Call of a built-in tool, such as a web search, which the service ran itself.
    ///
    /// Replies contain such calls and their responses only if [`include_server_side_tool_invocations`] is set. Later
    /// requests must contain them unchanged, which a chat ensures.
    ///
    /// [`include_server_side_tool_invocations`]: crate::protocol::tools::ToolConfig::include_server_side_tool_invocations
    ///
    /// ```
    /// use generativeai::protocol::content::{Content, Data, ToolType};
    ///
    /// let reply: Content = serde_json::from_str(
    ///     r#"{"role":"model","parts":[
    ///         {"toolCall":{"id":"1","toolType":"GOOGLE_SEARCH_WEB","args":{"queries":["Ben Nevis height"]}}},
    ///         {"toolResponse":{"id":"1","toolType":"GOOGLE_SEARCH_WEB","response":{}}},
    ///         {"text":"Ben Nevis is 1,345 metres tall."}]}"#,
    /// )?;
    /// let Some(Data::ToolCall(call)) = &reply.parts[0].data else { panic!("a call") };
    /// assert_eq!(call.tool_type, Some(ToolType::GoogleSearchWeb));
    /// assert_eq!(reply.text(), "Ben Nevis is 1,345 metres tall.");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ToolCall {
        /// Identifier of the call; its response has the same.
        pub id: Option<String>,
        /// The called tool.
        pub tool_type: Option<ToolType>,
        /// Arguments by name.
        pub args: Option<Map<String, Value>>,
    }
}

message! {
    /// Result of a built-in tool that the service ran.
    pub struct ToolResponse {
        /// Identifier of the [call](ToolCall::id).
        pub id: Option<String>,
        /// The called tool.
        pub tool_type: Option<ToolType>,
        /// Result of the tool.
        pub response: Option<Map<String, Value>>,
    }
}

open_enum! {
    /// Built-in tool of the service.
    pub enum ToolType {
        /// Zero value of the enum. The service does not send it.
        Unspecified = "TOOL_TYPE_UNSPECIFIED",
        ;
        /// Web search, from [`GoogleSearch`](crate::protocol::tools::GoogleSearch).
        GoogleSearchWeb = "GOOGLE_SEARCH_WEB",
        /// Image search, from [`GoogleSearch`](crate::protocol::tools::GoogleSearch).
        GoogleSearchImage = "GOOGLE_SEARCH_IMAGE",
        /// Reading of web pages, from [`UrlContext`](crate::protocol::tools::UrlContext).
        UrlContext = "URL_CONTEXT",
        /// Map search, from [`GoogleMaps`](crate::protocol::tools::GoogleMaps).
        GoogleMaps = "GOOGLE_MAPS",
        /// Search in uploaded documents, from [`FileSearch`](crate::protocol::tools::FileSearch).
        FileSearch = "FILE_SEARCH",
        /// Inspection of media in several steps, from
        /// [`MediaProcessing::Agentic`](crate::protocol::content::MediaProcessing::Agentic).
        MediaProcessing = "MEDIA_PROCESSING",
    }
}
