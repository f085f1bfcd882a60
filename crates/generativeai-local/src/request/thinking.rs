//! Parses the thinking config.
//!
//! Gemini 2.5 has a budget in tokens, and Gemini 3 a level. Requests with either are accepted.

use generativeai::Result;
use generativeai::protocol::config::{ThinkingConfig, ThinkingLevel};

use crate::error::invalid_argument;

/// Settings of the thoughts before a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ThinkingSettings {
    /// Amount that the model may think.
    pub(crate) effort: Effort,
    /// Whether the thoughts are part of the response.
    pub(crate) include: bool,
}

/// Amount that a model may think.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Left to the model.
    #[default]
    Default,
    /// Not at all.
    None,
    /// As little as the model can.
    Minimal,
    /// Some; the level is not enforced.
    Some,
    /// At most this number of tokens.
    Tokens(usize),
}

impl ThinkingSettings {
    /// Parses a thinking config.
    ///
    /// # Errors
    ///
    /// 400 for a budget below -1.
    pub(super) fn parse(config: Option<&ThinkingConfig>) -> Result<Self> {
        let Some(config) = config else {
            return Ok(Self::default());
        };
        // A budget takes precedence over a level. -1 leaves the budget to the model, so the level applies.
        let effort = match (config.thinking_budget, &config.thinking_level) {
            (Some(0), _) => Effort::None,
            (Some(budget @ 1..), _) => Effort::Tokens(usize::try_from(budget).unwrap_or_default()),
            (Some(budget), _) if budget != -1 => {
                return Err(invalid_argument(format!(
                    "thinkingConfig.thinkingBudget is {budget}: use -1, 0 or a number of tokens"
                )));
            }
            (_, Some(ThinkingLevel::Minimal)) => Effort::Minimal,
            (_, None | Some(ThinkingLevel::Unspecified)) => Effort::Default,
            (_, Some(_)) => Effort::Some,
        };
        Ok(Self {
            effort,
            include: config.include_thoughts == Some(true),
        })
    }
}
