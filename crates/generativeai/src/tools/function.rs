//! A function that the model can call.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::arguments;
use super::handler::{Handler, Responding, respond};
use crate::error::{self, BoxError};
use crate::protocol::tools::FunctionDeclaration;

/// Check of arguments that does not run the function.
type Check = fn(Map<String, Value>) -> Result<(), BoxError>;

/// Function that the model can call: a declaration, and a handler that runs in this process.
///
/// The model reads the declaration and decides whether to call the function. A call is a part of its reply: the program
/// runs the function and sends the response, and the model continues. A chat does that itself if
/// [automatic function calling](crate::ChatSession::automatic_function_calling) is enabled.
///
/// The attribute [`#[function]`](macro@crate::function) makes one from a Rust `fn`. Clones share the handler.
///
/// API page: [Function calling](https://ai.google.dev/gemini-api/docs/function-calling).
#[derive(Clone)]
pub struct Function {
    declaration: Arc<FunctionDeclaration>,
    handler: Arc<dyn Fn(Map<String, Value>) -> Responding + Send + Sync>,
    /// Deserializes arguments without running the handler. `None` if only the schema is known.
    check: Option<Check>,
    /// JSON Schema of the parameters, also after [`with_openapi_schema`](Self::with_openapi_schema).
    schema: Option<Arc<Value>>,
    read_only: bool,
    server: Option<Arc<str>>,
}

