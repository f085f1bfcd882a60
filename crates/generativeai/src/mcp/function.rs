//! A tool of a server as a function of a chat.

use std::sync::Arc;

use rmcp::model::Tool;
use serde_json::Value;

use super::response;
use super::server::Server;
use crate::json_schema;
use crate::protocol::tools::FunctionDeclaration;
use crate::tools::Function;

/// Returns a function of the given name that runs a tool at its server.
pub(super) fn function(name: String, tool: Tool, server: Arc<Server>) -> Function {
    let origin = server.name.clone();
    // A model chooses functions by their descriptions, so a title is better than nothing.
    let title = tool.title.as_deref().unwrap_or_default();
    let description = tool.description.as_deref().unwrap_or(title);
    let mut declaration = FunctionDeclaration::new(name, description);
    let schema = Value::Object(Arc::unwrap_or_clone(tool.input_schema));
    declaration.parameters_json_schema = json_schema::parameters(schema);
    let tool = tool.name;
    let function = Function::from_declaration(declaration, move |arguments| {
        let (server, tool) = (Arc::clone(&server), tool.to_string());
        async move { response::from_result(&server.call(tool, arguments).await?) }
    });
    function.with_server(&origin)
}

/// Returns whether the annotations of a tool declare it read-only. Contradictory annotations do not.
pub(super) fn claims_to_read_only(tool: &Tool) -> bool {
    tool.annotations.as_ref().is_some_and(|annotations| {
        annotations.read_only_hint == Some(true) && annotations.destructive_hint != Some(true)
    })
}
