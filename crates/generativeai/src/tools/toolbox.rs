//! The tools of a model or a message: functions that are called here, and tools that are declared.

use std::collections::HashSet;
use std::sync::Arc;

use super::Function;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{FunctionDeclaration, Tool};

/// The tools of a model or a message: functions that run here, declarations whose calls are handed
/// to the caller, and the tools of the service, in order.
///
/// A clone is cheap.
#[derive(Clone, Debug, Default)]
pub struct Toolbox {
    contents: Arc<Contents>,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    tools: Vec<Tool>,
    functions: Vec<Function>,
}

impl Toolbox {
    /// Adds a function that runs here.
    #[must_use]
    pub fn function(mut self, function: Function) -> Self {
        let contents = Arc::make_mut(&mut self.contents);
        let declaration = function.declaration().clone();
        contents.functions.push(function);
        self.tool(Tool::from(declaration))
    }

    /// Adds a tool as it is declared; declarations next to each other go as one tool.
    #[must_use]
    pub fn tool(mut self, tool: impl Into<Tool>) -> Self {
        let tool = tool.into();
        let tools = &mut Arc::make_mut(&mut self.contents).tools;
        match tools.last_mut() {
            Some(last) if only_declares(last) && only_declares(&tool) => {
                last.function_declarations
                    .extend(tool.function_declarations);
            }
            _ => tools.push(tool),
        }
        self
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.contents.tools.is_empty()
    }

    /// The tools as they are declared, in order.
    pub fn tools(&self) -> &[Tool] {
        &self.contents.tools
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
        Ok(self.contents.tools.clone())
    }

    pub(crate) fn has_functions(&self) -> bool {
        !self.contents.functions.is_empty()
    }

    pub(crate) fn function_named(&self, name: &str) -> Option<&Function> {
        self.contents
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
        self.contents
            .tools
            .iter()
            .flat_map(|tool| &tool.function_declarations)
    }
}

/// Whether a tool is nothing but declarations of functions.
fn only_declares(tool: &Tool) -> bool {
    let mut rest = tool.clone();
    rest.function_declarations.clear();
    !tool.function_declarations.is_empty() && rest == Tool::default()
}

impl From<Function> for Toolbox {
    fn from(function: Function) -> Self {
        Self::default().function(function)
    }
}

impl From<Tool> for Toolbox {
    fn from(tool: Tool) -> Self {
        Self::default().tool(tool)
    }
}

impl From<FunctionDeclaration> for Toolbox {
    fn from(declaration: FunctionDeclaration) -> Self {
        Self::default().tool(Tool::from(declaration))
    }
}

impl<T: Into<Toolbox>> From<Vec<T>> for Toolbox {
    fn from(tools: Vec<T>) -> Self {
        tools.into_iter().collect()
    }
}

impl<T: Into<Toolbox>, const N: usize> From<[T; N]> for Toolbox {
    fn from(tools: [T; N]) -> Self {
        tools.into_iter().collect()
    }
}

impl<T: Into<Toolbox>> FromIterator<T> for Toolbox {
    fn from_iter<I: IntoIterator<Item = T>>(tools: I) -> Self {
        let mut all = Self::default();
        for one in tools {
            let one = one.into();
            let contents = Arc::make_mut(&mut all.contents);
            contents
                .functions
                .extend(one.contents.functions.iter().cloned());
            for tool in one.contents.tools.iter().cloned() {
                all = all.tool(tool);
            }
        }
        all
    }
}
