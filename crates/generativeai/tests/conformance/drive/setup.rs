//! The model, the chat and the request options of a scenario.

use std::time::Duration;

use generativeai::protocol::caches::CachedContent;
use generativeai::{Backend, ChatSession, Error, GenerativeModel, Remote, RequestOptions, Retry};
use serde_json::Value;

use super::errors::neutral;
use super::input::{self, Unwritable};
use super::tools::{Calls, toolbox};
use crate::scenario::Scenario;
use crate::server::Server;

const DEFAULT_MODEL: &str = "gemini-1.5-flash-002";

/// Makes the model of a scenario.
pub(super) async fn model(
    scenario: &Scenario,
    server: &Server,
    calls: &Calls,
) -> Result<GenerativeModel, Value> {
    let refused = |error: Error| neutral(&error);
    let said = |name: &str| scenario.model.get(name).filter(|value| !value.is_null());
    let remote = Remote::builder()
        .api_key("key-of-the-runner")
        .base_url(server.address())
        .request_options(RequestOptions::default().retry(immediate()))
        .build()
        .map_err(refused)?;
    let mut model = match said("from_cached_content") {
        None => GenerativeModel::new(
            said("model_name")
                .and_then(Value::as_str)
                .unwrap_or(DEFAULT_MODEL),
        ),
        Some(Value::String(id)) => {
            let cached = remote
                .get_cached_content(id.clone(), RequestOptions::default())
                .await;
            GenerativeModel::from_cached_content(&cached.map_err(refused)?).map_err(refused)?
        }
        Some(ready) => {
            let cached: CachedContent =
                serde_json::from_value(ready["value"].clone()).map_err(|_| Unwritable)?;
            GenerativeModel::from_cached_content(&cached).map_err(refused)?
        }
    };
    model = model.backend(remote);
    if let Some(config) = said("generation_config") {
        model = model.generation_config(input::generation_config(config)?);
    }
    if let Some(settings) = said("safety_settings") {
        model = model.safety_settings(input::safety_settings(settings)?);
    }
    if let Some(tools) = said("tools") {
        model = model.tools(toolbox(tools, scenario, calls)?);
    }
    if let Some(config) = said("tool_config") {
        model = model.tool_config(input::tool_config(config)?);
    }
    if let Some(instruction) = said("system_instruction") {
        model = model.system_instruction(input::content(instruction)?);
    }
    model.check().map_err(refused)?;
    Ok(model)
}

/// Retries without a wait, unless the service asks for one.
fn immediate() -> Retry {
    Retry::default().initial(Duration::ZERO)
}

/// Starts the chat of a scenario.
pub(super) fn start(scenario: &Scenario, model: &GenerativeModel) -> Result<ChatSession, Value> {
    let said = &scenario.chat;
    let flag = |name: &str| said.get(name).and_then(Value::as_bool).unwrap_or(false);
    let directly = flag("construct_directly");
    let chat = if directly {
        ChatSession::new(model.clone())
    } else {
        model.start_chat()
    };
    let history = input::contents(said.get("history").unwrap_or(&Value::Null))?;
    let chat = chat.automatic_function_calling(flag("enable_automatic_function_calling"));
    if !directly {
        // Before the history is set: the Python SDK checks the settings of the model only.
        chat.check().map_err(|error| neutral(&error))?;
    }
    Ok(chat.with_history(history))
}

pub(super) fn request_options(value: &Value) -> RequestOptions {
    let mut options = RequestOptions::default();
    if value.get("retry").is_some_and(Value::is_null) {
        options = options.without_retry();
    }
    for deadline in ["retry_deadline", "timeout"] {
        if let Some(seconds) = value[deadline].as_f64() {
            options = options.timeout(Duration::from_secs_f64(seconds));
        }
    }
    options
}
