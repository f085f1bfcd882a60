//! Saved form of a model: its name and settings, without the backend.
//!
//! Request options, accepted finish reasons and checks are not saved. They are code, or belong to the running program,
//! as do the functions of tools.

use std::mem;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::generative_model::GenerativeModel;
use super::settings::Settings;
use crate::protocol::Message as _;
use crate::protocol::request::GenerateContentRequest;
use crate::tools::Toolbox;

/// Name and settings of a model. Functions are saved as declarations.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SavedModel {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    automatic_continuation: Option<bool>,
    #[serde(flatten)]
    request: GenerateContentRequest,
    /// Unknown members of the request, which could have the name of a field above. Older versions also saved labels and
    /// other members here.
    #[serde(default, rename = "request", skip_serializing_if = "is_default")]
    more: GenerateContentRequest,
}

impl GenerativeModel {
    /// Returns the saved form of the model.
    pub(crate) fn save(&self) -> SavedModel {
        let mut request = self.settings.request.clone();
        let tools = self.settings.tools.as_ref();
        request.tools = tools.map(Toolbox::tools).unwrap_or_default();
        SavedModel {
            name: self.name.clone(),
            automatic_continuation: self.settings.continues,
            more: GenerateContentRequest {
                unknown: mem::take(&mut request.unknown),
                ..GenerateContentRequest::default()
            },
            request,
        }
    }

    /// Creates a model from its saved form, without a backend and without functions that can run.
    pub(crate) fn load(saved: SavedModel) -> Self {
        let mut request = saved.request;
        request.overwrite(&saved.more);
        let tools = Some(mem::take(&mut request.tools)).filter(|tools| !tools.is_empty());
        Self {
            name: saved.name,
            backend: Arc::default(),
            settings: Settings {
                request,
                tools: tools.map(Toolbox::from),
                continues: saved.automatic_continuation,
                ..Settings::default()
            },
        }
    }
}

fn is_default(request: &GenerateContentRequest) -> bool {
    *request == GenerateContentRequest::default()
}
