//! Merging of the chunks of a streamed reply.
//!
//! Merging is associative: chunks may be merged in groups, and the groups merged afterwards. So no rule depends on how
//! a reply was divided into chunks.

use serde_json::Value;

use crate::protocol::Unknown;
use crate::protocol::content::{Content, Data, Language, Outcome, Part};
use crate::protocol::grounding::{GroundingMetadata, UrlContextMetadata};
use crate::protocol::response::{
    Candidate, CitationMetadata, FinishReason, GenerateContentResponse, LogprobsResult,
    PromptFeedback, UsageMetadata,
};
use crate::protocol::safety::SafetyRating;
use crate::protocol::wire::Overwrite;

impl GenerateContentResponse {
    /// Merges the next chunk of a stream into this response. Start with an empty one: the candidates of a response that
    /// was read as a whole may be in any order, or without an index.
    ///
    /// - Candidates are matched and ordered by their index. The first candidate of a chunk without an index is 0, the
    ///   next one 1, and so on.
    /// - Adjacent text parts are concatenated, unless one of them has a thought signature, or only one is a thought.
    ///   Code and its output are merged in the same way. The pieces of a streamed function call become one call. All
    ///   other parts stay separate.
    /// - Log probabilities, citations and retrieved web pages accumulate. Other values are replaced by later ones: the
    ///   token counts, the model version, the sources of grounding and so on.
    /// - A continuation token is removed when further content follows.
    /// - A block reason and its message are never replaced. A finish reason other than `STOP` and `MAX_TOKENS` is
    ///   replaced only by another such reason.
    ///
    /// [`ReplyStream`](crate::ReplyStream) and [`GenerateStream`](crate::GenerateStream) merge their chunks
    /// automatically. Use this method for the chunks of a [`Backend`](crate::Backend), or for stored ones.
    ///
    /// ```
    /// use generativeai::protocol::content::Content;
    /// use generativeai::protocol::response::GenerateContentResponse;
    ///
    /// let mut reply = GenerateContentResponse::default();
    /// for text in ["Ben Nevis is ", "1,345 m ", "tall."] {
    ///     reply.merge_chunk(&GenerateContentResponse::from(Content::model(text)));
    /// }
    /// assert_eq!(reply.text()?, "Ben Nevis is 1,345 m tall.");
    /// # Ok::<_, generativeai::Error>(())
    /// ```
    pub fn merge_chunk(&mut self, chunk: &GenerateContentResponse) {
        for (at, candidate) in chunk.candidates.iter().enumerate() {
            let index = index_in(&chunk.candidates[..at], candidate);
            self.candidate_mut(index).merge_chunk(candidate);
        }
        merge_boxed(&mut self.prompt_feedback, &chunk.prompt_feedback);
        merge_boxed(&mut self.usage_metadata, &chunk.usage_metadata);
        set(&mut self.model_version, &chunk.model_version);
        set(&mut self.response_id, &chunk.response_id);
        set(&mut self.create_time, &chunk.create_time);
        set(&mut self.turn_token, &chunk.turn_token);
        set(&mut self.model_status, &chunk.model_status);
        self.unknown.extend(&chunk.unknown);
    }

    /// Orders the candidates by their index, as merging does. The candidates of a reply that was not streamed may be in
    /// any order.
    pub(crate) fn order_candidates(&mut self) {
        self.candidates.sort_by_key(index_of);
    }

    /// Returns the candidate with this index. A missing one is inserted in order.
    fn candidate_mut(&mut self, index: i32) -> &mut Candidate {
        // Merging inserts candidates in order, so that a binary search finds them.
        let at = self
            .candidates
            .partition_point(|known| index_of(known) < index);
        if self.candidates.get(at).map(index_of) != Some(index) {
            self.candidates.insert(at, Candidate::default());
        }
        let candidate = &mut self.candidates[at];
        // The service leaves out index 0, so a merged reply has it only if a chunk contained it.
        if index != 0 {
            candidate.index = Some(index);
        }
        candidate
    }
}

fn index_of(candidate: &Candidate) -> i32 {
    candidate.index.unwrap_or(0)
}

