//! Tools of a model or a message: functions that run in this process, and tools that are only declared.

use std::collections::HashSet;
use std::future::ready;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use super::{Function, run};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{FunctionCall, FunctionResponse};
use crate::protocol::response::FinishReason;
use crate::protocol::tools::Tool;
use crate::stream::BoxFuture;

/// Tools of a model or a message, in order.
///
/// Functions, declarations, tools of the service, and lists and tuples of them convert into a toolbox:
///
/// - a [`Function`] runs in this process when the model calls it;
/// - a [`FunctionDeclaration`](crate::protocol::tools::FunctionDeclaration) has no function: its calls are returned to
///   the caller, who answers them;
/// - a tool of the service, such as [`GoogleSearch`](crate::protocol::tools::GoogleSearch), runs there.
///
/// The names of functions and declarations must be unique: a request with a duplicate fails. Clones share
/// their contents.
///
/// ```
/// use generativeai::protocol::tools::{CodeExecution, FunctionDeclaration, UrlContext};
/// use generativeai::{Function, GenerativeModel};
///
/// let now = Function::new("now", "Returns the time.", || "12:30");
/// let ask = FunctionDeclaration::new("ask", "Asks the user a question.");
/// let model = GenerativeModel::new("gemini-flash-latest")
///     .tools((now, ask, CodeExecution::default(), UrlContext::default()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Toolbox(Arc<Vec<Entry>>);

/// Function or tool as it was added to a toolbox, before declarations are merged.
#[derive(Clone, Debug)]
enum Entry {
    Function(Function),
    Tool(Box<Tool>),
}

impl Toolbox {
    fn add(mut self, entry: Entry) -> Self {
        Arc::make_mut(&mut self.0).push(entry);
        self
    }

    /// Adds a function that runs in this process.
    ///
    /// ```
    /// use generativeai::protocol::tools::CodeExecution;
    /// use generativeai::{Function, Toolbox};
    ///
    /// // `Toolbox::from((now, CodeExecution::default()))` is shorter.
    /// let now = Function::new("now", "Returns the time.", || "12:30");
    /// let tools = Toolbox::default().function(now).tool(CodeExecution::default());
    /// assert!(!tools.is_empty());
    /// ```
    #[must_use]
    pub fn function(self, function: Function) -> Self {
        self.add(Entry::Function(function))
    }

    /// Adds a declaration or a tool of the service.
    #[must_use]
    pub fn tool(self, tool: impl Into<Tool>) -> Self {
        self.add(Entry::Tool(Box::new(tool.into())))
    }

    /// Replaces the JSON Schema of all declarations by the subset of OpenAPI 3.0 that older models read.
    ///
    /// ```
    /// # use generativeai::{Function, GenerativeModel, Toolbox, testing::Scripted};
    /// # let now = Function::new("now", "Returns the time.", || "12:30");
    /// let tools = Toolbox::from([now]).with_openapi_schema()?;
    /// let model = GenerativeModel::new("gemini-flash-latest").tools(tools);
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    ///
    /// # Errors
    /// The subset cannot express a schema: see [`Function::with_openapi_schema`]. The message names the function.
    pub fn with_openapi_schema(mut self) -> Result<Self> {
        for entry in Arc::make_mut(&mut self.0) {
            match entry {
                Entry::Function(function) => *function = function.clone().with_openapi_schema()?,
                Entry::Tool(tool) => {
                    for declaration in &mut tool.function_declarations {
                        *declaration = std::mem::take(declaration).with_openapi_schema()?;
                    }
                }
            }
        }
        Ok(self)
    }

    /// Runs the function that a call names, once, and returns the response to send.
    ///
    /// Use it for calls that are returned to the caller, for example after asking the user for permission. If the
    /// function fails, panics, gets arguments that do not fit, or does not exist, the response is `{"error": "…"}` with
    /// the reason, which the model reads.
    ///
    /// ```
    /// use generativeai::protocol::content::Part;
    /// # use generativeai::{Function, GenerativeModel, Toolbox, protocol::content::FunctionCall, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let now = Function::new("now", "Returns the time.", || "12:30");
    /// # let call = || FunctionCall::new("now", Default::default());
    /// # let script = Scripted::default().then_parts([call(), call()]).then_text("Half past twelve.");
    /// let tools = Toolbox::from([now]);
    /// let model = GenerativeModel::new("gemini-flash-latest").tools(tools.clone());
    /// # let model = model.backend(script);
    /// let mut chat = model.start_chat();
    ///
    /// let mut reply = chat.send_message("What time is it?").await?;
    /// while !chat.pending_calls().is_empty() {
    ///     // One message answers all calls.
    ///     let mut answers: Vec<Part> = Vec::new();
    ///     for call in chat.pending_calls() {
    ///         answers.push(tools.answer(call).await.into());
    ///     }
    ///     reply = chat.send_message(answers).await?;
    /// }
    /// assert_eq!(reply.text()?, "Half past twelve.");
    /// # Ok(()) }
    /// ```
    pub async fn answer(&self, call: &FunctionCall) -> FunctionResponse {
        let response = self.run(call, None).await;
        response.unwrap_or_else(|error| run::error_response(call, &error))
    }

    /// Returns whether the toolbox is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the tools as a request contains them: neighbouring declarations that were added one at a time are merged
    /// into one tool, as the service expects them.
    pub fn tools(&self) -> Vec<Tool> {
        let mut merged: Vec<Tool> = Vec::with_capacity(self.0.len());
        // A tool with several declarations was grouped by the caller, and is not merged.
        let mut extends_last = false;
        for entry in &*self.0 {
            let mut tool = match entry {
                Entry::Function(function) => function.declaration().clone().into(),
                Entry::Tool(tool) => Tool::clone(tool),
            };
            let declarations = std::mem::take(&mut tool.function_declarations);
            let is_one_declaration = declarations.len() == 1 && tool == Tool::default();
            match merged.last_mut() {
                Some(last) if is_one_declaration && extends_last => {
                    last.function_declarations.extend(declarations);
                }
                _ => {
                    tool.function_declarations = declarations;
                    merged.push(tool);
                }
            }
            extends_last = is_one_declaration;
        }
        merged
    }

