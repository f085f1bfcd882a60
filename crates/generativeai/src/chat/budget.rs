//! Length control: what becomes of the oldest turns of a conversation that outgrows its budget.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::history::turn_ends;
use super::size::Scale;
use super::unfinished::reply_of;
use super::{ChatSession, Event};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Prepared;
use crate::protocol::content::Content;
use crate::protocol::response::FinishReason;
use crate::protocol::tools::FunctionCallingMode;
use crate::trace;

/// What the model is asked for when turns are to be summarised.
const ASK: &str = "Summarise our conversation so far, so that we can go on without it: what was asked \
                   and answered, what was decided, and every name, number and wish that still \
                   matters. Answer with the summary alone.";

/// What becomes of the oldest turns of a conversation that outgrows its
/// [budget](ChatSession::context_budget).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Compaction {
    /// They are left out.
    LeaveOut,
    /// The model summarises them: the request to do so and the summary take their place, as a turn.
    Summarize,
}

/// How long the requests of a conversation may be.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Budget {
    tokens: u32,
    compaction: Compaction,
}

impl ChatSession {
    /// Sets how many tokens the request of a message may have, the system instruction and the tools
    /// included, and what becomes of the oldest turns when it would have more. By default nothing is
    /// ever left out.
    ///
    /// Turns leave the [history](Self::history) whole, the oldest first, until three quarters of the
    /// budget are kept (half of it where they are summarised), so that it need not be done with every
    /// message. The history stays what the next request sends; what was in it before is in
    /// [`left_out`](Self::left_out). The system instruction always stays, and so does what answers or
    /// calls a function together with its counterpart. When summarising or counting fails, or is
    /// dropped, the history is as it was.
    ///
    /// The backend counts, where it can; where it cannot, four bytes of text count as a token. A request
    /// that is short enough in any case is not counted. Room for the reply is not part of the budget,
    /// nor are the rounds of function calls to come.
    ///
    /// ```
    /// use generativeai::{Compaction, GenerativeModel, testing::Scripted};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::default().then_text("one").then_text("two").then_text("three");
    /// # let model = GenerativeModel::new("m").backend(script);
    /// let mut chat = model.start_chat().context_budget(8, Compaction::LeaveOut);
    /// for message in ["Say the first number", "Say the second number", "Say the third number"] {
    ///     chat.send_message(message).await?;
    /// }
    ///
    /// assert_eq!(chat.history().len(), 2);
    /// assert_eq!(chat.left_out().len(), 4);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// A message that is over the budget even without any history is an error of kind
    /// [`Request`](ErrorKind::Request); what counting or summarising fails with is the error of the
    /// message. Either way the turn is [unfinished](Self::unfinished).
    #[must_use]
    pub fn context_budget(mut self, tokens: u32, compaction: Compaction) -> Self {
        self.budget = Some(Budget { tokens, compaction });
        self
    }

    /// What was said and left the history to [keep the budget](Self::context_budget), oldest first; the
    /// next request sends none of it. [Setting](Self::set_history) the history forgets it.
    pub fn left_out(&self) -> &[Content] {
        self.left_out.contents()
    }

    /// Makes room for the message that was begun, if its request is over the budget. The history
    /// changes at the very end, so that this can fail and be dropped wherever it waits.
    pub(super) async fn keep_budget(&mut self, prepared: &Prepared) -> Result<()> {
        let (Some(budget), Some(turn)) = (self.budget, &self.unfinished) else {
            return Ok(());
        };
        let history = Arc::clone(&self.history);
        let said = turn.contents();
        let scale = Scale { prepared, said };
        if scale.is_short(&history, budget.tokens) {
            return Ok(());
        }
        // Rounds of function calls that a turn sent again brings along make it longer.
        let known = turn.weight.filter(|_| turn.exchanged.is_empty());
        let mut weight = match known {
            Some(known) => known,
            None => scale.weigh(&history).await?,
        };
        if weight > budget.tokens {
            let length;
            (length, weight) = budget.cut(history.contents(), &scale, weight).await?;
            let (gone, rest) = history.contents().split_at(length);
            let mut summary = Vec::new();
            if budget.compaction == Compaction::Summarize {
                summary = summarize(gone, prepared).await?.into();
                let shorter: Vec<Content> = summary.iter().chain(rest).cloned().collect();
                weight = scale.weigh(&Arc::new(shorter.into())).await?;
                budget.check("the message with the summary of what was said", weight)?;
            }
            self.record_within(|| Event::Compacted {
                length,
                summary: summary.clone(),
            });
            self.compact(length, summary);
        }
        if let Some(turn) = &mut self.unfinished {
            turn.weight = Some(weight);
        }
        Ok(())
    }

