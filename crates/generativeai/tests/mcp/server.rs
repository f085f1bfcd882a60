//! A small MCP server, over stdio and streamable HTTP.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    ToolAnnotations,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::transport::stdio as standard_streams;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServerHandler, ServiceExt};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Value of `x-key` that the server requires over HTTP.
pub(crate) const KEY: &str = "open-sesame";

#[derive(Clone)]
struct Server;

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let number = json!({"type": "number"});
        let sum = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {"a": number, "b": number, "unit": {"const": "metres"}},
            "required": ["a", "b"],
        });
        let nothing = json!({"type": "object"});
        let one_of_two = json!({
            "type": "object",
            "anyOf": [
                {"properties": {"name": {"type": "string"}}, "required": ["name"]},
                {"properties": {"id": {"type": "integer"}}, "required": ["id"]},
            ],
        });
        Ok(ListToolsResult::with_all_items(vec![
            tool("add", "Adds two numbers.", &sum),
            tool("greet/everyone", "Greets.", &nothing),
            // Harmless, by its own account: that is not a promise to change nothing.
            tool("draw", "Draws.", &nothing)
                .annotate(ToolAnnotations::new().destructive(false).idempotent(true)),
            tool("fail", "Fails.", &nothing).annotate(ToolAnnotations::new().read_only(true)),
            tool("wait", "Waits forever.", &nothing),
            tool("find/note", "Finds a note.", &one_of_two),
            tool("find_note", "Finds a note by date.", &nothing),
            // Contradicts itself.
            tool("limit", "Is rate limited.", &nothing)
                .annotate(ToolAnnotations::new().read_only(true).destructive(true)),
        ]))
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = call.arguments.unwrap_or_default();
        let number = |name: &str| {
            arguments
                .get(name)
                .and_then(Value::as_f64)
                .unwrap_or_default()
        };
        let result = match &*call.name {
            "add" => CallToolResult::structured(json!({"sum": number("a") + number("b")})),
            "greet/everyone" => CallToolResult::success(vec![ContentBlock::text("hello")]),
            "draw" => CallToolResult::success(vec![ContentBlock::image("AQ==", "image/png")]),
            "fail" => CallToolResult::error(vec![ContentBlock::text("out of paint")]),
            "find/note" | "find_note" => {
                let image = ContentBlock::image("data:image/png;base64,AQ", "image/png");
                CallToolResult::success(vec![ContentBlock::text(call.name.clone()), image])
            }
            "limit" => {
                let mut result = CallToolResult::error(Vec::new());
                result.structured_content = Some(json!({"code": "RATE_LIMITED"}));
                result
            }
            _ => std::future::pending().await,
        };
        Ok(result.into())
    }
}

fn tool(name: &'static str, description: &'static str, schema: &Value) -> Tool {
    let schema = schema.as_object().cloned().unwrap_or_default();
    Tool::new(name, description, Arc::new(schema))
}

/// Serves over stdin and stdout until they close.
pub(crate) async fn stdio() {
    let service = Server.serve(standard_streams()).await.expect("a client");
    service.waiting().await.expect("an orderly end");
}

/// Serves over stdin and stdout without `rmcp`, which sends results in the form of the protocol only.
#[expect(clippy::print_stdout, reason = "the protocol")]
pub(crate) fn lines() {
    for line in std::io::stdin().lines() {
        let message: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        let Some(id) = message.get("id") else {
            continue;
        };
        let result = match message["method"].as_str() {
            Some("initialize") => json!({
                "protocolVersion": message["params"]["protocolVersion"], "capabilities": {"tools": {}},
                "serverInfo": {"name": "lines", "version": "1"},
            }),
            Some("tools/list") => {
                let tool = |name| json!({"name": name, "inputSchema": {"type": "object"}});
                json!({"tools": [tool("film"), tool("end")]})
            }
            Some("tools/call") if message["params"]["name"] == "end" => return,
            Some("tools/call") => json!({"content": [
                {"type": "text", "text": "a caption"},
                {"type": "video", "data": "AQ==", "mimeType": "video/mp4"},
                {"type": "chart", "points": [1]},
            ]}),
            _ => {
                let error = json!({"code": -32601, "message": "unknown method"});
                println!("{}", json!({"jsonrpc": "2.0", "id": id, "error": error}));
                continue;
            }
        };
        println!("{}", json!({"jsonrpc": "2.0", "id": id, "result": result}));
    }
}

/// Serves over HTTP on a port of the system's choice, which it tells in a line.
#[expect(
    clippy::print_stdout,
    reason = "who started it reads the address there"
)]
pub(crate) async fn http() {
    let service = StreamableHttpService::new(
        || Ok(Server),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    let router = axum::Router::new()
        .nest_service("/mcp", service)
        .layer(from_fn(with_key));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("http://{}/mcp", listener.local_addr().expect("an address"));
    axum::serve(listener, router).await.expect("serving");
}

async fn with_key(request: Request, next: Next) -> Response {
    match request.headers().get("x-key").map(|key| key.as_bytes()) {
        Some(key) if key == KEY.as_bytes() => next.run(request).await,
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}
