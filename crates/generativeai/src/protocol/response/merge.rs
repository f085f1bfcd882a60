//! Joining the chunks of a streamed reply into the whole.

use crate::protocol::Unknown;
use crate::protocol::content::{Content, Data, Language, Outcome, Part};
use crate::protocol::grounding::UrlContextMetadata;
use crate::protocol::response::{
    Candidate, CitationMetadata, FinishReason, GenerateContentResponse, LogprobsResult,
    PromptFeedback,
};
use crate::protocol::safety::SafetyRating;

impl GenerateContentResponse {
    /// Joins the next chunk of a stream to the reply so far.
    ///
    /// Candidates are told apart by their index. Adjacent texts become one if neither bears a
    /// signature and both or neither are thoughts; adjacent code, and adjacent results of code,
    /// become one; nothing else does. Of values that stand alone (usage, model version, grounding)
    /// the last seen counts; log-probabilities, citations and retrieved URLs add up; a block, and a
    /// finish reason that is no end, are not taken back by what follows.
    ///
    /// ```
    /// use generativeai::protocol::content::Content;
    /// use generativeai::protocol::response::GenerateContentResponse;
    ///
    /// let mut reply = GenerateContentResponse::default();
    /// for text in ["Ben Nevis is ", "1,345 m ", "tall."] {
    ///     reply.absorb(&GenerateContentResponse::from(Content::model(text)));
    /// }
    /// assert_eq!(reply.text()?, "Ben Nevis is 1,345 m tall.");
    /// # Ok::<_, generativeai::Error>(())
    /// ```
    pub fn absorb(&mut self, chunk: &GenerateContentResponse) {
        for (position, candidate) in chunk.candidates.iter().enumerate() {
            let index = index(position, candidate);
            let known = self.candidates.iter().enumerate();
            match known
                .map(|(at, known)| (at, self::index(at, known)))
                .find(|&(_, i)| i == index)
            {
                Some((at, _)) => self.candidates[at].absorb(candidate),
                None => {
                    let mut joined = Candidate {
                        index: candidate.index,
                        ..Candidate::default()
                    };
                    joined.absorb(candidate);
                    self.candidates.push(joined);
                }
            }
        }
        match (&mut self.prompt_feedback, &chunk.prompt_feedback) {
            (Some(known), Some(new)) => known.absorb(new),
            (known, new) => last_seen(known, new),
        }
        last_seen(&mut self.usage_metadata, &chunk.usage_metadata);
        last_seen(&mut self.model_version, &chunk.model_version);
        last_seen(&mut self.response_id, &chunk.response_id);
        last_seen(&mut self.create_time, &chunk.create_time);
        last_seen(&mut self.model_status, &chunk.model_status);
        absorb_unknown(&mut self.unknown, &chunk.unknown);
    }
}

/// A candidate without an index has that of its place.
fn index(position: usize, candidate: &Candidate) -> i32 {
    candidate
        .index
        .unwrap_or_else(|| i32::try_from(position).unwrap_or(i32::MAX))
}

impl Candidate {
    fn absorb(&mut self, chunk: &Candidate) {
        match (&mut self.content, &chunk.content) {
            (Some(known), Some(new)) => known.absorb(new),
            (known @ None, Some(new)) => known.insert(Content::default()).absorb(new),
            (_, None) => {}
        }
        if let Some(reason) = &chunk.finish_reason
            && !reason.is_unspecified()
            && (reason.is_stop()
                || !self
                    .finish_reason
                    .as_ref()
                    .is_some_and(FinishReason::is_stop))
        {
            self.finish_reason = Some(reason.clone());
        }
        absorb_ratings(&mut self.safety_ratings, &chunk.safety_ratings);
        match (&mut self.citation_metadata, &chunk.citation_metadata) {
            (Some(known), Some(new)) => known.absorb(new),
            (known, new) => last_seen(known, new),
        }
        match (&mut self.logprobs_result, &chunk.logprobs_result) {
            (Some(known), Some(new)) => known.absorb(new),
            (known, new) => last_seen(known, new),
        }
        match (&mut self.url_context_metadata, &chunk.url_context_metadata) {
            (Some(known), Some(new)) => known.absorb(new),
            (known, new) => last_seen(known, new),
        }
        add_new(
            &mut self.grounding_attributions,
            &chunk.grounding_attributions,
        );
        last_seen(&mut self.finish_message, &chunk.finish_message);
        last_seen(&mut self.token_count, &chunk.token_count);
        last_seen(&mut self.avg_logprobs, &chunk.avg_logprobs);
        last_seen(&mut self.grounding_metadata, &chunk.grounding_metadata);
        last_seen(&mut self.continuation_token, &chunk.continuation_token);
        absorb_unknown(&mut self.unknown, &chunk.unknown);
    }
}

