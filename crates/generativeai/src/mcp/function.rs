//! A tool of a server as a function of a chat.

use std::sync::Arc;

use rmcp::model::{CallToolRequestParams, Tool};
use serde_json::Value;

use super::{Connection, answer};
use crate::error::{Error, ErrorKind};
use crate::json_schema;
use crate::protocol::tools::FunctionDeclaration;
use crate::tools::Function;

/// The most characters the name of a function may have.
const LONGEST_NAME: usize = 128;

impl Connection {
    pub(super) fn function(&self, tool: Tool) -> Function {
        let name = name_of(&self.prefix, &tool.name);
        let title = tool.title.as_deref().unwrap_or_default();
        let description = tool.description.as_deref().unwrap_or(title);
        let mut declaration = FunctionDeclaration::new(name, description);
        let schema = Value::Object(Arc::unwrap_or_clone(tool.input_schema));
        declaration.parameters_json_schema = json_schema::parameters(schema);
        let (shared, tool) = (Arc::clone(&self.shared), tool.name);
        Function::from_declaration(declaration, move |arguments| {
            let (shared, tool) = (Arc::clone(&shared), tool.clone());
            async move {
                let call = CallToolRequestParams::new(tool).with_arguments(arguments);
                let result = shared.peer.call_tool(call).await.map_err(|error| {
                    let message = format!("the MCP server `{}` did not answer", shared.name);
                    Error::new(ErrorKind::Function, message).with_source(error)
                })?;
                answer::of(result)
            }
        })
    }
}

/// The name of a tool in the characters the API allows.
fn name_of(prefix: &str, tool: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
    let name = prefix.chars().chain(tool.chars());
    let name: String = name
        .map(|c| if allowed(c) { c } else { '_' })
        .take(LONGEST_NAME)
        .collect();
    match name.chars().next() {
        Some(first) if first.is_ascii_alphabetic() || first == '_' => name,
        _ => format!("_{name}").chars().take(LONGEST_NAME).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_in_the_characters_the_api_allows() {
        assert_eq!(name_of("", "read.file-1"), "read.file-1");
        assert_eq!(name_of("web_", "files/read me"), "web_files_read_me");
        assert_eq!(name_of("", "3d"), "_3d");
        assert_eq!(name_of("", ""), "_");
        assert_eq!(name_of("", &"a".repeat(200)).len(), 128);
    }
}
