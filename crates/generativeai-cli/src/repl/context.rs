//! Use of the model's context by the conversation.

use std::time::Duration;

use generativeai::GenerativeModel;

use super::state::Repl;
use crate::usage::ReplyUsage;

/// Turns with fewer tokens do not request the limit of the model.
const FEW: i32 = 1_000;

/// Maximum time of a request about the context. The prompt waits for it.
const TIMEOUT: Duration = Duration::from_secs(2);

impl Repl<'_> {
    /// Shows how full the context of the model is, at a terminal and if it is more than three quarters full.
    ///
    /// The usage of a reply covers all requests of its turn, so it is an upper bound. Only if that is large, the
    /// history is counted.
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

    /// Returns the number of tokens that a request to a model may have. It is requested once for each model.
    fn token_limit(&mut self, model: &GenerativeModel) -> Option<i32> {
        if !self.token_limits.contains(model.name()) {
            let described = model.describe();
            let described = self.within_timeout(async { described.await.ok() });
            self.token_limits
                .add(model.name(), &described.unwrap_or_default());
        }
        self.token_limits.get(model.name())
    }

    /// Waits for a request, until its time limit or Ctrl-C.
    pub(super) fn within_timeout<T>(
        &mut self,
        request: impl Future<Output = Option<T>>,
    ) -> Option<T> {
        let answer = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.signals.stop() => None,
                answer = tokio::time::timeout(TIMEOUT, request) => answer.ok().flatten(),
            }
        });
        self.signals.clear();
        answer
    }
}