impl Content {
    fn absorb(&mut self, chunk: &Content) {
        if !self.has_role() {
            self.role.clone_from(&chunk.role);
        }
        for part in &chunk.parts {
            let joined = self.parts.last_mut().is_some_and(|last| last.absorb(part));
            if !joined {
                self.parts.push(part.clone());
            }
        }
        absorb_unknown(&mut self.unknown, &chunk.unknown);
    }
}

impl Part {
    /// Joins the next part to this one if they are two pieces of one thing, and says whether.
    fn absorb(&mut self, next: &Part) -> bool {
        if !(self.is_plain() && next.is_plain() && self.is_thought() == next.is_thought()) {
            return false;
        }
        match (&mut self.data, &next.data) {
            (Some(Data::Text(text)), Some(Data::Text(more))) => text.push_str(more),
            (Some(Data::ExecutableCode(code)), Some(Data::ExecutableCode(more)))
                if code.id == more.id =>
            {
                join_text(&mut code.code, &more.code);
                if matches!(code.language, None | Some(Language::Unspecified)) {
                    last_seen(&mut code.language, &more.language);
                }
                absorb_unknown(&mut code.unknown, &more.unknown);
            }
            (Some(Data::CodeExecutionResult(result)), Some(Data::CodeExecutionResult(more)))
                if result.id == more.id =>
            {
                join_text(&mut result.output, &more.output);
                if more.outcome != Some(Outcome::Unspecified) {
                    last_seen(&mut result.outcome, &more.outcome);
                }
                absorb_unknown(&mut result.unknown, &more.unknown);
            }
            _ => return false,
        }
        true
    }

    /// Whether the part has nothing but its data and the mark of a thought.
    pub(in crate::protocol) fn is_plain(&self) -> bool {
        let Part {
            data: _,
            thought: _,
            thought_signature,
            part_metadata,
            video_metadata,
            media_resolution,
            media_processing,
            audio_transcription,
            speech_metadata,
            document_metadata,
            spreadsheet_metadata,
            audio_metadata,
            unknown,
        } = self;
        thought_signature.is_none()
            && part_metadata.is_none()
            && video_metadata.is_none()
            && media_resolution.is_none()
            && media_processing.is_none()
            && audio_transcription.is_none()
            && speech_metadata.is_none()
            && document_metadata.is_none()
            && spreadsheet_metadata.is_none()
            && audio_metadata.is_none()
            && unknown.is_empty()
    }
}

impl PromptFeedback {
    fn absorb(&mut self, chunk: &PromptFeedback) {
        if !self.is_block() {
            last_seen(&mut self.block_reason, &chunk.block_reason);
        }
        absorb_ratings(&mut self.safety_ratings, &chunk.safety_ratings);
        absorb_unknown(&mut self.unknown, &chunk.unknown);
    }
}

impl CitationMetadata {
    fn absorb(&mut self, chunk: &CitationMetadata) {
        add_new(&mut self.citation_sources, &chunk.citation_sources);
        absorb_unknown(&mut self.unknown, &chunk.unknown);
    }
}

impl LogprobsResult {
    fn absorb(&mut self, chunk: &LogprobsResult) {
        self.chosen_candidates
            .extend_from_slice(&chunk.chosen_candidates);
        self.top_candidates.extend_from_slice(&chunk.top_candidates);
        if let Some(sum) = chunk.log_probability_sum {
            *self.log_probability_sum.get_or_insert(0.0) += sum;
        }
        absorb_unknown(&mut self.unknown, &chunk.unknown);
    }
}

impl UrlContextMetadata {
    fn absorb(&mut self, chunk: &UrlContextMetadata) {
        add_new(&mut self.url_metadata, &chunk.url_metadata);
        absorb_unknown(&mut self.unknown, &chunk.unknown);
    }
}

/// A category keeps the place where it was first seen and its last rating; once blocked, it stays so.
fn absorb_ratings(known: &mut Vec<SafetyRating>, chunk: &[SafetyRating]) {
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

fn add_new<T: Clone + PartialEq>(known: &mut Vec<T>, chunk: &[T]) {
    for new in chunk {
        if !known.contains(new) {
            known.push(new.clone());
        }
    }
}

fn join_text(text: &mut Option<String>, more: &Option<String>) {
    if let Some(more) = more {
        text.get_or_insert_default().push_str(more);
    }
}

fn last_seen<T: Clone>(known: &mut Option<T>, new: &Option<T>) {
    if new.is_some() {
        known.clone_from(new);
    }
}

fn absorb_unknown(known: &mut Unknown, chunk: &Unknown) {
    for (name, value) in chunk.iter() {
        known.insert(name.clone(), value.clone());
    }
}
