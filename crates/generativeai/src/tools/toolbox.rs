//! The tools of a model or a message: functions that are called here, and tools that are declared.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Function, run};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{FunctionCall, FunctionResponse};
use crate::protocol::tools::{FunctionDeclaration, Tool};

/// The tools of a model or a message: functions that run here, declarations whose calls are handed
/// to the caller, and the tools of the service, in order.
///
/// Functions, declarations, the service's tools, lists and tuples of them all turn into one. No two
/// functions may have one name. A clone is cheap.
///
/// ```
/// use generativeai::protocol::tools::{CodeExecution, FunctionDeclaration, UrlContext};
/// use generativeai::{Function, GenerativeModel};
///
/// let now = Function::new("now", "Tells the time.", || "12:30");
/// let ask = FunctionDeclaration::new("ask", "Asks the user a question.");
/// let model = GenerativeModel::new("gemini-flash-latest")
///     .tools((now, ask, CodeExecution::default(), UrlContext::default()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Toolbox {
    /// `None` if it is empty.
    contents: Option<Arc<Contents>>,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    tools: Vec<Tool>,
    /// Which of the tools gather single declarations; the others stay as they were given.
    gathering: Vec<bool>,
    functions: Vec<Function>,
}

impl Contents {
    /// Adds a tool; single declarations next to each other become one.
    fn add(&mut self, tool: Tool, gathers: bool) {
        match (self.tools.last_mut(), self.gathering.last()) {
            (Some(last), Some(true)) if gathers => {
                last.function_declarations
                    .extend(tool.function_declarations);
            }
            _ => {
                self.tools.push(tool);
                self.gathering.push(gathers);
            }
        }
    }
}

impl Toolbox {
    fn contents(&self) -> &Contents {
        static NOTHING: Contents = Contents {
            tools: Vec::new(),
            gathering: Vec::new(),
            functions: Vec::new(),
        };
        self.contents.as_deref().unwrap_or(&NOTHING)
    }

    fn contents_mut(&mut self) -> &mut Contents {
        Arc::make_mut(self.contents.get_or_insert_default())
    }

    /// Adds a function that runs here.
    #[must_use]
    pub fn function(mut self, function: Function) -> Self {
        let contents = self.contents_mut();
        let declaration = function.declaration().clone();
        contents.functions.push(function);
        self.tool(Tool::from(declaration))
    }

    /// Adds a tool as it is declared; single declarations next to each other go as one tool.
    #[must_use]
    pub fn tool(mut self, tool: impl Into<Tool>) -> Self {
        let tool = tool.into();
        let single = only_declares_one(&tool);
        self.contents_mut().add(tool, single);
        self
    }

    /// Declares all functions in the part of OpenAPI 3.0 that older models read, in place of JSON
    /// Schema.
    ///
    /// ```
    /// # use generativeai::{Function, GenerativeModel, Toolbox, testing::Scripted};
    /// # let now = Function::new("now", "Tells the time.", || "12:30");
    /// let tools = Toolbox::from([now]).with_openapi_schema()?;
    /// let model = GenerativeModel::new("gemini-flash-latest").tools(tools);
    /// # Ok::<(), generativeai::Error>(())
    /// ```
    ///
    /// # Errors
    /// If that form cannot say the arguments of a function: see [`Function::with_openapi_schema`].
    pub fn with_openapi_schema(mut self) -> Result<Self> {
        let contents = self.contents_mut();
        for tool in &mut contents.tools {
            for declaration in &mut tool.function_declarations {
                *declaration = std::mem::take(declaration).with_openapi_schema()?;
            }
        }
        for function in &mut contents.functions {
            *function = function.clone().with_openapi_schema()?;
        }
        Ok(self)
    }

