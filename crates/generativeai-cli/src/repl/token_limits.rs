//! Token limits of models.

use std::collections::BTreeMap;

use generativeai::protocol::models::Model;

/// Maximum numbers of tokens of a request, by the name of the model. `None` if a model does not report its limit, so
/// that it is not requested again.
#[derive(Debug, Default)]
pub(super) struct TokenLimits(BTreeMap<String, Option<i32>>);

impl TokenLimits {
    /// Adds the limit from the description of a model.
    pub(super) fn add(&mut self, name: &str, described: &Model) {
        let limit = described.input_token_limit.filter(|&limit| limit > 0);
        self.0.insert(name.to_owned(), limit);
    }

    /// Returns whether a model was described, with or without a limit.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns the limit of a model, if it is known.
    pub(super) fn get(&self, name: &str) -> Option<i32> {
        self.0.get(name).copied().flatten()
    }
}
