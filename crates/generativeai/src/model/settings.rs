//! Settings that both a model and a message have, and the rules for merging them.

use std::fmt;
use std::mem;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::backend::{Backend, RequestOptions};
use crate::error::Result;
use crate::protocol::Message as _;
use crate::protocol::request::GenerateContentRequest;
use crate::protocol::response::{FinishReason, GenerateContentResponse};
use crate::protocol::safety::SafetySetting;
use crate::tools::Toolbox;

/// Settings of a model or of a message. Those of a message take precedence: see [`over`](Self::over).
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// Members of the request. Only a model has a system instruction and cached content. `tools`, `contents` and
    /// `model` are not set.
    pub(crate) request: GenerateContentRequest,
    pub(crate) tools: Option<Toolbox>,
    pub(crate) options: RequestOptions,
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
    /// Returns these settings merged over others. Generation configurations are merged by field, labels by name, and
    /// safety settings follow each other. Tools and their configuration are replaced as a whole.
    pub(crate) fn over(&self, below: &Self) -> Self {
        Self {
            request: merge_requests(&self.request, &below.request),
            tools: self.tools.clone().or_else(|| below.tools.clone()),
            options: self.options.clone().or(&below.options),
            accepted: self.accepted.clone().or_else(|| below.accepted.clone()),
            check: self.check.or(below.check),
            continues: self.continues.or(below.continues),
        }
    }
}

/// Merges the members of a request over those of another one.
fn merge_requests(
    above: &GenerateContentRequest,
    below: &GenerateContentRequest,
) -> GenerateContentRequest {
    let mut merged = below.clone();
    // These members are merged. The others are overwritten.
    let generation_config = merge(
        merged.generation_config.take(),
        &above.generation_config,
        |below, above| below.overwrite(above),
    );
    let labels = merge(merged.labels.take(), &above.labels, |below, above| {
        below.extend(above.clone());
    });
    let mut safety_settings = mem::take(&mut merged.safety_settings);
    safety_settings.extend_from_slice(&above.safety_settings);
    merged.overwrite(above);
    GenerateContentRequest {
        generation_config,
        labels,
        safety_settings,
        ..merged
    }
}

/// Merges two values if both are set. Otherwise returns the one that is set, if any.
fn merge<T: Clone>(below: Option<T>, above: &Option<T>, both: fn(&mut T, &T)) -> Option<T> {
    match (below, above) {
        (Some(mut merged), Some(above)) => {
            both(&mut merged, above);
            Some(merged)
        }
        (below, above) => above.clone().or(below),
    }
}

/// Returns the last setting of each category, which is the one that applies.
pub(super) fn last_of_each_category(settings: Vec<SafetySetting>) -> Vec<SafetySetting> {
    let of_category = |setting: SafetySetting| (setting.category.clone(), setting);
    let last: IndexMap<_, _> = settings.into_iter().map(of_category).collect();
    last.into_values().collect()
}

/// Prints neither the system instruction, which does not belong in a log, nor the check and the accepted finish
/// reasons.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = GenerateContentRequest {
            system_instruction: None,
            ..self.request.clone()
        };
        f.debug_struct("Settings")
            .field("request", &request)
            .field("tools", &self.tools)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;
    use crate::model::GenerativeModel;
    use crate::protocol::safety::{HarmBlockThreshold, HarmCategory};
    use crate::testing::Scripted;

    #[test]
    fn a_message_replaces_the_threshold_of_single_categories() {
        let setting = SafetySetting::new;
        let model = [
            setting(HarmCategory::Harassment, HarmBlockThreshold::BlockNone),
            setting(HarmCategory::HateSpeech, HarmBlockThreshold::BlockNone),
        ];
        let message = setting(HarmCategory::HateSpeech, HarmBlockThreshold::Off);
        let settings = |list: &[SafetySetting]| Settings {
            request: GenerateContentRequest::default().safety_settings(list.to_vec()),
            ..Settings::default()
        };

        let merged = settings(slice::from_ref(&message)).over(&settings(&model));

        let sent = last_of_each_category(merged.request.safety_settings);
        assert_eq!(sent, [model[0].clone(), message]);
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
