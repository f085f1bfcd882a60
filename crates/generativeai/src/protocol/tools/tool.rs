//! Tools and declarations of functions.

use serde_json::Value;

use crate::protocol::schema::Schema;
use crate::protocol::tools::{
    CodeExecution, ComputerUse, EnterpriseWebSearch, FileSearch, GoogleMaps, GoogleSearch,
    GoogleSearchRetrieval, McpServer, UrlContext,
};

message! {
    /// Tools of one kind that a model may use: functions of the program, or a built-in tool.
    ///
    /// A request may contain several tools. The Gemini API accepts functions and built-in tools together only if
    /// `include_server_side_tool_invocations` is set in the [`ToolConfig`](crate::protocol::tools::ToolConfig).
    ///
    /// ```
    /// use generativeai::protocol::schema::Schema;
    /// use generativeai::protocol::tools::{FunctionDeclaration, GoogleSearch, Tool};
    ///
    /// let height = FunctionDeclaration::new("height", "Returns the height of a mountain in metres.")
    ///     .parameters(Schema::object([("mountain", Schema::string())]).required(["mountain"]));
    /// let tools = [Tool::from(height), Tool::from(GoogleSearch::default())];
    /// ```
    pub struct Tool {
        /// Functions of the program that the model may call. At most 512 in a request.
        pub function_declarations: Vec<FunctionDeclaration> => list FunctionDeclaration,
        /// Web search of Gemini 1.5. Newer models use [`google_search`](Self::google_search).
        pub google_search_retrieval: Option<GoogleSearchRetrieval> => into GoogleSearchRetrieval,
        /// Execution of code that the model writes.
        pub code_execution: Option<CodeExecution> => into CodeExecution,
        /// Web search.
        pub google_search: Option<GoogleSearch> => into GoogleSearch,
        /// Web search that logs no data of the customer. Vertex AI only.
        pub enterprise_web_search: Option<EnterpriseWebSearch> => into EnterpriseWebSearch,
        /// Control of a browser, a phone or a desktop. Only special models support it.
        pub computer_use: Option<ComputerUse> => into ComputerUse,
        /// Reading of web pages whose URLs are in the conversation.
        pub url_context: Option<UrlContext> => into UrlContext,
        /// Search in documents uploaded to a file search store. Gemini API only.
        pub file_search: Option<Box<FileSearch>> => into FileSearch,
        /// Search for places on Google Maps.
        pub google_maps: Option<GoogleMaps> => into GoogleMaps,
        /// Servers of the Model Context Protocol that the service calls. Gemini API only.
        pub mcp_servers: Vec<McpServer> => list McpServer,
    }
}

impl Tool {
    /// Creates a tool from declarations of functions.
    pub fn functions(
        declarations: impl IntoIterator<Item = impl Into<FunctionDeclaration>>,
    ) -> Self {
        Self::default().function_declarations(declarations)
    }

    /// Returns the name in the API of the first built-in tool, for a backend that supports functions only. Tools that
    /// are newer than this version are in [`unknown`](field@Self::unknown).
    ///
    /// ```
    /// use generativeai::protocol::tools::{FunctionDeclaration, GoogleSearch, Tool};
    ///
    /// let height = FunctionDeclaration::new("height", "Returns the height of a mountain in metres.");
    /// assert_eq!(Tool::from(height).built_in_tool(), None);
    /// assert_eq!(Tool::from(GoogleSearch::default()).built_in_tool(), Some("googleSearch"));
    /// ```
    pub fn built_in_tool(&self) -> Option<&'static str> {
        // All fields are named, so that a new one cannot be forgotten.
        let Self {
            function_declarations: _,
            google_search_retrieval,
            code_execution,
            google_search,
            enterprise_web_search,
            computer_use,
            url_context,
            file_search,
            google_maps,
            mcp_servers,
            unknown: _,
        } = self;
        let members = [
            ("googleSearchRetrieval", google_search_retrieval.is_some()),
            ("googleSearch", google_search.is_some()),
            ("enterpriseWebSearch", enterprise_web_search.is_some()),
            ("codeExecution", code_execution.is_some()),
            ("computerUse", computer_use.is_some()),
            ("urlContext", url_context.is_some()),
            ("fileSearch", file_search.is_some()),
            ("googleMaps", google_maps.is_some()),
            ("mcpServers", !mcp_servers.is_empty()),
        ];
        let (name, _) = members.into_iter().find(|(_, is_set)| *is_set)?;
        Some(name)
    }
}

