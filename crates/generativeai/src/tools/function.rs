//! A function that the model can call.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::handler::{Answered, Handler, answered};
use crate::error::Result;
use crate::protocol::tools::FunctionDeclaration;

/// A function that the model can call: its declaration, and what runs when it is called.
///
/// A clone is cheap. The attribute `#[function]` makes one of a Rust `fn`.
#[derive(Clone)]
pub struct Function {
    declaration: Arc<FunctionDeclaration>,
    handler: Arc<dyn Fn(Map<String, Value>) -> Answered + Send + Sync>,
}

impl Function {
    /// Makes a function of its name, what the model is told of it, and a closure or `fn`.
    ///
    /// The [handler](Handler) takes one argument, whose type has a member for each argument the model
    /// gives, or none; it is plain or async, and gives back what [`Answer`](super::Answer) says. The schema of the
    /// arguments is made of the type, doc comments included. If the model gives arguments that
    /// cannot be read, the handler does not run, and the model is told which one is wrong.
    ///
    /// ```
    /// use generativeai::Function;
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Args {
    ///     /// What people call the mountain.
    ///     mountain: String,
    /// }
    ///
    /// let height = Function::new(
    ///     "height",
    ///     "Tells how tall a mountain is, in metres.",
    ///     async |args: Args| match args.mountain.as_str() {
    ///         "Ben Nevis" => Ok(1345),
    ///         other => Err(format!("I know no mountain called {other}")),
    ///     },
    /// );
    /// let now = Function::new("now", "Tells the time.", || "12:30");
    /// # assert_eq!((height.name(), now.name()), ("height", "now"));
    /// ```
    pub fn new<Form>(
        name: impl Into<String>,
        description: impl Into<String>,
        handler: impl Handler<Form>,
    ) -> Self {
        let mut declaration = FunctionDeclaration::new(name, description);
        declaration.parameters_json_schema = parameters(&handler);
        Self {
            declaration: Arc::new(declaration),
            handler: Arc::new(move |arguments| handler.run(arguments)),
        }
    }

    /// Makes a function of a declaration and a handler of the arguments as they come.
    ///
    /// A result that is no object reaches the model as `{"result": …}`; a
    /// [`FunctionResponse`](crate::protocol::content::FunctionResponse) is taken as the answer it is.
    ///
    /// ```
    /// use generativeai::{Function, protocol::tools::FunctionDeclaration};
    ///
    /// let now = Function::from_declaration(
    ///     FunctionDeclaration::new("now", "Tells the time."),
    ///     |_arguments| async { Ok("12:30") },
    /// );
    /// assert_eq!(now.name(), "now");
    /// ```
    pub fn from_declaration<H, F, T>(declaration: FunctionDeclaration, handler: H) -> Self
    where
        H: Fn(Map<String, Value>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
        T: Serialize + 'static,
    {
        Self {
            declaration: Arc::new(declaration),
            handler: Arc::new(move |arguments| answered(handler(arguments))),
        }
    }

    /// Declares the arguments in the part of OpenAPI 3.0 that older models read, in place of JSON
    /// Schema: see [`Schema::from_json_schema`](crate::protocol::schema::Schema::from_json_schema).
    ///
    /// # Errors
    /// If that form cannot say them: recursive types, maps, tuples, values of any kind.
    pub fn with_openapi_schema(mut self) -> Result<Self> {
        let declaration = Arc::unwrap_or_clone(self.declaration);
        self.declaration = Arc::new(declaration.with_openapi_schema()?);
        Ok(self)
    }

    /// The name the model calls it by.
    pub fn name(&self) -> &str {
        self.declaration.name.as_deref().unwrap_or_default()
    }

    /// What the model is told of it.
    pub fn declaration(&self) -> &FunctionDeclaration {
        &self.declaration
    }

    pub(crate) fn call(&self, arguments: Map<String, Value>) -> Answered {
        (self.handler)(arguments)
    }
}

fn parameters<Form, H: Handler<Form>>(_: &H) -> Option<Value> {
    H::parameters()
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Function").field(&self.name()).finish()
    }
}
