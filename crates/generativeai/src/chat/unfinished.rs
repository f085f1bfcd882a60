//! Turn that did not complete, and the data for continuing it.

use std::fmt;
use std::iter::once;
use std::sync::Arc;

use super::history::model_content;
use super::reason::Reason;
use super::round::Round;
use crate::model::Settings;
use crate::protocol::content::{Content, FunctionCall, Part, Role};
use crate::protocol::response::{FinishReason, GenerateContentResponse, UsageMetadata};

/// Turn that was begun and did not complete.
///
/// [`ChatSession::unfinished`](crate::ChatSession::unfinished) returns it. A turn is unfinished from its first moment,
/// so a future or stream that is dropped at any await leaves everything received so far here.
///
/// [`retry`](crate::ChatSession::retry) sends it again, [`keep_partial`](crate::ChatSession::keep_partial) adds it to
/// the history, and [`rewind`](crate::ChatSession::rewind) removes it. The table of [`Reason`] lists the right one for
/// each case.
///
/// ```
/// use generativeai::{GenerativeModel, Reason, testing::Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// # let model = GenerativeModel::new("m").backend(Scripted::default().then_chunks(["Once upon ", "a time"]));
/// let mut chat = model.start_chat();
/// let mut reply = chat.send_message("Tell me a story").stream();
/// reply.next().await.transpose()?;
/// drop(reply);
///
/// let turn = chat.unfinished().expect("the stream was dropped");
/// assert!(matches!(turn.reason, Reason::Interrupted));
/// assert_eq!(turn.sent.text(), "Tell me a story");
/// assert_eq!(turn.received.as_ref().map(|reply| reply.to_string()).as_deref(), Some("Once upon "));
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Unfinished {
    /// Message of the user, as [`ChatSession::retry`](crate::ChatSession::retry) sends it again.
    pub sent: Content,
    /// Completed rounds of function calls: a content with calls and a content with their responses, in turn.
    /// Empty if the model called no functions, or if the turn ended within its first round.
    pub rounds: Vec<Content>,
    /// Received part of the reply to the last request, with the chunks of a stream merged. `None` if no chunk of it
    /// arrived. A complete reply is here as well if the turn failed because of its finish reason or its shape.
    pub received: Option<Arc<GenerateContentResponse>>,
    /// Reason why the turn ended.
    pub reason: Reason,
    /// Place in the reply from which a retry continues. It discards the chunks after this place.
    pub(super) checkpoint: Option<Checkpoint>,
    /// Round of function calls that is being answered.
    pub(super) round: Option<Round>,
    /// Data of this process, which is not stored.
    pub(super) transient: Transient,
}

/// Received reply up to its last continuation token.
#[derive(Clone)]
pub(super) struct Checkpoint {
    reply: Arc<GenerateContentResponse>,
    /// Chunks received after the token. The next token adds them to the reply. Copying the whole received reply at each
    /// token would take quadratic time, since a reply may have a token in every chunk.
    later: Vec<GenerateContentResponse>,
}

impl Checkpoint {
    /// Creates the checkpoint of a reply that ends with a token.
    fn new(reply: Arc<GenerateContentResponse>) -> Self {
        let later = Vec::new();
        Self { reply, later }
    }
}

/// Data of a turn that is neither saved nor part of its events.
///
/// A turn that was loaded has the defaults, so a retry of it uses the settings of the model, and counts rounds and
/// tokens from zero. A turn that was resumed from a journal has the counts of its rounds: replaying `Called` restores
/// them.
#[derive(Clone, Default)]
pub(super) struct Transient {
    /// Settings of the message. Boxed: they are large, and most messages have none.
    pub(super) settings: Option<Box<Settings>>,
    /// Number of rounds that count towards the limit: those since the caller last answered calls.
    pub(super) rounds_run: u32,
    /// Token counts of the requests before the last one.
    pub(super) usage: Option<Box<UsageMetadata>>,
    /// Replies that did not pass the check of the message, each followed by the request for a correction. They are sent
    /// after the contents of the turn, and do not enter the history.
    pub(super) corrections: Vec<Content>,
}

impl Unfinished {
    /// Creates a turn that is about to be sent. Its reason is `Interrupted` until it ends in another way.
    pub(super) fn new(mut sent: Content, mut rounds: Vec<Content>) -> Self {
        sent.remove_empty_parts();
        rounds.iter_mut().for_each(Content::remove_empty_parts);
        Self {
            sent,
            rounds,
            received: None,
            reason: Reason::Interrupted,
            checkpoint: None,
            round: None,
            transient: Transient::default(),
        }
    }

    /// Returns the turn as another attempt begins it: with the message, the completed rounds, the reply up to the token
    /// from which it continues, and the settings.
    pub(super) fn restarted(&self) -> Self {
        Self {
            received: self.checkpoint(),
            transient: self.transient.clone(),
            ..Self::new(self.sent.clone(), self.closed_rounds())
        }
    }

