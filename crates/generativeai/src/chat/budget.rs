//! Context budget: the choice of the contents that leave a history which has become too long.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::history::{model_content, turn_ends};
use super::round::forbid_calls;
use super::tokens::TokenCounter;
use crate::error::{Error, ErrorKind, Result};
use crate::model::RequestTemplate;
use crate::protocol::content::{Content, Transcript};
use crate::protocol::response::FinishReason;
use crate::trace;

/// Prompt that asks the model for a summary.
const SUMMARY_PROMPT: &str = "Summarize our conversation so far, so that we can go on without it: what was asked \
                              and answered, what was decided, and every name, number and wish that still \
                              matters. Answer with the summary alone.";

/// Treatment of the oldest turns of a conversation that exceeds its
/// [budget](crate::ChatSession::context_budget).
///
/// Only whole turns leave, so function calls and their responses stay together. The system instruction is not part of
/// the history and always stays.
///
/// ```
/// use generativeai::{Compaction, GenerativeModel, testing::Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// # let script = Scripted::default().then_text("Hello Ann!").then_text("The user is Ann.").then_text("Ann.");
/// # let model = GenerativeModel::new("m").backend(script);
/// let mut chat = model.start_chat().context_budget(64, Compaction::Summarize);
/// let long = "My name is Ann. ".repeat(15);
/// chat.send_message(long).await?;
///
/// let reply = chat.send_message("Do you remember my name, and where I live?").await?;
/// assert_eq!(reply.text()?, "Ann.");
/// // The prompt for the summary and the summary, then the new turn.
/// assert_eq!(chat.history().len(), 4);
/// assert_eq!(chat.history()[1].text(), "The user is Ann.");
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Compaction {
    /// The oldest turns are dropped, and the model no longer receives them. This costs only requests for token counts.
    // Saved chats have the former name of this variant.
    #[serde(rename = "leaveOut")]
    Drop,
    /// A summary replaces the oldest turns. The model writes it in a separate request. The prompt for the
    /// summary and the summary become the first turn of the history.
    ///
    /// The request is sent to the model of the conversation, with its system instruction and without its generation
    /// settings. It costs input tokens for all turns that it summarizes. If the summary is empty, stopped or cut off,
    /// the message fails and the history is unchanged.
    Summarize,
}

/// Limit for the requests of a conversation.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Budget {
    /// Maximum number of tokens of a message's request.
    pub(super) tokens: u32,
    /// Treatment of the oldest turns if the request would have more.
    pub(super) compaction: Compaction,
}

impl Budget {
    /// Decides what leaves the history, so that the request of the open turn stays within the budget. Returns the event
    /// that shortens the history, if the request exceeds the budget.
    ///
    /// Nothing changes until the caller applies the event. So an error, or a drop of the future at any await, leaves
    /// the conversation unchanged.
    pub(super) async fn fit(
        self,
        history: Arc<Transcript>,
        counter: TokenCounter,
    ) -> Result<Option<Event>> {
        if counter.is_below(&history, self.tokens) {
            return Ok(None);
        }
        let current = counter.count(&history).await?;
        if current <= self.tokens {
            return Ok(None);
        }
        let length = self.cut(history.contents(), &counter, current).await?;
        let mut summary = Vec::new();
        if self.compaction == Compaction::Summarize {
            let (old, rest) = history.contents().split_at(length);
            summary = summarize(old, &counter.template).await?.into();
            // The length of a summary is known only now, and it may still be too long.
            let shorter: Vec<Content> = summary.iter().chain(rest).cloned().collect();
            let shorter = counter.count(&Arc::new(shorter.into())).await?;
            self.check("the message with the summary", shorter)?;
        }
        Ok(Some(Event::Compacted { length, summary }))
    }

    /// Returns the number of contents that have to leave the history. `current` is the number of tokens of the request.
    ///
    /// Whole turns leave, as few as the goal allows. The goal is below the budget, so that most messages need no
    /// compaction: each one costs requests, and changes the beginning of the prompt, which the service may have cached.
    async fn cut(self, history: &[Content], counter: &TokenCounter, current: u32) -> Result<usize> {
        // Divided first, since three times a large budget overflows. With a summary the goal is lower, because the
        // summary is added to the request again.
        let goal = match self.compaction {
            Compaction::Drop => self.tokens / 4 * 3,
            Compaction::Summarize => self.tokens / 2,
        };
        // The first content after the history is the message of the turn.
        let ends = turn_ends(history, &counter.contents[0]);
        let mut tokens = vec![current; ends.len()];
        // Each count is a request. A binary search needs about log₂ of them, instead of one for each turn.
        let (mut low, mut high) = (0, ends.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let rest = history[ends[middle]..].to_vec();
            tokens[middle] = counter.count(&Arc::new(rest.into())).await?;
            if tokens[middle] <= goal {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        // If the goal cannot be reached, all turns leave: the search has counted the last end then.
        let found = low.min(ends.len().saturating_sub(1));
        let left = tokens.get(found).copied().unwrap_or(current);
        self.check("the message without any history that can be dropped", left)?;
        // Cannot panic: without any turns `left` is the current count, which exceeds the budget, so `check` has failed.
        Ok(ends[found])
    }

    /// Checks that a request keeps within the budget.
    fn check(self, what: &str, tokens: u32) -> Result<()> {
        let budget = self.tokens;
        if tokens <= budget {
            return Ok(());
        }
        let message = format!(
            "{what} has {tokens} tokens, but the budget is {budget}: shorten the message, or raise the budget"
        );
        Err(Error::new(ErrorKind::Request, message).over_budget())
    }
}

/// Requests a summary of contents from the model. Returns the prompt and the summary.
async fn summarize(contents: &[Content], template: &RequestTemplate) -> Result<[Content; 2]> {
    let prompt = Content::user(SUMMARY_PROMPT);
    let mut request = template.request.clone();
    // The settings are made for the replies of the conversation: a JSON schema or a low output limit would spoil a
    // summary.
    request.generation_config = None;
    forbid_calls(&mut request);
    request.contents = contents.iter().chain([&prompt]).cloned().collect();
    let options = template.options.clone();
    let reply = async {
        let reply = trace::generate(&*template.backend, request, options).await?;
        reply.check_complete(false, |_| false)?;
        if reply.finish_reason() == Some(&FinishReason::MaxTokens) {
            let message = "the summary exceeds the output limit of the model";
            return Err(Error::new(ErrorKind::Truncated, message));
        }
        model_content(&reply).ok_or_else(|| reply.empty_error())
    };
    let in_context = |error: Error| error.with_context("the conversation could not be summarized");
    Ok([prompt, reply.await.map_err(in_context)?])
}