    /// Returns the tools of a request.
    ///
    /// # Errors
    /// [`ErrorKind::Request`]: two functions have the same name, or the parameter of one is not an object.
    pub(crate) fn declarations(&self) -> Result<Vec<Tool>> {
        let mut names = HashSet::new();
        let message = if let Some(name) = self.names().find(|name| !names.insert(*name)) {
            format!("duplicate function name `{name}`: rename one of the two")
        } else if let Some(function) = self.functions().find(|function| !function.takes_object()) {
            format!(
                "the function `{}` can never be called: the arguments of a call are an object, so its parameter has to \
                 be a struct with a field for each argument",
                function.name()
            )
        } else {
            return Ok(self.tools());
        };
        Err(Error::new(ErrorKind::Request, message))
    }

    /// Returns whether any function runs in this process.
    pub(crate) fn has_functions(&self) -> bool {
        self.functions().next().is_some()
    }

    /// Returns whether a name is declared without a function, so that the caller answers its calls.
    pub(crate) fn is_only_declared(&self, name: &str) -> bool {
        self.function_named(name).is_none() && self.names().any(|known| known == name)
    }

    /// Runs the function that a call names.
    ///
    /// # Errors
    /// The function failed, panicked, exceeded the limit, or does not exist.
    pub(crate) fn run(
        &self,
        call: &FunctionCall,
        limit: Option<Duration>,
    ) -> BoxFuture<Result<FunctionResponse>> {
        match self.function_of(call) {
            Ok(function) => run::call(function.clone(), call.clone(), limit),
            Err(unknown) => Box::pin(ready(Err(unknown))),
        }
    }

    /// Returns the function that a call names.
    ///
    /// # Errors
    /// It does not exist.
    pub(crate) fn function_of(&self, call: &FunctionCall) -> Result<&Function> {
        self.function_named(call.name())
            .ok_or_else(|| self.unknown_function(call.name()))
    }

    /// Returns the error of a call that the service rejected with a finish reason.
    pub(crate) fn rejected(&self, name: &str, reason: &FinishReason) -> Error {
        if !self.names().any(|known| known == name) {
            return self.unknown_function(name);
        }
        let known = self.known_functions();
        let message = format!(
            "function `{name}` was not run, since the call was rejected as {reason}: {known} with the arguments that \
             it declares"
        );
        Error::new(ErrorKind::Function, message)
    }

    /// Returns the error for a call of a function that does not exist. The message lists the existing functions, so
    /// that the model can correct the call.
    fn unknown_function(&self, name: &str) -> Error {
        let known = self.known_functions();
        let message = match name {
            "" => format!("the call does not name a function: {known}"),
            name => format!("unknown function `{name}`: {known}"),
        };
        Error::new(ErrorKind::Function, message)
    }

    /// Returns advice for the model that lists all declared functions.
    fn known_functions(&self) -> String {
        let known: Vec<String> = self.names().map(|name| format!("`{name}`")).collect();
        match known.as_slice() {
            [] => "there are no functions".to_owned(),
            known => format!("call one of {}", known.join(", ")),
        }
    }

    /// Returns the function of this name, if one runs in this process.
    pub fn function_named(&self, name: &str) -> Option<&Function> {
        self.functions().find(|function| function.name() == name)
    }

    fn functions(&self) -> impl Iterator<Item = &Function> {
        self.0.iter().filter_map(|entry| match entry {
            Entry::Function(function) => Some(function),
            Entry::Tool(_) => None,
        })
    }

    /// Returns the names of all declared functions.
    fn names(&self) -> impl Iterator<Item = &str> {
        let declarations = self.0.iter().flat_map(|entry| match entry {
            Entry::Function(function) => slice::from_ref(function.declaration()),
            Entry::Tool(tool) => tool.function_declarations.as_slice(),
        });
        declarations.map(|declaration| declaration.name.as_deref().unwrap_or_default())
    }
}

impl Extend<Toolbox> for Toolbox {
    fn extend<I: IntoIterator<Item = Toolbox>>(&mut self, others: I) {
        let entries = Arc::make_mut(&mut self.0);
        for other in others {
            entries.extend_from_slice(&other.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tools::{CodeExecution, FunctionDeclaration};

    fn declared(names: &[&str]) -> Tool {
        Tool::functions(
            names
                .iter()
                .map(|name| FunctionDeclaration::new(*name, "Does it.")),
        )
    }

    #[test]
    fn neighbouring_declarations_are_merged_into_one_tool() {
        let one = Toolbox::default()
            .tool(declared(&["a"]))
            .tool(declared(&["b"]));
        let joined = Toolbox::from(vec![one, Toolbox::from(declared(&["c"]))]);

        assert_eq!(joined.tools(), [declared(&["a", "b", "c"])]);
    }

    #[test]
    fn tools_of_several_declarations_and_other_tools_stay_separate() {
        let several = [
            declared(&["a", "b"]),
            declared(&["c"]),
            declared(&["d", "e"]),
        ];
        assert_eq!(Toolbox::from(several.clone()).tools(), several);

        let with_code = declared(&["a"]).code_execution(CodeExecution::default());
        let mixed = [with_code, declared(&["b"])];
        assert_eq!(Toolbox::from(mixed.clone()).tools(), mixed);
    }
}
