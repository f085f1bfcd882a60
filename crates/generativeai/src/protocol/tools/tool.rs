//! What the model may use to answer: functions of the caller, tools of the service.

use serde_json::Value;

use crate::protocol::schema::Schema;
use crate::protocol::tools::{
    CodeExecution, ComputerUse, FileSearch, GoogleMaps, GoogleSearch, GoogleSearchRetrieval,
    McpServer, UrlContext,
};

message! {
    /// What the model may use to answer: functions of the caller, tools of the service.
    ///
    /// ```
    /// use generativeai::protocol::schema::Schema;
    /// use generativeai::protocol::tools::{FunctionDeclaration, GoogleSearch, Tool};
    ///
    /// let height = FunctionDeclaration::new("height", "Tells how tall a mountain is, in metres.")
    ///     .parameters(Schema::object([("mountain", Schema::string())]).required(["mountain"]));
    /// let tools = [Tool::from(height), Tool::from(GoogleSearch::default())];
    /// ```
    pub struct Tool {
        /// Functions of the caller.
        pub function_declarations: Vec<FunctionDeclaration>,
        /// Searching the web, as older models do it.
        pub google_search_retrieval: Option<GoogleSearchRetrieval>,
        /// Running code the model writes.
        pub code_execution: Option<CodeExecution>,
        /// Searching the web.
        pub google_search: Option<GoogleSearch>,
        /// Operating a computer.
        pub computer_use: Option<ComputerUse>,
        /// Reading pages whose addresses are given.
        pub url_context: Option<UrlContext>,
        /// Searching the caller's files.
        pub file_search: Option<Box<FileSearch>>,
        /// Searching the map.
        pub google_maps: Option<GoogleMaps>,
        /// Servers of the Model Context Protocol, which the service calls.
        pub mcp_servers: Vec<McpServer>,
    }
}

setters!(Tool {
    list function_declarations: FunctionDeclaration,
    into google_search: GoogleSearch,
    into google_search_retrieval: GoogleSearchRetrieval,
    into code_execution: CodeExecution,
    into computer_use: ComputerUse,
    into url_context: UrlContext,
    boxed file_search: FileSearch,
    into google_maps: GoogleMaps,
    list mcp_servers: McpServer,
});

impl Tool {
    /// Functions of the caller.
    pub fn functions(
        declarations: impl IntoIterator<Item = impl Into<FunctionDeclaration>>,
    ) -> Self {
        Self::default().function_declarations(declarations)
    }
}

impl From<FunctionDeclaration> for Tool {
    fn from(declaration: FunctionDeclaration) -> Self {
        Self::functions([declaration])
    }
}

impl From<Vec<FunctionDeclaration>> for Tool {
    fn from(declarations: Vec<FunctionDeclaration>) -> Self {
        Self::functions(declarations)
    }
}

macro_rules! tool_of_the_service {
    ($($field:ident: $type:ty,)*) => {
        $(impl From<$type> for Tool {
            fn from(tool: $type) -> Self {
                Self::default().$field(tool)
            }
        })*
    };
}

tool_of_the_service! {
    google_search_retrieval: GoogleSearchRetrieval,
    code_execution: CodeExecution,
    google_search: GoogleSearch,
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
    /// A function of the caller that the model may ask to be called.
    pub struct FunctionDeclaration {
        /// Its name: letters, digits, `_`, `.`, `:`, `-`; at most 128.
        pub name: Option<String>,
        /// What it does; the model reads this.
        pub description: Option<String>,
        /// Whether the model waits for its answer.
        pub behavior: Option<Behavior>,
        /// Its parameters, an object.
        pub parameters: Option<Box<Schema>>,
        /// Its parameters, an object, as JSON Schema. Instead of `parameters`.
        pub parameters_json_schema: Option<Value>,
        /// Its answer.
        pub response: Option<Box<Schema>>,
        /// Its answer, as JSON Schema. Instead of `response`.
        pub response_json_schema: Option<Value>,
    }
}

impl FunctionDeclaration {
    /// A function of that name, which does what the description says.
    pub fn new(name: impl Into<String>, description: impl Into<String>) -> Self {
        let (name, description) = (Some(name.into()), Some(description.into()));
        Self {
            name,
            description,
            ..Self::default()
        }
    }
}

setters!(FunctionDeclaration {
    into description: String,
    into behavior: Behavior,
    boxed parameters: Schema,
    into parameters_json_schema: Value,
    boxed response: Schema,
    into response_json_schema: Value,
});

open_enum! {
    /// Whether the model waits for the answer of a function.
    pub enum Behavior {
        /// Left to the service.
        Unspecified = "UNSPECIFIED",
        /// It waits.
        Blocking = "BLOCKING",
        /// It goes on speaking.
        NonBlocking = "NON_BLOCKING",
    }
}
