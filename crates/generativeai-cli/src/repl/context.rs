//! A warning when the conversation nearly fills the context of the model, and the default budget of `/compact`.

use std::time::Duration;

use generativeai::protocol::models::Model;
use generativeai::{Compaction, GenerativeModel, Toolbox};
use tokio::time::timeout;

use super::level::Level;
use super::state::Repl;
use crate::usage::ReplyUsage;

/// Number of tokens of a turn below which the limit of the model is not requested: three quarters of the smallest
/// `--context`.
const FEW: i32 = 192;

/// Number of tokens that a budget leaves to the history, unless the context of the model is small.
const MIN_HISTORY: i32 = 512;

/// Timeout of a request about the context. The user waits for the prompt meanwhile.
const TIMEOUT: Duration = Duration::from_secs(2);

impl Repl<'_> {
    /// Returns how full the context of the model is, if it is more than three quarters full and there is a terminal.
    ///
    /// The usage of a reply is the sum over all requests of its turn: with function calls or hops, the history is in it
    /// several times. So it is an upper bound, and the history is counted only if this bound is large.
    pub(super) fn full_context(&mut self, usage: &ReplyUsage) -> Option<Level> {
        let most = usage.all_tokens();
        if most < FEW || !self.prompt.can_edit() {
            return None;
        }
        let model = self.conversation().chat.model().clone();
        let limit = self.token_limit(&model)?;
        let is_nearly_full = |tokens: i32| i64::from(tokens) * 4 > i64::from(limit) * 3;
        if !is_nearly_full(most) {
            return None;
        }
        let tokens = self.history_tokens(&model)?;
        is_nearly_full(tokens).then_some(Level { tokens, limit })
    }

    /// Returns how a budget shortens the history: by a summary, unless the history leaves no room for the request that
    /// the model would have to answer with it.
    pub(super) fn compaction(&mut self) -> Compaction {
        let model = self.conversation().chat.model().clone();
        match (self.history_tokens(&model), self.token_limit(&model)) {
            (Some(tokens), Some(limit)) if !Level { tokens, limit }.can_be_summarized() => {
                Compaction::Drop
            }
            _ => Compaction::Summarize,
        }
    }

    /// Returns the budget for requests with about half of the current history.
    ///
    /// Every request contains the system instruction and the tools, so they are added to it.
    pub(super) fn default_budget(&mut self) -> u32 {
        let model = self.conversation().chat.model().clone();
        let bare = model.clone();
        let bare = bare.without_system_instruction().tools(Toolbox::default());
        let all = self.history_tokens(&model);
        let history = self.history_tokens(&bare);
        let limit = self.token_limit(&model);
        let tokens = match (all, history) {
            (Some(all), Some(history)) => budget(history, all.saturating_sub(history), limit),
            // Some services cannot count tokens. The usage of the last reply includes the whole request.
            _ => {
                let last = self.conversation().usage.last();
                budget(last.map_or(0, ReplyUsage::all_tokens), 0, limit)
            }
        };
        tokens.unsigned_abs()
    }

    /// Returns the number of tokens of the history, if the model can count them.
    fn history_tokens(&mut self, model: &GenerativeModel) -> Option<i32> {
        let counted = model.count_tokens(self.conversation().chat.history());
        let counted = self.within_timeout(async { counted.await.ok() });
        counted?.total_tokens
    }

    /// Returns the maximum number of tokens of a request to a model. It is requested once for each model, even if that
    /// fails.
    fn token_limit(&mut self, model: &GenerativeModel) -> Option<i32> {
        if let Some(known) = self.token_limits.get(model.name()) {
            return *known;
        }
        let described = model.describe();
        let described = self.within_timeout(async { described.await.ok() });
        self.add_token_limit(model, &described.unwrap_or_default())
    }

    /// Adds the token limit from the description of a model, and returns it.
    pub(super) fn add_token_limit(
        &mut self,
        model: &GenerativeModel,
        described: &Model,
    ) -> Option<i32> {
        let limit = described.input_token_limit.filter(|&limit| limit > 0);
        self.token_limits.insert(model.name().to_owned(), limit);
        limit
    }

    /// Waits for a request, until its timeout or Ctrl-C.
    pub(super) fn within_timeout<T>(
        &mut self,
        request: impl Future<Output = Option<T>>,
    ) -> Option<T> {
        // In a future, since `timeout` panics if it is called outside of the runtime.
        let request = async { timeout(TIMEOUT, request).await.ok().flatten() };
        let answer = self.runtime.block_on(self.signals.unless_stopped(request));
        // The Ctrl-C was meant for the request, and not for the prompt that follows.
        self.signals.clear();
        answer.flatten()
    }
}

/// Returns the budget for requests with half of a history, besides a number of tokens that every request has. `limit`
/// is that of the model, if it is known.
///
/// A short history leaves room for another message, which would be refused otherwise.
fn budget(history: i32, fixed: i32, limit: Option<i32>) -> i32 {
    let room = limit.map_or(i32::MAX, |limit| limit.saturating_sub(fixed));
    let least = MIN_HISTORY.min(room / 2).max(1);
    fixed.max(0).saturating_add(least.max(history / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_budget_is_half_of_the_history_and_leaves_room_for_a_message() {
        assert_eq!(budget(4_000, 0, Some(100_000)), 2_000);
        assert_eq!(budget(4_000, 3_000, None), 5_000);
        assert_eq!(budget(30, 6, None), 518);
        // The smallest context of the embedded model.
        assert_eq!(budget(200, 30, Some(256)), 143);
    }
}