/// Returns the index of a candidate that follows `before` in its chunk.
///
/// The service leaves out index 0. Programs that imitate it leave out the index of each candidate; then
/// the position is the index.
fn index_in(before: &[Candidate], candidate: &Candidate) -> i32 {
    let without = before.iter().filter(|known| known.index.is_none());
    let position = || i32::try_from(without.count()).unwrap_or(i32::MAX);
    candidate.index.unwrap_or_else(position)
}

impl Candidate {
    /// Merges a chunk of this candidate, by the rules of [`GenerateContentResponse::merge_chunk`].
    fn merge_chunk(&mut self, chunk: &Candidate) {
        if let Some(content) = &chunk.content {
            self.content.get_or_insert_default().merge_chunk(content);
        }
        set(&mut self.index, &chunk.index);
        if let Some(reason) = &chunk.finish_reason {
            self.merge_finish_reason(reason);
        }
        merge_ratings(&mut self.safety_ratings, &chunk.safety_ratings);
        merge_boxed(&mut self.citation_metadata, &chunk.citation_metadata);
        merge_boxed(&mut self.logprobs_result, &chunk.logprobs_result);
        merge_boxed(&mut self.url_context_metadata, &chunk.url_context_metadata);
        add_new(
            &mut self.grounding_attributions,
            &chunk.grounding_attributions,
        );
        set(&mut self.finish_message, &chunk.finish_message);
        set(&mut self.token_count, &chunk.token_count);
        set(&mut self.avg_logprobs, &chunk.avg_logprobs);
        set(&mut self.score, &chunk.score);
        merge_boxed(&mut self.grounding_metadata, &chunk.grounding_metadata);
        // The token continues the reply after the content that precedes it. Further parts, or an end of the reply, make
        // it invalid.
        let reason = chunk.finish_reason.as_ref();
        let is_stale = !chunk.parts().is_empty() || reason.is_some_and(FinishReason::ends_reply);
        if is_stale || chunk.continuation_token.is_some() {
            self.continuation_token
                .clone_from(&chunk.continuation_token);
        }
        self.unknown.extend(&chunk.unknown);
    }

    /// Sets the finish reason. A regular end does not replace an earlier reason for which the reply was stopped.
    fn merge_finish_reason(&mut self, reason: &FinishReason) {
        let known = self.finish_reason.as_ref();
        let was_stopped = known.is_some_and(FinishReason::is_stop);
        if !reason.is_unspecified() && (reason.is_stop() || !was_stopped) {
            self.finish_reason = Some(reason.clone());
        }
    }
}

impl Content {
    /// Appends the parts of a chunk. Pieces of parts are merged into the last part, or into an incomplete call.
    fn merge_chunk(&mut self, chunk: &Content) {
        if !self.has_role() {
            self.role.clone_from(&chunk.role);
        }
        for part in &chunk.parts {
            let is_merged = match self.parts.last_mut() {
                Some(last) => last.merge_next(part) || self.merge_piece(part),
                None => false,
            };
            if !is_merged {
                let mut part = part.clone();
                if let Some(Data::FunctionCall(call)) = &mut part.data {
                    call.merge_partial_args();
                }
                self.parts.push(part);
            }
        }
        self.unknown.extend(&chunk.unknown);
    }

    /// Merges a piece of a streamed call that is not the last part, and returns whether the part was merged.
    ///
    /// A service may stream several calls at the same time. Then a piece has the id or the name of its call. An empty
    /// text between the pieces of a call is dropped, since it would separate them.
    fn merge_piece(&mut self, part: &Part) -> bool {
        if let Some(Data::Text(text)) = &part.data {
            let last = self.parts.last().and_then(Part::as_function_call);
            return text.is_empty()
                && part.is_plain()
                && last.is_some_and(|call| call.will_continue == Some(true));
        }
        let Some(Data::FunctionCall(piece)) = &part.data else {
            return false;
        };
        let is_continued = |known: &Part| {
            let call = known.as_function_call();
            let names_a_call = piece.id.is_some() || !piece.name().is_empty();
            names_a_call && call.is_some_and(|call| call.is_continued_by(piece))
        };
        let mut open = self.parts.iter_mut().rev();
        open.find(|known| is_continued(known))
            .is_some_and(|known| known.merge_next(part))
    }
}

