//! A function that the model can call.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::backend::BoxFuture;
use crate::error::Result;
use crate::protocol::FunctionDeclaration;

/// A function that the model can call: its declaration, and what runs when it is called.
#[derive(Clone)]
pub struct Function {
    declaration: FunctionDeclaration,
    handler: Arc<Handler>,
}

type Handler = dyn Fn(Map<String, Value>) -> BoxFuture<Result<Value>> + Send + Sync;

impl Function {
    /// Makes a function of a declaration and a handler of raw arguments.
    ///
    /// A result that is no object reaches the model as `{"result": …}`.
    ///
    /// ```
    /// use generativeai::{Function, protocol::FunctionDeclaration};
    ///
    /// let now = Function::from_declaration(
    ///     FunctionDeclaration::new("now", "Tells the time."),
    ///     |_arguments| async { Ok("12:30".into()) },
    /// );
    /// assert_eq!(now.name(), "now");
    /// ```
    pub fn from_declaration<H, F>(declaration: FunctionDeclaration, handler: H) -> Self
    where
        H: Fn(Map<String, Value>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Value>> + Send + 'static,
    {
        let handler = move |arguments| -> BoxFuture<Result<Value>> { Box::pin(handler(arguments)) };
        Self {
            declaration,
            handler: Arc::new(handler),
        }
    }

    /// The name the model calls it by.
    pub fn name(&self) -> &str {
        self.declaration.name.as_deref().unwrap_or_default()
    }

    /// What the model is told of it.
    pub fn declaration(&self) -> &FunctionDeclaration {
        &self.declaration
    }

    pub(crate) fn call(&self, arguments: Map<String, Value>) -> BoxFuture<Result<Value>> {
        (self.handler)(arguments)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Function").field(&self.name()).finish()
    }
}
