//! Merging of the chunks of a streamed reply.
//!
//! Merging is associative: chunks may be merged in groups, and the groups merged afterwards. So no rule depends on how
//! a reply was divided into chunks. The exception is a streamed call whose pieces repeat its name: a group that begins
//! with such a piece contains a separate call, whose arguments replace those of the call that it continues.
//!
//! Each chunk is destructured without `..`, so that the compiler reports a member that is not merged.

mod parts;

use serde_json::Value;

use crate::protocol::Unknown;
use crate::protocol::grounding::{GroundingMetadata, UrlContextMetadata};
use crate::protocol::response::{
    Candidate, CitationMetadata, FinishReason, GenerateContentResponse, LogprobsResult,
    PromptFeedback, UsageMetadata,
};
use crate::protocol::safety::SafetyRating;
use crate::protocol::wire::Message as _;

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
    ///   model version, the sources of grounding and so on. The token counts of a chunk replace all earlier ones, since
    ///   they belong together.
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
        let GenerateContentResponse {
            candidates,
            prompt_feedback,
            usage_metadata,
            model_version,
            response_id,
            create_time,
            turn_token,
            model_status,
            unknown,
        } = chunk;
        for (at, candidate) in candidates.iter().enumerate() {
            let index = index_in(&candidates[..at], candidate);
            self.candidate_mut(index).merge_chunk(candidate);
        }
        merge_boxed(&mut self.prompt_feedback, prompt_feedback);
        merge_boxed(&mut self.usage_metadata, usage_metadata);
        set(&mut self.model_version, model_version);
        set(&mut self.response_id, response_id);
        set(&mut self.create_time, create_time);
        set(&mut self.turn_token, turn_token);
        set(&mut self.model_status, model_status);
        self.unknown.extend(unknown);
    }

    /// Orders the candidates by their index, as merging does. The candidates of a reply that was not streamed may be in
    /// any order.
    pub(crate) fn order_candidates(&mut self) {
        self.candidates.sort_by_key(index_of);
    }

    /// Returns the candidate with index 0. A chunk may contain others only.
    pub(crate) fn first_candidate(&self) -> Option<&Candidate> {
        let mut candidates = self.candidates.iter();
        candidates.find(|candidate| index_of(candidate) == 0)
    }

    /// Returns the candidate with index 0. A chunk may contain others only.
    pub(crate) fn first_candidate_mut(&mut self) -> Option<&mut Candidate> {
        let mut candidates = self.candidates.iter_mut();
        candidates.find(|candidate| index_of(candidate) == 0)
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
        let Candidate {
            content,
            finish_reason,
            finish_message,
            index,
            safety_ratings,
            citation_metadata,
            token_count,
            grounding_attributions,
            grounding_metadata,
            avg_logprobs,
            score,
            logprobs_result,
            url_context_metadata,
            continuation_token,
            unknown,
        } = chunk;
        if let Some(content) = content {
            self.content.get_or_insert_default().merge_chunk(content);
        }
        if let Some(reason) = finish_reason {
            self.merge_finish_reason(reason);
        }
        set(&mut self.finish_message, finish_message);
        set(&mut self.index, index);
        merge_ratings(&mut self.safety_ratings, safety_ratings);
        merge_boxed(&mut self.citation_metadata, citation_metadata);
        set(&mut self.token_count, token_count);
        add_new(&mut self.grounding_attributions, grounding_attributions);
        merge_boxed(&mut self.grounding_metadata, grounding_metadata);
        set(&mut self.avg_logprobs, avg_logprobs);
        set(&mut self.score, score);
        merge_boxed(&mut self.logprobs_result, logprobs_result);
        merge_boxed(&mut self.url_context_metadata, url_context_metadata);
        // The token continues the reply after the content that precedes it. Further parts, or an end of the reply, make
        // it invalid.
        let ends_reply = finish_reason.as_ref().is_some_and(FinishReason::ends_reply);
        if continuation_token.is_some() || ends_reply || !chunk.parts().is_empty() {
            self.continuation_token.clone_from(continuation_token);
        }
        self.unknown.extend(unknown);
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

/// Member of a response or of a candidate that chunks contain as a whole or in pieces.
trait MergeChunk {
    /// Merges the value of the next chunk.
    fn merge_chunk(&mut self, chunk: &Self);
}

impl MergeChunk for PromptFeedback {
    fn merge_chunk(&mut self, chunk: &Self) {
        let Self {
            block_reason,
            block_reason_message,
            safety_ratings,
            unknown,
        } = chunk;
        if self.known_reason().is_none() {
            set(&mut self.block_reason, block_reason);
        }
        if self.message().is_none() {
            set(&mut self.block_reason_message, block_reason_message);
        }
        merge_ratings(&mut self.safety_ratings, safety_ratings);
        self.unknown.extend(unknown);
    }
}

impl MergeChunk for CitationMetadata {
    fn merge_chunk(&mut self, chunk: &Self) {
        let Self {
            citation_sources,
            citations,
            unknown,
        } = chunk;
        add_new(&mut self.citation_sources, citation_sources);
        add_new(&mut self.citations, citations);
        merge_unknown_lists(&mut self.unknown, unknown);
    }
}

impl MergeChunk for LogprobsResult {
    fn merge_chunk(&mut self, chunk: &Self) {
        let Self {
            top_candidates,
            chosen_candidates,
            log_probability_sum,
            unknown,
        } = chunk;
        self.top_candidates.extend_from_slice(top_candidates);
        self.chosen_candidates.extend_from_slice(chosen_candidates);
        if let Some(sum) = log_probability_sum {
            *self.log_probability_sum.get_or_insert(0.0) += sum;
        }
        self.unknown.extend(unknown);
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
        self.update(chunk);
    }
}

impl MergeChunk for UrlContextMetadata {
    fn merge_chunk(&mut self, chunk: &Self) {
        let Self {
            url_metadata,
            unknown,
        } = chunk;
        add_new(&mut self.url_metadata, url_metadata);
        merge_unknown_lists(&mut self.unknown, unknown);
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
