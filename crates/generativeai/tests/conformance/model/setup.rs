//! Settings of a model, and of messages that override them.

use serde_json::{Map, Value, json};

use super::chat::{Chat, has_parts, repair};
use super::known;
use super::settings;
use super::tools::Tools;
use super::turn::RequestTemplate;
use super::wire::{Question, World};
use super::{input, members};
use crate::fault;
use crate::rows::{Row, Rows};
use crate::scenario::Step;

const DEFAULT_MODEL: &str = "gemini-1.5-flash-002";

/// Settings of a model.
#[derive(Clone)]
pub(super) struct Settings {
    name: String,
    cached_content: Option<String>,
    generation_config: Map<String, Value>,
    safety: Vec<(Value, Value)>,
    tools: Option<Tools>,
    tool_config: Option<Value>,
    system_instruction: Option<Value>,
}

impl Settings {
    /// Makes the model of a scenario.
    pub(super) fn of_model(world: &mut World<'_>) -> Result<Self, Value> {
        let rows = world.rows;
        let given = &world.scenario.model;
        let said = |name: &str| given.get(name).cloned().unwrap_or_default();
        let name = said("model_name");
        let cached = match said("from_cached_content") {
            Value::Null => None,
            Value::String(id) => Some(fetch(&id, world)?),
            ready => Some(ready["value"].clone()),
        };
        let mut this = Self {
            name: name.as_str().unwrap_or(DEFAULT_MODEL).to_owned(),
            cached_content: None,
            safety: settings::safety(&said("safety_settings"), rows)?,
            generation_config: settings::generation(&said("generation_config"), rows)?,
            tools: Tools::read(&said("tools"), world.scenario, rows)?,
            tool_config: settings::tool_config(&said("tool_config"), rows)?,
            system_instruction: None,
        };
        let instruction = said("system_instruction");
        if !instruction.is_null() {
            let instruction = input::content(&instruction, rows)?;
            if !has_parts(&instruction) && rows.here(Row::D17) {
                return Err(fault::request());
            }
            this.system_instruction = Some(instruction);
        }
        if let Some(cached) = cached {
            let is_missing = |name: &str| cached[name].as_str().is_none_or(str::is_empty);
            if (is_missing("name") || is_missing("model")) && rows.here(Row::D17) {
                return Err(fault::request());
            }
            this.name = cached["model"].as_str().unwrap_or_default().to_owned();
            this.cached_content = cached["name"].as_str().map(str::to_owned);
        }
        if !this.name.contains('/') {
            this.name = format!("models/{}", this.name);
        }
        Ok(this)
    }

    /// Starts the chat of a scenario.
    pub(super) fn start_chat(&self, world: &World<'_>) -> Result<Chat, Value> {
        let (said, rows) = (&world.scenario.chat, world.rows);
        let flag = |name: &str| said.get(name).and_then(Value::as_bool).unwrap_or(false);
        if !flag("construct_directly") {
            settings::one_candidate(&self.generation_config)?;
        }
        let mut history = input::contents(said.get("history").unwrap_or(&Value::Null), rows)?;
        if rows.here(Row::D15) {
            repair(&mut history);
        }
        let automatic = flag("enable_automatic_function_calling");
        Ok(Chat {
            history,
            automatic,
            ..Chat::default()
        })
    }

    /// Returns the tools of a message, or else of the model.
    pub(super) fn tools_of(&self, step: &Step, world: &World<'_>) -> Result<Option<Tools>, Value> {
        let given = step.get("tools").unwrap_or(&Value::Null);
        let tools = Tools::read(given, world.scenario, world.rows)?;
        Ok(tools.or_else(|| self.tools.clone()))
    }

    /// Returns the generation config of a message, merged over the model's.
    pub(super) fn config_of(&self, step: &Step, rows: &Rows) -> Result<Map<String, Value>, Value> {
        let given = step.get("generation_config").unwrap_or(&Value::Null);
        let given = settings::generation(given, rows)?;
        Ok(settings::merged(&self.generation_config, given))
    }

    /// Returns a request without contents.
    pub(super) fn prepare(
        &self,
        step: &Step,
        config: Map<String, Value>,
        tools: Option<Tools>,
        world: &World<'_>,
    ) -> Result<RequestTemplate, Value> {
        let rows = world.rows;
        let given = |name: &str| step.get(name).filter(|value| !value.is_null());
        // An empty value is false in Python, but the tools of a message are an object by then.
        let is_set = |name: &str| {
            let is_object = name == "tools" && step.op == "send_message";
            given(name)
                .is_some_and(|value| is_object || rows.here(Row::D17) || !input::is_empty(value))
        };
        if self.cached_content.is_some() && (is_set("tools") || is_set("tool_config")) {
            return Err(fault::request());
        }
        let safety = settings::safety(given("safety_settings").unwrap_or(&Value::Null), rows)?;
        let tool_config =
            settings::tool_config(given("tool_config").unwrap_or(&Value::Null), rows)?;
        known::check("GenerationConfig", &json!(config), rows)?;
        if !is_routable(&self.name) && !rows.here(Row::D17) {
            return Err(fault::accident());
        }
        let body = members(&json!({
            "systemInstruction": self.system_instruction,
            "tools": tools.as_ref().map(|tools| &tools.sent),
            "toolConfig": tool_config.or_else(|| self.tool_config.clone()),
            "safetySettings": settings::safety_merged(&self.safety, safety),
            "generationConfig": config,
            "cachedContent": self.cached_content,
        }));
        Ok(RequestTemplate {
            model: self.name.clone(),
            body,
            tools,
            model_tool_config: self.tool_config.clone(),
            options: step.get("request_options").cloned().unwrap_or_default(),
        })
    }
}

/// Returns whether the Python SDK has a route for a model name.
fn is_routable(name: &str) -> bool {
    let route = name
        .strip_prefix("models/")
        .or_else(|| name.strip_prefix("tunedModels/"));
    route.is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
}

fn fetch(id: &str, world: &mut World<'_>) -> Result<Value, Value> {
    let name = if id.contains('/') {
        id.to_owned()
    } else {
        format!("cachedContents/{id}")
    };
    let is_one = name
        .strip_prefix("cachedContents/")
        .is_some_and(|id| !id.is_empty() && !id.contains('/'));
    if !is_one && !world.rows.here(Row::D17) {
        return Err(fault::accident());
    }
    let question = Question {
        method: "GET",
        path: &format!("/v1beta/{name}"),
        reply: "CachedContent",
        body: Value::Null,
        options: &Value::Null,
    };
    let cached = world.ask(&question)?.pop_front();
    cached.unwrap_or_else(|| Ok(json!({})))
}
