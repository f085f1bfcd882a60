//! Variables of a chat template: those that Hugging Face's transformers passes. A new one is added here.

use minijinja::Value as TemplateValue;
use minijinja::value::Serde;
use serde_json::{Map, Value};

/// Variables that turn thinking on or off. A template reads one of them, or none.
const SWITCHES: [&str; 3] = ["enable_thinking", "thinking", "reasoning"];

/// Request for a model to think, or not to think, before it replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Thinking {
    /// Left to the template.
    #[default]
    Default,
    /// Turned on, if the template has a switch.
    On,
    /// Turned off.
    Off,
}

/// Variables that are the same in each rendering.
#[derive(Debug)]
pub(super) struct Variables {
    /// String of the token that begins text; empty if the model has none.
    pub(super) bos: String,
    /// String of the token that ends text; empty if the model has none.
    pub(super) eos: String,
}

/// Variables of one rendering.
pub(super) struct Rendering {
    pub(super) messages: Value,
    /// Declarations of functions; `null` if there are none.
    pub(super) tools: Value,
    /// Whether the prompt ends where the reply begins, and not after the last message.
    pub(super) add_generation_prompt: bool,
    pub(super) thinking: Thinking,
}

impl Variables {
    /// Returns all variables of a rendering.
    pub(super) fn with(&self, rendering: Rendering) -> TemplateValue {
        let mut variables = Map::new();
        let mut set = |name: &str, value: Value| variables.insert(name.to_owned(), value);
        // As in transformers, `documents` is always passed, and is `none` here.
        set("documents", Value::Null);
        for (name, token) in [("bos_token", &self.bos), ("eos_token", &self.eos)] {
            if !token.is_empty() {
                set(name, token.as_str().into());
            }
        }
        set("messages", rendering.messages);
        set("tools", rendering.tools);
        set(
            "add_generation_prompt",
            rendering.add_generation_prompt.into(),
        );
        // Variables that a template does not read have no effect.
        if rendering.thinking != Thinking::Default {
            for switch in SWITCHES {
                set(switch, (rendering.thinking == Thinking::On).into());
            }
        }
        // Seed-OSS has a budget in tokens instead of a switch.
        if rendering.thinking == Thinking::Off {
            set("thinking_budget", 0.into());
        }
        TemplateValue::from(Serde(variables))
    }
}