impl Function {
    /// Creates a function from a name, a description that the model reads, and a closure or `fn`.
    ///
    /// The [handler](Handler) takes no argument, or one struct with a field for each argument of the call.
    /// Its JSON Schema, doc comments included, becomes the declared parameters. The handler may be `async`,
    /// and its return type implements [`IntoFunctionResponse`](super::IntoFunctionResponse).
    ///
    /// A handler with any other argument, such as a list or a number, is refused before a request is sent.
    ///
    /// If the arguments of a call do not fit the struct, the handler does not run. The model gets an error that names
    /// the invalid argument and the reason.
    ///
    /// A name starts with a letter or `_`; letters, digits, `_`, `.`, `:` and `-` follow, at most 128
    /// characters in all. The service refuses other names.
    ///
    /// ```
    /// use generativeai::Function;
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Args {
    ///     /// Common name of the mountain.
    ///     mountain: String,
    /// }
    ///
    /// let height = Function::new(
    ///     "height",
    ///     "Returns the height of a mountain in metres.",
    ///     async |args: Args| match args.mountain.as_str() {
    ///         "Ben Nevis" => Ok(1345),
    ///         other => Err(format!("unknown mountain {other}")),
    ///     },
    /// );
    /// let now = Function::new("now", "Returns the time.", || "12:30");
    /// # assert_eq!((height.name(), now.name()), ("height", "now"));
    /// ```
    pub fn new<Form>(
        name: impl Into<String>,
        description: impl Into<String>,
        handler: impl Handler<Form>,
    ) -> Self {
        let mut declaration = FunctionDeclaration::new(name, description);
        let (parameters, check) = form_of(&handler);
        declaration.parameters_json_schema.clone_from(&parameters);
        Self {
            schema: parameters.map(Arc::new),
            declaration: Arc::new(declaration),
            handler: Arc::new(move |arguments| handler.run(arguments)),
            check: Some(check),
            read_only: false,
            server: None,
        }
    }

    /// Creates a function from a declaration and a handler that gets the arguments as JSON.
    ///
    /// Use it for schemas that are known only at run time. The arguments are not validated, except those that an
    /// approval has [changed](crate::Decision::RunWith). A result that is not an object is sent as `{"result": …}`; a
    /// [`FunctionResponse`](crate::protocol::content::FunctionResponse) is sent unchanged.
    ///
    /// ```
    /// use generativeai::{Function, protocol::tools::FunctionDeclaration};
    ///
    /// let now = Function::from_declaration(
    ///     FunctionDeclaration::new("now", "Returns the time."),
    ///     |_arguments| async { Ok("12:30") },
    /// );
    /// assert_eq!(now.name(), "now");
    /// ```
    ///
    /// An error of the handler is sent to the model, like a failure of any other function.
    pub fn from_declaration<H, F, T>(declaration: FunctionDeclaration, handler: H) -> Self
    where
        H: Fn(Map<String, Value>) -> F + Send + Sync + 'static,
        F: Future<Output = error::Result<T>> + Send + 'static,
        T: Serialize + 'static,
    {
        // With a schema that cannot be converted, such as one with an unknown member, nothing is checked.
        let openapi = || declaration.parameters.as_ref()?.to_json_schema().ok();
        let schema = declaration.parameters_json_schema.clone();
        Self {
            schema: schema.or_else(openapi).map(Arc::new),
            declaration: Arc::new(declaration),
            handler: Arc::new(move |arguments| respond(handler(arguments))),
            check: None,
            read_only: false,
            server: None,
        }
    }

    /// Replaces the JSON Schema of the declaration by the subset of OpenAPI 3.0 that older models read: see
    /// [`Schema::from_json_schema`](crate::protocol::schema::Schema::from_json_schema).
    ///
    /// # Errors
    /// The subset cannot express the schema: recursive types, maps, tuples, values of any type.
    ///
    /// ```
    /// use generativeai::Function;
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Args { mountain: String }
    ///
    /// let height = Function::new("height", "Returns the height of a mountain.", |_: Args| 1_345);
    /// assert!(height.declaration().parameters_json_schema.is_some());
    /// let height = height.with_openapi_schema()?;
    /// assert!(height.declaration().parameters.is_some());
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    pub fn with_openapi_schema(mut self) -> error::Result<Self> {
        let declaration = Arc::unwrap_or_clone(self.declaration);
        self.declaration = Arc::new(declaration.with_openapi_schema()?);
        Ok(self)
    }

    /// Declares that the function changes nothing, so that [`Approval::ReadOnly`](crate::Approval::ReadOnly) and other
    /// policies may let it run without asking.
    ///
    /// ```
    /// let now = generativeai::Function::new("now", "Returns the time.", || "12:30").read_only();
    /// assert!(now.is_read_only());
    /// ```
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Returns whether the function is [declared](Self::read_only) to change nothing.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Sets the server that runs the function.
    #[cfg(feature = "mcp")]
    pub(crate) fn with_server(mut self, server: &str) -> Self {
        self.server = Some(server.into());
        self
    }

    /// Returns the program or the address of the MCP server that runs the function; `None` if it runs in this process.
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// Returns the name of the function, as the model calls it.
    pub fn name(&self) -> &str {
        self.declaration.name.as_deref().unwrap_or_default()
    }

    /// Returns whether the schema of the parameters allows an object, as the arguments of each call are.
    pub(crate) fn takes_object(&self) -> bool {
        let name = self
            .schema
            .as_ref()
            .and_then(|schema| schema["type"].as_str());
        name.is_none_or(|name| name == "object")
    }

    /// Returns the declaration that the model reads: name, description and parameters.
    ///
    /// A model chooses functions by their descriptions alone, so a test may well check them:
    ///
    /// ```
    /// use generativeai::Function;
    ///
    /// let now = Function::new("now", "Returns the time.", || "12:30");
    /// assert_eq!(now.declaration().description.as_deref(), Some("Returns the time."));
    /// assert_eq!(now.declaration().parameters_json_schema, None);
    /// ```
    pub fn declaration(&self) -> &FunctionDeclaration {
        &self.declaration
    }

    /// Checks whether arguments fit the parameters, without running the function.
    ///
    /// # Errors
    /// The message names the argument that does not fit and why.
    pub(crate) fn check(&self, arguments: &Map<String, Value>) -> Result<(), BoxError> {
        match (self.check, &self.schema) {
            (Some(check), _) => check(arguments.clone()),
            (None, Some(schema)) => arguments::check(arguments, schema).map_err(Into::into),
            (None, None) => Ok(()),
        }
    }

    /// Starts the handler. A handler that is not `async` runs within this call.
    pub(crate) fn call(&self, arguments: Map<String, Value>) -> Responding {
        (self.handler)(arguments)
    }
}

/// Returns the schema of the parameters and the check of the arguments, with `Form` inferred from the handler.
fn form_of<Form, H: Handler<Form>>(_: &H) -> (Option<Value>, Check) {
    (H::parameters(), H::check)
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Function").field(&self.name()).finish()
    }
}