    /// Returns the token from which [`retry`](crate::ChatSession::retry) continues the reply. `None` if the reply has
    /// no token, or ended: a retry then begins it again.
    ///
    /// Gemini 4 and newer models send such tokens within long replies.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # use generativeai::protocol::{content::Content, response::{FinishReason, GenerateContentResponse}};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let mut half = GenerateContentResponse::from(Content::model("Once "));
    /// # half.candidates[0].finish_reason = Some(FinishReason::Continuation);
    /// # half.candidates[0].continuation_token = Some("token".into());
    /// # let script = Scripted::default().then_stream([half]).then_hang(&[]);
    /// # let mut chat = GenerativeModel::new("m").backend(script).start_chat();
    /// let mut reply = chat.send_message("Tell me a long story").stream();
    /// reply.next().await;
    /// drop(reply);
    ///
    /// let unfinished = chat.unfinished().expect("a dropped turn");
    /// assert_eq!(unfinished.continuation_token(), Some("token"));
    /// # Ok(()) }
    /// ```
    pub fn continuation_token(&self) -> Option<&str> {
        self.resumable()?.resume_token()
    }

    /// Returns the contents that a request sends after the history.
    pub(super) fn contents(&self) -> Vec<Content> {
        let turn = once(&self.sent).chain(&self.rounds);
        turn.chain(&self.transient.corrections).cloned().collect()
    }

    /// Returns the received part of the reply, as a content of the model.
    pub(super) fn reply(&self) -> Option<Content> {
        self.received.as_deref().and_then(model_content)
    }

    /// Returns the message, and the received part of the reply.
    pub(super) fn pair(&self) -> (Content, Content) {
        let reply = self.reply();
        let reply = reply.unwrap_or_else(|| Content::default().role(Role::Model));
        (self.sent.clone(), reply)
    }

    /// Returns the rounds, including the one that is being answered. Its missing responses contain the reason.
    pub(super) fn closed_rounds(&self) -> Vec<Content> {
        let round = self.round.clone();
        let round = round.into_iter().flat_map(Round::close);
        self.rounds.iter().cloned().chain(round).collect()
    }

    /// Merges a chunk into the received reply.
    pub(super) fn merge_chunk(&mut self, chunk: &GenerateContentResponse) {
        let received = Arc::make_mut(self.received.get_or_insert_default());
        received.merge_chunk(chunk);
        let Some(checkpoint) = &mut self.checkpoint else {
            return self.mark_checkpoint();
        };
        checkpoint.later.push(chunk.clone());
        if received.resume_token().is_some() {
            let reply = Arc::make_mut(&mut checkpoint.reply);
            let later = checkpoint.later.drain(..);
            later.for_each(|chunk| reply.merge_chunk(&chunk));
        }
    }

    /// Makes the received reply the checkpoint if it ends with a continuation token.
    pub(super) fn mark_checkpoint(&mut self) {
        let received = self.received.as_ref();
        if let Some(received) = received.filter(|received| received.resume_token().is_some()) {
            self.checkpoint = Some(Checkpoint::new(Arc::clone(received)));
        }
    }

    /// Returns the reply up to its last token. `None` if there is no token, or if the reply ended: a retry generates
    /// another one.
    fn resumable(&self) -> Option<&Arc<GenerateContentResponse>> {
        let received = self.open_reply()?;
        // Chunks after the token may have ended the reply, and they are not in the checkpoint.
        let reason = received.finish_reason();
        let is_over = reason.is_some_and(FinishReason::ends_reply) || received.is_blocked();
        let checkpoint = self.checkpoint.as_ref().filter(|_| !is_over)?;
        Some(&checkpoint.reply)
    }

    /// Returns the reply up to the token from which a retry continues it, if there is such a token.
    pub(super) fn checkpoint(&self) -> Option<Arc<GenerateContentResponse>> {
        let mut checkpoint = Arc::clone(self.resumable()?);
        let reason = checkpoint.candidates.first()?.finish_reason.as_ref();
        if reason.is_some() {
            // `CONTINUATION` is the end of a hop. The reply that continues has no finish reason yet.
            let candidate = Arc::make_mut(&mut checkpoint).candidates.first_mut()?;
            candidate.finish_reason = None;
        }
        Some(checkpoint)
    }

    /// Returns the [checkpoint](Self::checkpoint) if more was received after it.
    pub(super) fn earlier_checkpoint(&self) -> Option<Arc<GenerateContentResponse>> {
        let is_at_end = self.received.as_ref()?.resume_token().is_some();
        self.checkpoint().filter(|_| !is_at_end)
    }