impl Part {
    /// Merges the next part if both are pieces of the same part. Returns whether they are.
    fn merge_next(&mut self, next: &Part) -> bool {
        if let (Some(Data::FunctionCall(call)), Some(Data::FunctionCall(more))) =
            (&mut self.data, &next.data)
        {
            return call.is_continued_by(more) && {
                call.merge_piece(more);
                if self.thought_signature.is_none() {
                    self.thought_signature.clone_from(&next.thought_signature);
                }
                self.unknown.extend(&next.unknown);
                true
            };
        }
        // A thought signature must be sent back in the part that it came with, so such a part stays separate.
        if !(self.is_plain() && next.is_plain() && self.is_thought() == next.is_thought()) {
            return false;
        }
        match (&mut self.data, &next.data) {
            (Some(Data::Text(text)), Some(Data::Text(more))) => text.push_str(more),
            (Some(Data::ExecutableCode(code)), Some(Data::ExecutableCode(more)))
                if code.id == more.id =>
            {
                append(&mut code.code, &more.code);
                // Later pieces may have the zero value, which must not replace a known language or outcome.
                if matches!(code.language, None | Some(Language::Unspecified)) {
                    set(&mut code.language, &more.language);
                }
                code.unknown.extend(&more.unknown);
            }
            (Some(Data::CodeExecutionResult(result)), Some(Data::CodeExecutionResult(more)))
                if result.id == more.id =>
            {
                append(&mut result.output, &more.output);
                if more.outcome != Some(Outcome::Unspecified) {
                    set(&mut result.outcome, &more.outcome);
                }
                result.unknown.extend(&more.unknown);
            }
            _ => return false,
        }
        true
    }

    /// Returns whether the part has no metadata, except that it may be a thought.
    pub(in crate::protocol) fn is_plain(&self) -> bool {
        self.thought_signature.is_none() && self.unknown.is_empty() && !self.has_settings()
    }

    /// Returns whether the part has metadata with a field in this version, other than `thought` and
    /// `thought_signature`.
    pub(in crate::protocol) fn has_settings(&self) -> bool {
        // All fields are named, so that a new one cannot be forgotten.
        let Part {
            data: _,
            thought: _,
            thought_signature: _,
            part_metadata,
            video_metadata,
            media_resolution,
            media_processing,
            audio_transcription,
            speech_metadata,
            document_metadata,
            spreadsheet_metadata,
            audio_metadata,
            unknown: _,
        } = self;
        part_metadata.is_some()
            || video_metadata.is_some()
            || media_resolution.is_some()
            || media_processing.is_some()
            || audio_transcription.is_some()
            || speech_metadata.is_some()
            || document_metadata.is_some()
            || spreadsheet_metadata.is_some()
            || audio_metadata.is_some()
    }
}

/// Member of a response or of a candidate that chunks contain as a whole or in pieces.
trait MergeChunk {
    fn merge_chunk(&mut self, chunk: &Self);
}

impl MergeChunk for PromptFeedback {
    fn merge_chunk(&mut self, chunk: &Self) {
        if self.known_reason().is_none() {
            set(&mut self.block_reason, &chunk.block_reason);
        }
        if self.message().is_none() {
            set(&mut self.block_reason_message, &chunk.block_reason_message);
        }
        merge_ratings(&mut self.safety_ratings, &chunk.safety_ratings);
        self.unknown.extend(&chunk.unknown);
    }
}

impl MergeChunk for CitationMetadata {
    fn merge_chunk(&mut self, chunk: &Self) {
        add_new(&mut self.citation_sources, &chunk.citation_sources);
        add_new(&mut self.citations, &chunk.citations);
        merge_unknown_lists(&mut self.unknown, &chunk.unknown);
    }
}

