//! Saved form of a model: its name and settings, without the backend.
//!
//! Request options, accepted finish reasons and checks are not saved. They are code, or belong to the running program,
//! as do the functions of tools.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::generative_model::GenerativeModel;
use super::settings::Settings;
use crate::protocol::config::GenerationConfig;
use crate::protocol::content::Content;
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::safety::SafetySetting;
use crate::protocol::tools::{Tool, ToolConfig};
use crate::tools::Toolbox;

/// Name and settings of a model. Functions are saved as declarations.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SavedModel {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cached_content: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generation_config: Option<Box<GenerationConfig>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    safety_settings: Option<Vec<SafetySetting>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tools: Option<Vec<Tool>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    automatic_continuation: Option<bool>,
    /// Labels, service tier and other members of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<Box<GenerateContentRequest>>,
}

impl GenerativeModel {
    /// Returns the saved form of the model.
    pub(crate) fn save(&self) -> SavedModel {
        let settings = self.settings.clone();
        SavedModel {
            name: self.name.clone(),
            system_instruction: self.system_instruction.clone(),
            cached_content: self.cached_content.clone(),
            generation_config: settings.generation_config,
            safety_settings: settings.safety_settings,
            tools: settings.tools.map(|tools| tools.tools()),
            tool_config: settings.tool_config,
            automatic_continuation: settings.continues,
            request: settings.members,
        }
    }

    /// Creates a model from its saved form, without a backend and without functions that can run.
    pub(crate) fn load(saved: SavedModel) -> Self {
        let settings = Settings {
            generation_config: saved.generation_config,
            safety_settings: saved.safety_settings,
            tools: saved.tools.map(Toolbox::from),
            tool_config: saved.tool_config,
            continues: saved.automatic_continuation,
            members: saved.request,
            ..Settings::default()
        };
        Self {
            name: saved.name,
            backend: Arc::default(),
            system_instruction: saved.system_instruction,
            cached_content: saved.cached_content,
            settings,
        }
    }
}