    /// Runs the function that a call names, once, and gives the answer to send.
    ///
    /// For calls that were handed to the caller, after asking the user, say. If the function fails,
    /// panics, cannot read the arguments, or is not here, the answer says so.
    ///
    /// ```
    /// # use generativeai::{Function, GenerativeModel, Toolbox, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let now = Function::new("now", "Tells the time.", || "12:30");
    /// # let script = Scripted::default()
    /// #     .then_call("now", serde_json::json!({})).then_text("Half past twelve.");
    /// let tools = Toolbox::from([now]);
    /// let model = GenerativeModel::new("gemini-flash-latest").tools(tools.clone());
    /// # let model = model.backend(script);
    /// let mut chat = model.start_chat();
    ///
    /// let mut reply = chat.send_message("What time is it?").await?;
    /// while let [call, ..] = chat.pending_calls()[..] {
    ///     let answer = tools.answer(call).await;
    ///     reply = chat.send_message(answer).await?;
    /// }
    /// assert_eq!(reply.text()?, "Half past twelve.");
    /// # Ok(()) }
    /// ```
    pub async fn answer(&self, call: &FunctionCall) -> FunctionResponse {
        let function = self.function_named(call.name()).cloned();
        let answer = run::call(function, call.clone(), None).await;
        answer.unwrap_or_else(|error| run::failure(call, &error))
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.contents().tools.is_empty()
    }

    /// The tools as they are declared, in order.
    pub fn tools(&self) -> &[Tool] {
        &self.contents().tools
    }

    /// What the request says of the tools.
    ///
    /// # Errors
    /// [`ErrorKind::Request`] if two functions have one name.
    pub(crate) fn declarations(&self) -> Result<Vec<Tool>> {
        let mut names = HashSet::new();
        for declaration in self.declared() {
            let name = declaration.name.as_deref().unwrap_or_default();
            if !names.insert(name) {
                let message = format!("two functions are called `{name}`: rename one");
                return Err(Error::new(ErrorKind::Request, message));
            }
        }
        Ok(self.contents().tools.clone())
    }

    pub(crate) fn has_functions(&self) -> bool {
        !self.contents().functions.is_empty()
    }

    pub(crate) fn function_named(&self, name: &str) -> Option<&Function> {
        self.contents()
            .functions
            .iter()
            .find(|function| function.name() == name)
    }

    /// Whether there is a declaration of that name, but no function.
    pub(crate) fn is_only_declared(&self, name: &str) -> bool {
        let declared = self
            .declared()
            .any(|known| known.name.as_deref() == Some(name));
        declared && self.function_named(name).is_none()
    }

    fn declared(&self) -> impl Iterator<Item = &FunctionDeclaration> {
        self.contents()
            .tools
            .iter()
            .flat_map(|tool| &tool.function_declarations)
    }
}

/// Whether a tool is nothing but the declaration of one function.
fn only_declares_one(tool: &Tool) -> bool {
    let mut rest = tool.clone();
    rest.function_declarations.clear();
    tool.function_declarations.len() == 1 && rest == Tool::default()
}

impl Extend<Toolbox> for Toolbox {
    fn extend<I: IntoIterator<Item = Toolbox>>(&mut self, others: I) {
        for other in others {
            let contents = self.contents_mut();
            contents
                .functions
                .extend(other.contents().functions.iter().cloned());
            let tools = other
                .contents()
                .tools
                .iter()
                .zip(&other.contents().gathering);
            for (tool, gathers) in tools {
                contents.add(tool.clone(), *gathers);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tools::CodeExecution;

    fn declared(names: &[&str]) -> Tool {
        Tool::functions(
            names
                .iter()
                .map(|name| FunctionDeclaration::new(*name, "Does it.")),
        )
    }

    #[test]
    fn single_declarations_next_to_each_other_go_as_one_tool() {
        let one = Toolbox::default()
            .tool(declared(&["a"]))
            .tool(declared(&["b"]));
        let joined = Toolbox::from(vec![one, Toolbox::from(declared(&["c"]))]);

        assert_eq!(joined.tools(), [declared(&["a", "b", "c"])]);
    }

    #[test]
    fn tools_of_several_declarations_and_other_tools_stay_as_they_are() {
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
