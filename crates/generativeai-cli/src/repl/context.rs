//! A warning when the conversation nearly fills the context of the model.

use std::time::Duration;

use generativeai::GenerativeModel;
use tokio::time::timeout;

use super::state::Repl;
use crate::usage::ReplyUsage;

/// Number of tokens of a turn below which the limit of the model is not requested: three quarters of the smallest
/// `--context`.
const FEW: i32 = 192;

/// Timeout of a request about the context. The user waits for the prompt meanwhile.
const TIMEOUT: Duration = Duration::from_secs(2);

impl Repl<'_> {
    /// Shows how full the context of the model is, if it is more than three quarters full and there is a terminal.
    ///
    /// The usage of a reply is the sum over all requests of its turn: with function calls or hops, the history is in it
    /// several times. So it is an upper bound, and the history is counted only if this bound is large.
    pub(super) fn show_full_context(&mut self, usage: &ReplyUsage) {
        let most = usage.all_tokens();
        if most < FEW || !self.prompt.can_edit() {
            return;
        }
        let model = self.conversation().chat.model().clone();
        let Some(limit) = self.token_limit(&model) else {
            return;
        };
        let is_full = |tokens: i32| i64::from(tokens) * 4 > i64::from(limit) * 3;
        if !is_full(most) {
            return;
        }
        let counted = model.count_tokens(self.conversation().chat.history());
        let counted = self.within_timeout(async { counted.await.ok() });
        let Some(tokens) = counted.and_then(|counted| counted.total_tokens) else {
            return;
        };
        if is_full(tokens) {
            let percent = i64::from(tokens) * 100 / i64::from(limit);
            self.printer.note(format_args!(
                "(the context is {percent} % full, {tokens} of {limit} tokens: /compact summarizes older turns, /new \
                 starts a session)"
            ));
        }
    }

    /// Returns the maximum number of tokens of a request to a model. It is requested once for each model, even if that
    /// fails.
    fn token_limit(&mut self, model: &GenerativeModel) -> Option<i32> {
        if !self.token_limits.contains(model.name()) {
            let described = model.describe();
            let described = self.within_timeout(async { described.await.ok() });
            self.token_limits
                .add(model.name(), &described.unwrap_or_default());
        }
        self.token_limits.get(model.name())
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
