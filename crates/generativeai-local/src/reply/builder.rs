//! Converts events of the engine to the chunks of a reply.
//!
//! A chunk is a response of the API with a part of the reply, its finish reason at the end, and the token counts so
//! far.

use std::sync::Arc;

use fastrand::Rng;
use generativeai::protocol::content::{Content, FunctionCall, Part, Role};
use generativeai::protocol::response::{
    Candidate, FinishReason, GenerateContentResponse, UsageMetadata,
};
use generativeai::protocol::tokens::{Modality, ModalityTokenCount};

use crate::engine::{End, Event, Piece};
use crate::model::Model;
use crate::prompt::Prompt;
use crate::request::{Request, Settings};
use crate::segments::{Calls, Segment, SegmentParser};

use super::check::{Checks, Mismatch};
use super::holdback::Holdback;
use super::logprobs::Logprobs;

/// Builder of the chunks of one reply.
pub(crate) struct ReplyBuilder {
    model: Arc<Model>,
    id: String,
    /// Number of tokens in the prompt.
    prompt_tokens: usize,
    /// Whether thoughts are part of the response.
    include_thoughts: bool,
    checks: Checks,
    parser: SegmentParser,
    holdback: Holdback,
    /// `None` if no log-probabilities are reported.
    logprobs: Option<Logprobs>,
    call_ids: Rng,
    /// Number of tokens of thoughts so far.
    thought_tokens: usize,
    /// Text so far. It is checked at the end.
    text: String,
    /// Whether the reply has a call so far.
    has_calls: bool,
    /// First call that does not match its schema, or that is not complete.
    mismatch: Option<Mismatch>,
}

impl ReplyBuilder {
    pub(crate) fn new(
        model: Arc<Model>,
        request: &Request,
        prompt: &Prompt,
        calls: Option<Calls>,
    ) -> Self {
        let prompt_tokens = prompt.tokens.len();
        let Settings {
            sampling, thinking, ..
        } = &request.settings;
        // Replies with equal seeds are equal. The prompt is part of the seed: with one seed for all turns, their calls
        // have different ids.
        let seed = sampling.seed ^ (prompt_tokens as u64).rotate_left(32);
        Self {
            model,
            id: format!("{:016x}", fastrand::u64(..)),
            prompt_tokens,
            include_thoughts: thinking.include,
            checks: Checks::of(request, calls.as_ref()),
            parser: SegmentParser::new(prompt.rendered.thoughts, calls),
            holdback: Holdback::default(),
            logprobs: sampling.logprobs.map(|_| Logprobs::default()),
            call_ids: Rng::with_seed(seed),
            thought_tokens: 0,
            text: String::new(),
            has_calls: false,
            mismatch: None,
        }
    }

    /// Converts an event. Returns the chunk that it completes, if any, and whether this is the last one. The last event
    /// always completes a chunk.
    pub(crate) fn chunk(&mut self, event: Event) -> Option<(GenerateContentResponse, bool)> {
        let (mut piece, end) = match event {
            Event::Piece(piece) => (piece, None),
            Event::End(piece, end) => (piece, Some(end)),
        };
        if let Some(logprobs) = &mut self.logprobs {
            logprobs.push(std::mem::take(&mut piece.logprobs));
        }
        let parts = self.parts(&piece, end);
        if parts.is_empty() && end.is_none() {
            return None;
        }
        let chunk = self.response(parts, &piece, end);
        Some((chunk, end.is_some()))
    }

    /// Returns the parts that a piece completes, and counts the tokens of thoughts.
    fn parts(&mut self, piece: &Piece, end: Option<End>) -> Vec<Part> {
        // A piece that ends the thoughts and begins the answer counts as thoughts: the engine does not report which of
        // its tokens are which.
        let was_thinking = self.parser.is_thinking();
        let mut segments = self.parser.push(&piece.text);
        // The call is dropped. Without this reason, the reply would look like a complete turn without a call.
        if end == Some(End::Stop) && self.parser.is_calling() {
            self.mismatch.get_or_insert_with(incomplete_call);
        }
        if end == Some(End::MaxTokens) {
            self.parser.drop_partial_tag();
        }
        if end.is_some() {
            segments.extend(self.parser.finish());
        }
        let has_thoughts = segments.iter().any(|it| matches!(it, Segment::Thought(_)));
        if was_thinking || has_thoughts || self.parser.is_thinking() {
            self.thought_tokens = piece.generated;
        }
        let parts = segments
            .into_iter()
            .filter_map(|segment| self.part(segment))
            .collect();
        let parts = self.holdback.push(parts, end.is_some());
        match end {
            // An empty reply has an empty text part, since clients expect a part in each chunk.
            Some(_) if parts.is_empty() => vec![Part::text("")],
            _ => parts,
        }
    }