impl From<FunctionDeclaration> for Tool {
    fn from(declaration: FunctionDeclaration) -> Self {
        Self::functions([declaration])
    }
}

macro_rules! builtin_tool {
    ($($field:ident: $type:ty,)*) => {
        $(impl From<$type> for Tool {
            fn from(tool: $type) -> Self {
                Self::default().$field(tool)
            }
        })*
    };
}

builtin_tool! {
    google_search_retrieval: GoogleSearchRetrieval,
    code_execution: CodeExecution,
    google_search: GoogleSearch,
    enterprise_web_search: EnterpriseWebSearch,
    computer_use: ComputerUse,
    url_context: UrlContext,
    file_search: FileSearch,
    google_maps: GoogleMaps,
}

impl From<McpServer> for Tool {
    fn from(server: McpServer) -> Self {
        Self::default().mcp_servers([server])
    }
}

message! {
    /// Description of a function of the program, from which the model decides whether and how to call it.
    ///
    /// Descriptions are prompts: state the result of the function, its unit, and when to call it. Describe each
    /// parameter as carefully.
    ///
    /// ```
    /// use generativeai::protocol::schema::Schema;
    /// use generativeai::protocol::tools::FunctionDeclaration;
    ///
    /// let height = FunctionDeclaration::new("height", "Returns the height of a mountain in metres.").parameters(
    ///     Schema::object([
    ///         ("mountain", Schema::string().description("Common name, such as `Ben Nevis`.")),
    ///         ("above", Schema::one_of(["sea", "base"]).description("Where the height is measured from.")),
    ///     ])
    ///     .required(["mountain"]),
    /// );
    /// assert_eq!(height.parameters.unwrap().required, ["mountain"]);
    /// ```
    pub struct FunctionDeclaration {
        /// Name of the function: at most 128 letters, digits, `_`, `.`, `:` and `-`, the first a letter
        /// or `_`. Required by the service.
        pub name: Option<String>,
        /// Description of what the function does and when to call it. The model reads it.
        pub description: Option<String> => into String,
        /// Whether the model waits for the response of the function. For the Live API only, which this
        /// crate does not implement.
        pub behavior: Option<Behavior> => into Behavior,
        /// Parameters as an object schema in the OpenAPI form. Absent for a function without
        /// parameters.
        pub parameters: Option<Box<Schema>> => into Schema,
        /// Parameters as an object schema in JSON Schema. Excludes [`parameters`](Self::parameters).
        pub parameters_json_schema: Option<Value> => into Value,
        /// Result of the function as a schema in the OpenAPI form.
        pub response: Option<Box<Schema>> => into Schema,
        /// Result of the function in JSON Schema. Excludes [`response`](Self::response).
        pub response_json_schema: Option<Value> => into Value,
    }
}

impl FunctionDeclaration {
    /// Declares a function without parameters.
    pub fn new(name: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            description: Some(description.into()),
            ..Self::default()
        }
    }
}

open_enum! {
    /// Mode of a function: whether the model waits for its response.
    pub enum Behavior {
        /// The default of the service, which is [`Blocking`](Self::Blocking).
        Unspecified = "UNSPECIFIED",
        /// The model waits for the response.
        Blocking = "BLOCKING",
        /// The model continues the conversation, and reacts to the response when it arrives.
        NonBlocking = "NON_BLOCKING",
    }
}