impl MergeChunk for LogprobsResult {
    fn merge_chunk(&mut self, chunk: &Self) {
        self.chosen_candidates
            .extend_from_slice(&chunk.chosen_candidates);
        self.top_candidates.extend_from_slice(&chunk.top_candidates);
        if let Some(sum) = chunk.log_probability_sum {
            *self.log_probability_sum.get_or_insert(0.0) += sum;
        }
        self.unknown.extend(&chunk.unknown);
    }
}

impl MergeChunk for GroundingMetadata {
    /// Replaces each value that the chunk has, since it contains all sources so far. Empty values replace nothing: the
    /// service sends empty metadata in chunks without sources.
    ///
    /// Supports refer to the sources of their chunk by index, so sources and supports are replaced together.
    fn merge_chunk(&mut self, chunk: &Self) {
        if !chunk.grounding_chunks.is_empty() {
            self.grounding_supports.clear();
        }
        self.overwrite(chunk);
    }
}

impl MergeChunk for UsageMetadata {
    fn merge_chunk(&mut self, chunk: &Self) {
        self.merge_chunk(chunk);
    }
}

impl UsageMetadata {
    /// Replaces all values if the chunk has any count, otherwise only the values that it has.
    ///
    /// The counts of a chunk belong together: mixed with those of another one they would not add up to the total.
    pub(crate) fn merge_chunk(&mut self, chunk: &Self) {
        let counts = [
            chunk.prompt_token_count,
            chunk.cached_content_token_count,
            chunk.candidates_token_count,
            chunk.tool_use_prompt_token_count,
            chunk.thoughts_token_count,
            chunk.total_token_count,
        ];
        if counts.iter().any(Option::is_some) {
            // `clone_from` reuses allocations. This happens for each chunk of most streams.
            self.clone_from(chunk);
        } else {
            self.overwrite(chunk);
        }
    }
}

impl MergeChunk for UrlContextMetadata {
    fn merge_chunk(&mut self, chunk: &Self) {
        add_new(&mut self.url_metadata, &chunk.url_metadata);
        merge_unknown_lists(&mut self.unknown, &chunk.unknown);
    }
}

/// Keeps the last rating of each category. A blocked category stays blocked.
fn merge_ratings(known: &mut Vec<SafetyRating>, chunk: &[SafetyRating]) {
    for rating in chunk {
        match known
            .iter_mut()
            .find(|known| known.category == rating.category)
        {
            Some(known) => {
                let blocked = known.blocked.filter(|&blocked| blocked).or(rating.blocked);
                *known = rating.clone();
                known.blocked = blocked;
            }
            None => known.push(rating.clone()),
        }
    }
}

/// Appends the items that the list does not contain yet. A chunk may repeat items of earlier ones.
fn add_new<T: Clone + PartialEq>(known: &mut Vec<T>, chunk: &[T]) {
    for new in chunk {
        if !known.contains(new) {
            known.push(new.clone());
        }
    }
}

fn append(text: &mut Option<String>, more: &Option<String>) {
    if let Some(more) = more {
        text.get_or_insert_default().push_str(more);
    }
}

/// Replaces a value, unless the new one is absent.
fn set<T: Clone>(known: &mut Option<T>, new: &Option<T>) {
    if new.is_some() {
        known.clone_from(new);
    }
}

/// Merges a value into a known one, or sets it if none is known.
fn merge_boxed<T: Clone + MergeChunk>(known: &mut Option<Box<T>>, new: &Option<Box<T>>) {
    match (known, new) {
        (Some(known), Some(new)) => known.merge_chunk(new),
        (known, new) => set(known, new),
    }
}

/// Merges unknown members of a message whose lists accumulate, such as citations under a newer name. Lists are
/// concatenated without duplicates.
fn merge_unknown_lists(known: &mut Unknown, chunk: &Unknown) {
    for (name, value) in chunk.iter() {
        let value = match (known.get(name), value) {
            (Some(Value::Array(list)), Value::Array(more)) => {
                let mut list = list.clone();
                add_new(&mut list, more);
                Value::Array(list)
            }
            _ => value.clone(),
        };
        known.insert(name.clone(), value);
    }
}
