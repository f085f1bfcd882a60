//! Settings that both a model and a message have, and the rules for merging them.

use std::fmt;
use std::sync::Arc;

use crate::backend::{Backend, RequestOptions};
use crate::error::Result;
use crate::protocol::config::GenerationConfig;
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::{FinishReason, GenerateContentResponse};
use crate::protocol::safety::SafetySetting;
use crate::protocol::tools::ToolConfig;
use crate::tools::Toolbox;

/// Settings of a model or of a message. Those of a message take precedence: see [`over`](Self::over).
#[derive(Clone, Default)]
pub(crate) struct Settings {
    // Boxed: it is large, and most messages have none.
    pub(crate) generation_config: Option<Box<GenerationConfig>>,
    pub(crate) safety_settings: Option<Vec<SafetySetting>>,
    pub(crate) tools: Option<Toolbox>,
    pub(crate) tool_config: Option<ToolConfig>,
    pub(crate) request_options: RequestOptions,
    /// Other members of the request, which few programs set: labels, service tier, storage, Model Armor, and members
    /// that are newer than this version.
    pub(crate) members: Option<Box<GenerateContentRequest>>,
    /// Finish reasons that end a reply regularly, in addition to `STOP` and `MAX_TOKENS`.
    pub(crate) accepted: Option<Vec<FinishReason>>,
    /// Check of a complete reply. If it fails, the turn fails with its error.
    pub(crate) check: Option<Check>,
    /// Whether replies that end at a token limit are continued. Default: yes.
    pub(crate) continues: Option<bool>,
}

/// Check of a reply. A function pointer instead of a closure, so that settings can be cloned and need no type
/// parameter.
pub(crate) type Check = fn(&GenerateContentResponse) -> Result<()>;

/// Request without its contents, with everything that sending it and evaluating the reply needs.
#[derive(Clone)]
pub(crate) struct RequestTemplate {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) request: GenerateContentRequest,
    pub(crate) tools: Toolbox,
    pub(crate) options: RequestOptions,
    pub(crate) accepted: Vec<FinishReason>,
    pub(crate) check: Option<Check>,
    pub(crate) continues: bool,
}

impl Settings {
    /// Returns the other members of the request, to set one.
    pub(crate) fn members(&mut self) -> &mut GenerateContentRequest {
        self.members.get_or_insert_default()
    }

    /// Sets the labels. They replace earlier ones of these settings.
    pub(crate) fn set_labels(
        &mut self,
        labels: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) {
        let labels = labels
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        self.members().labels = Some(labels.collect());
    }

    /// Returns these settings merged over others. Generation configurations are merged by field, safety settings by
    /// category, and labels by name. Tools and their configuration are replaced as a whole.
    pub(crate) fn over(&self, below: &Self) -> Self {
        Self {
            generation_config: merge(
                &self.generation_config,
                &below.generation_config,
                |above, below| Box::new((**below).clone().merge((**above).clone())),
            ),
            safety_settings: merge(
                &self.safety_settings,
                &below.safety_settings,
                |above, below| merge_categories(above, below),
            ),
            tools: self.tools.clone().or_else(|| below.tools.clone()),
            tool_config: self
                .tool_config
                .clone()
                .or_else(|| below.tool_config.clone()),
            request_options: self.request_options.clone().or(&below.request_options),
            members: merge(&self.members, &below.members, |above, below| {
                Box::new(merge_members(above, below))
            }),
            accepted: self.accepted.clone().or_else(|| below.accepted.clone()),
            check: self.check.or(below.check),
            continues: self.continues.or(below.continues),
        }
    }
}

/// Merges two values if both are set. Otherwise returns the one that is set, if any.
fn merge<T: Clone>(above: &Option<T>, below: &Option<T>, both: fn(&T, &T) -> T) -> Option<T> {
    match (above, below) {
        (Some(above), Some(below)) => Some(both(above, below)),
        (one, other) => one.clone().or_else(|| other.clone()),
    }
}

/// Merges the other members of two requests. Labels and members without a field are merged by name.
fn merge_members(
    above: &GenerateContentRequest,
    below: &GenerateContentRequest,
) -> GenerateContentRequest {
    let mut merged = below.clone();
    if let Some(labels) = &above.labels {
        merged.labels.get_or_insert_default().extend(labels.clone());
    }
    merged.service_tier = above.service_tier.clone().or(merged.service_tier);
    merged.store = above.store.or(merged.store);
    merged.model_armor_config = above
        .model_armor_config
        .clone()
        .or(merged.model_armor_config);
    merged.unknown.extend(&above.unknown);
    merged
}

/// Merges safety settings by category. The last setting of a category applies, and `above` follows `below`.
pub(super) fn merge_categories(
    above: &[SafetySetting],
    below: &[SafetySetting],
) -> Vec<SafetySetting> {
    let mut merged: Vec<SafetySetting> = Vec::with_capacity(above.len() + below.len());
    for setting in below.iter().chain(above) {
        match merged
            .iter_mut()
            .find(|known| known.category == setting.category)
        {
            Some(known) => known.clone_from(setting),
            None => merged.push(setting.clone()),
        }
    }
    merged
}

/// Prints neither the check nor the accepted finish reasons, which are of little use in a log.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("generation_config", &self.generation_config)
            .field("safety_settings", &self.safety_settings)
            .field("tools", &self.tools)
            .field("tool_config", &self.tool_config)
            .field("request_options", &self.request_options)
            .field("members", &self.members)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GenerativeModel;
    use crate::protocol::safety::{HarmBlockThreshold, HarmCategory};
    use crate::testing::Scripted;

    #[test]
    fn a_message_replaces_the_threshold_of_single_categories() {
        let setting = SafetySetting::new;
        let model = vec![
            setting(HarmCategory::Harassment, HarmBlockThreshold::BlockNone),
            setting(HarmCategory::HateSpeech, HarmBlockThreshold::BlockNone),
        ];
        let message = vec![setting(HarmCategory::HateSpeech, HarmBlockThreshold::Off)];

        let merged = merge_categories(&message, &model);

        assert_eq!(merged, [model[0].clone(), message[0].clone()]);
    }

    /// Row 5 of tests/field.md.
    #[test]
    fn the_last_of_two_settings_of_one_category_is_sent() {
        let harassment = |threshold| SafetySetting::new(HarmCategory::Harassment, threshold);
        let [first, last] = [HarmBlockThreshold::BlockNone, HarmBlockThreshold::Off];
        let hate = SafetySetting::new(HarmCategory::HateSpeech, HarmBlockThreshold::Off);
        let model = GenerativeModel::new("m")
            .backend(Scripted::default())
            .safety_settings([harassment(first), hate.clone(), harassment(last.clone())]);

        let request = model.prepare(None).expect("a request").request;

        assert_eq!(request.safety_settings, [harassment(last), hate]);
    }
}