    /// Converts a segment; `None` for thoughts that were not requested.
    fn part(&mut self, mut segment: Segment) -> Option<Part> {
        if let Some(mismatch) = self.checks.check_call(&mut segment) {
            self.mismatch.get_or_insert(mismatch);
        }
        match segment {
            Segment::Thought(text) => self
                .include_thoughts
                .then(|| Part::text(text).thought(true)),
            Segment::Text(text) => {
                self.text.push_str(&text);
                Some(Part::text(text))
            }
            Segment::Call { name, arguments } => {
                self.has_calls = true;
                // Nine letters and digits: the form that chat templates of Mistral models require.
                let id: String = (0..9).map(|_| self.call_ids.alphanumeric()).collect();
                Some(FunctionCall::new(name, arguments).id(id).into())
            }
        }
    }

    fn response(
        &mut self,
        parts: Vec<Part>,
        piece: &Piece,
        end: Option<End>,
    ) -> GenerateContentResponse {
        let mut candidate = Candidate::default();
        candidate.index = Some(0);
        candidate.content = Some(Content::default().role(Role::Model).parts(parts));
        if let Some(end) = end {
            let (reason, message) = self.finish_reason(end);
            candidate.finish_reason = Some(reason);
            candidate.finish_message = message;
        }
        if let Some(logprobs) = &mut self.logprobs {
            candidate.logprobs_result = Some(Box::new(logprobs.take(&self.model)));
            candidate.avg_logprobs = end.and_then(|_| logprobs.average());
        }
        let mut response = GenerateContentResponse::default();
        response.candidates = vec![candidate];
        response.usage_metadata = Some(Box::new(self.usage(piece)));
        response.model_version = Some(self.model.name().to_owned());
        response.response_id = Some(self.id.clone());
        response
    }

    fn finish_reason(&mut self, end: End) -> (FinishReason, Option<String>) {
        let mismatch = self.mismatch.take();
        match end {
            // An incomplete reply cannot match its schema, and the client must see that the limit is the reason.
            End::MaxTokens => (FinishReason::MaxTokens, None),
            End::Stop => {
                // A reply with a response schema is either text or calls.
                let check_text = || match self.has_calls {
                    true => None,
                    false => self.checks.check_text(&self.text),
                };
                match mismatch.or_else(check_text) {
                    Some((reason, message)) => (reason, Some(message)),
                    None => (FinishReason::Stop, None),
                }
            }
        }
    }

    /// Returns the token counts. As in the API, `candidatesTokenCount` does not include thoughts. The counts of cached
    /// tokens and of thoughts are left out if they are 0.
    fn usage(&self, piece: &Piece) -> UsageMetadata {
        let count = |tokens: usize| i32::try_from(tokens).ok();
        let mut usage = UsageMetadata::default();
        usage.prompt_token_count = count(self.prompt_tokens);
        usage.cached_content_token_count = count(piece.cached).filter(|&cached| cached > 0);
        usage.thoughts_token_count = count(self.thought_tokens).filter(|&thoughts| thoughts > 0);
        usage.candidates_token_count = count(piece.generated - self.thought_tokens);
        usage.total_token_count = count(self.prompt_tokens + piece.generated);
        usage.prompt_tokens_details = vec![text_tokens(self.prompt_tokens)];
        usage
    }
}

/// Returns the mismatch of a reply that ends with a call that cannot be parsed.
fn incomplete_call() -> Mismatch {
    let message =
        "the reply ends with a call that is not complete, or whose arguments are not an object";
    (FinishReason::MalformedFunctionCall, message.to_owned())
}

/// Returns the count of tokens of the modality text, which is the only one of the embedded model.
pub(crate) fn text_tokens(tokens: usize) -> ModalityTokenCount {
    let mut count = ModalityTokenCount::default();
    count.modality = Some(Modality::Text);
    count.token_count = i32::try_from(tokens).ok();
    count
}