    /// Returns the received reply, unless it is the one whose calls are being answered: the round contains that one.
    pub(super) fn open_reply(&self) -> Option<&Arc<GenerateContentResponse>> {
        let is_in_round = self.round.is_some();
        self.received.as_ref().filter(|_| !is_in_round)
    }

    /// Returns the contents of the turn for a history: the message, the rounds, and the received part of the reply.
    ///
    /// Each call in it has a response. A call whose arguments are incomplete is left out.
    pub(super) fn partial_contents(&self) -> Vec<Content> {
        let mut contents = vec![self.sent.clone()];
        contents.extend(self.closed_rounds());
        if self.open_reply().is_some()
            && let Some(mut reply) = self.reply()
        {
            let is_complete = |part: &Part| {
                let call = part.as_function_call();
                call.is_none_or(FunctionCall::is_complete)
            };
            reply.parts.retain(is_complete);
            match Round::of(&reply) {
                Some(round) => contents.extend(round.close()),
                None => contents.push(reply),
            }
            contents.retain(|content| !content.parts.is_empty());
        }
        contents
    }

    /// Returns whether functions of the turn have started, so that they may have taken effect.
    ///
    /// The next message begins from the history, so its model does not know of them:
    /// [`keep_partial`](crate::ChatSession::keep_partial) adds the calls and their responses to the history.
    ///
    /// ```
    /// # use generativeai::{Function, GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let script = Scripted::default().then_call("pay", serde_json::json!({}));
    /// # let script = script.then_fail(&[]).then_text("It is paid.");
    /// let pay = Function::new("pay", "Pays the bill.", || "paid");
    /// let model = GenerativeModel::new("gemini-flash-latest").tools(pay);
    /// # let model = model.backend(script);
    /// let mut chat = model.start_chat().automatic_function_calling(true);
    /// assert!(chat.send_message("Pay the bill!").await.is_err());
    ///
    /// if chat.unfinished().is_some_and(|turn| turn.functions_started()) {
    ///     chat.keep_partial();
    /// }
    /// assert_eq!(chat.send_message("Is it paid?").await?.text()?, "It is paid.");
    /// # Ok(()) }
    /// ```
    pub fn functions_started(&self) -> bool {
        let round = self.round.as_ref();
        !self.rounds.is_empty() || round.is_some_and(|round| !round.is_held())
    }

    /// Returns the token counts of all requests of the turn. `None` if the service reported none.
    ///
    /// The service may bill them although the turn failed. Of a turn that was loaded or resumed, earlier requests may
    /// be missing.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # use generativeai::protocol::response::GenerateContentResponse;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let reply: GenerateContentResponse = serde_json::from_str(
    /// #     r#"{"candidates": [{"content": {"parts": [{"text": "tall"}]}, "finishReason": "STOP"}],
    /// #         "usageMetadata": {"promptTokenCount": 8, "candidatesTokenCount": 2, "totalTokenCount": 10}}"#,
    /// # ).unwrap();
    /// # let script = Scripted::default().then_stream([reply]);
    /// # let mut chat = GenerativeModel::new("m").backend(script).start_chat();
    /// let metres = chat.send_message("How tall is Ben Nevis?").json::<u32>().await;
    /// assert!(metres.is_err());
    ///
    /// let usage = chat.unfinished().and_then(|turn| turn.usage());
    /// assert_eq!(usage.and_then(|usage| usage.total_token_count), Some(10));
    /// # Ok(()) }
    /// ```
    pub fn usage(&self) -> Option<UsageMetadata> {
        self.total_usage().map(|usage| *usage)
    }

    /// Returns the token counts of all requests of the turn.
    pub(super) fn total_usage(&self) -> Option<Box<UsageMetadata>> {
        let last = self.received.as_ref();
        let last = last.and_then(|received| received.usage_metadata.clone());
        // A reply whose calls are being answered, or were returned, has the counts of the whole turn.
        if self.round.is_some() || matches!(self.reason, Reason::CallsReturned) {
            return last;
        }
        match (self.transient.usage.clone(), last) {
            (Some(mut sum), Some(last)) => {
                sum.add(&last);
                Some(sum)
            }
            (sum, last) => sum.or(last),
        }
    }

    /// Returns the last response with the token counts of all requests of the turn.
    pub(super) fn final_response(&self) -> Arc<GenerateContentResponse> {
        let mut response = self.received.clone().unwrap_or_default();
        // Without earlier requests the counts are right, and the reply stays shared instead of being copied.
        if self.transient.usage.is_some() {
            Arc::make_mut(&mut response).usage_metadata = self.total_usage();
        }
        response
    }
}

/// Prints no contents: prompts and replies do not belong in logs.
impl fmt::Debug for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unfinished")
            .field("reason", &self.reason)
            .field("rounds", &(self.rounds.len() / 2))
            .field("received", &self.received.is_some())
            .finish_non_exhaustive()
    }
}