    /// Takes the first contents out of the history, and puts a summary in their place.
    pub(super) fn compact(&mut self, length: usize, summary: Vec<Content>) {
        let (gone, rest) = self.history.contents().split_at(length);
        // A summary is none of what was said.
        let said = gone.iter().skip(self.summary).cloned();
        Arc::make_mut(&mut self.left_out).extend(said);
        self.summary = summary.len();
        let contents: Vec<Content> = summary.into_iter().chain(rest.iter().cloned()).collect();
        self.history = Arc::new(contents.into());
    }
}

impl Budget {
    /// How many contents of the history have to go (whole turns, and as few as it takes), and what the
    /// request weighs without them.
    async fn cut(self, history: &[Content], scale: &Scale<'_>, whole: u32) -> Result<(usize, u32)> {
        let goal = match self.compaction {
            Compaction::LeaveOut => self.tokens / 4 * 3,
            Compaction::Summarize => self.tokens / 2,
        };
        let ends = turn_ends(history, &scale.said[0]);
        let (mut low, mut high) = (0, ends.len());
        let mut weights = vec![whole; ends.len()];
        while low < high {
            let middle = usize::midpoint(low, high);
            let rest = history[ends[middle]..].to_vec();
            weights[middle] = scale.weigh(&Arc::new(rest.into())).await?;
            if weights[middle] <= goal {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        // Where the goal is out of reach, all turns go: the last end was weighed then.
        let found = low.min(ends.len().saturating_sub(1));
        let weight = weights.get(found).copied().unwrap_or(whole);
        self.check("the message with all that must stay", weight)?;
        Ok((ends[found], weight))
    }

    /// Refuses what is over the budget.
    fn check(self, what: &str, weight: u32) -> Result<()> {
        let budget = self.tokens;
        if weight <= budget {
            return Ok(());
        }
        let message = format!(
            "{what} has {weight} tokens, and the budget is {budget}: shorten it, or raise the budget"
        );
        Err(Error::new(ErrorKind::Request, message))
    }
}

/// Asks the model for a summary of contents: the question and its answer.
async fn summarize(contents: &[Content], prepared: &Prepared) -> Result<[Content; 2]> {
    let question = Content::user(ASK);
    let mut request = prepared.request.clone();
    request.generation_config = None;
    if !request.tools.is_empty() {
        let config = request.tool_config.get_or_insert_default();
        let calling = config.function_calling_config.get_or_insert_default();
        calling.mode = Some(FunctionCallingMode::None);
        calling.allowed_function_names.clear();
    }
    request.contents = contents.iter().chain([&question]).cloned().collect();
    let options = prepared.options.clone();
    let reply = async {
        let reply = trace::generate(&*prepared.backend, request, options).await?;
        reply.complete(false, &[])?;
        if reply.finish_reason() == Some(&FinishReason::MaxTokens) {
            return Err(Error::new(ErrorKind::Truncated, "the summary was cut"));
        }
        let said = reply_of(&reply).map(Cow::into_owned);
        said.ok_or_else(|| reply.empty())
    };
    let about = |error: Error| error.with_context("what was said could not be summarised");
    Ok([question, reply.await.map_err(about)?])
}
