//! Saved form of a model: its name and settings, without the backend.
//!
//! Request options, accepted finish reasons and checks are not saved. They are code, or belong to the running program,
//! as do the functions of tools.

use std::mem;
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
        let mut request = self.settings.request.clone();
        let safety_settings = mem::take(&mut request.safety_settings);
        SavedModel {
            name: self.name.clone(),
            system_instruction: request.system_instruction.take(),
            cached_content: request.cached_content.take(),
            generation_config: request.generation_config.take(),
            safety_settings: Some(safety_settings).filter(|settings| !settings.is_empty()),
            tools: self.settings.tools.as_ref().map(Toolbox::tools),
            tool_config: request.tool_config.take(),
            automatic_continuation: self.settings.continues,
            request: Some(Box::new(request)).filter(|request| **request != Default::default()),
        }
    }

    /// Creates a model from its saved form, without a backend and without functions that can run.
    pub(crate) fn load(saved: SavedModel) -> Self {
        let request = GenerateContentRequest {
            system_instruction: saved.system_instruction,
            cached_content: saved.cached_content,
            generation_config: saved.generation_config,
            safety_settings: saved.safety_settings.unwrap_or_default(),
            tool_config: saved.tool_config,
            ..*saved.request.unwrap_or_default()
        };
        Self {
            name: saved.name,
            backend: Arc::default(),
            settings: Settings {
                request,
                tools: saved.tools.map(Toolbox::from),
                continues: saved.automatic_continuation,
                ..Settings::default()
            },
        }
    }
}
