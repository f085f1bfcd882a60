//! Grounding of a reply in hops: the indices of each hop are shifted by the content of the hops before it.
//!
//! Grounding metadata links passages of the reply (a part, and offsets in bytes) to sources (indices into a list). The
//! service numbers both for each hop separately. For example, the first hop has three sources and ends with a text part
//! of 100 bytes. Then source 0 of the second hop is source 3 of the reply. If its first text continues that part, byte
//! 20 is byte 120.

use crate::protocol::content::{Data, Part};
use crate::protocol::grounding::{GroundingMetadata, GroundingSupport};
use crate::protocol::response::GenerateContentResponse;

/// Grounding of the hops so far, and the place in the reply where the current hop begins.
#[derive(Default)]
pub(super) struct Grounding {
    /// Grounding of the hops before this one.
    before: Option<Box<GroundingMetadata>>,
    /// Grounding of the hops up to and including this one, from the last chunk that has grounding.
    latest: Option<Box<GroundingMetadata>>,
    /// Place where the hop begins.
    start: Place,
    /// Place of the last continuation token, where a resumed hop begins.
    token: Place,
    /// End of the content received so far.
    end: Place,
}

/// Place in the parts of a reply.
#[derive(Clone, Copy, Default)]
struct Place {
    parts: usize,
    /// Length of the last part in bytes, if it is text to which the next part is appended, and whether it is a thought.
    open_text: Option<(usize, bool)>,
}

impl Grounding {
    /// Returns the grounding of the beginning of a reply.
    pub(super) fn of(beginning: &GenerateContentResponse) -> Self {
        let mut this = Self::default();
        if let Some(candidate) = beginning.first_candidate() {
            this.before.clone_from(&candidate.grounding_metadata);
            this.latest.clone_from(&candidate.grounding_metadata);
            candidate.parts().iter().for_each(|part| this.end.add(part));
        }
        this.mark();
        this.restart();
        this
    }

    /// Records the place of a continuation token, where the next hop begins.
    pub(super) fn mark(&mut self) {
        self.token = self.end;
    }

    /// Ends a hop that was received completely.
    pub(super) fn end_hop(&mut self) {
        self.before.clone_from(&self.latest);
        self.restart();
    }

    /// Begins a hop at the last continuation token. Discards the grounding of a hop that broke: the resumed hop sends
    /// it again.
    pub(super) fn restart(&mut self) {
        self.latest.clone_from(&self.before);
        self.start = self.token;
        self.end = self.token;
    }

    /// Records the parts of a chunk, and makes its grounding cover all hops so far.
    pub(super) fn receive(&mut self, chunk: &mut GenerateContentResponse) {
        let Some(candidate) = chunk.first_candidate_mut() else {
            return;
        };
        candidate.parts().iter().for_each(|part| self.end.add(part));
        let Some(grounding) = &mut candidate.grounding_metadata else {
            return;
        };
        if let Some(before) = &self.before {
            let chunks = before.grounding_chunks.len();
            for support in &mut grounding.grounding_supports {
                shift_chunks(support, chunks);
            }
            prepend(&before.grounding_chunks, &mut grounding.grounding_chunks);
            prepend(
                &before.grounding_supports,
                &mut grounding.grounding_supports,
            );
            prepend(
                &before.web_search_queries,
                &mut grounding.web_search_queries,
            );
            prepend(
                &before.image_search_queries,
                &mut grounding.image_search_queries,
            );
            prepend(&before.retrieval_queries, &mut grounding.retrieval_queries);
        }
        let before = self.before.as_ref();
        // The first supports are those of earlier hops, which were shifted when they were received.
        let known = before.map_or(0, |before| before.grounding_supports.len());
        for support in grounding.grounding_supports.iter_mut().skip(known) {
            self.start.shift(support);
        }
        self.latest = candidate.grounding_metadata.clone();
    }
}

impl Place {
    /// Moves past a part. A text continues an open text under the same conditions as in
    /// [`merge_chunk`](GenerateContentResponse::merge_chunk).
    fn add(&mut self, part: &Part) {
        let is_thought = part.is_thought();
        let text = match &part.data {
            Some(Data::Text(text)) if part.thought_signature.is_none() => Some(text.len()),
            _ => None,
        };
        match (&mut self.open_text, text) {
            (Some((length, thought)), Some(more)) if *thought == is_thought => *length += more,
            _ => {
                self.parts += 1;
                self.open_text = text.map(|length| (length, is_thought));
            }
        }
    }

    /// Shifts the passage of a support in a hop that begins at this place. If a text is open, the first part of the hop
    /// continues it, so byte offsets move too.
    fn shift(self, support: &mut GroundingSupport) {
        let Some(segment) = &mut support.segment else {
            return;
        };
        let part = segment.part_index.unwrap_or(0);
        let parts = match self.open_text {
            Some((length, _)) => {
                if part == 0 {
                    let length = i32::try_from(length).unwrap_or(i32::MAX);
                    let start = segment.start_index.unwrap_or(0).saturating_add(length);
                    // The service leaves out offsets and indices that are 0.
                    segment.start_index = Some(start).filter(|&start| start != 0);
                    segment.end_index = segment.end_index.map(|end| end.saturating_add(length));
                }
                // Cannot underflow: an open text is a part.
                self.parts - 1
            }
            None => self.parts,
        };
        let parts = i32::try_from(parts).unwrap_or(i32::MAX);
        segment.part_index = Some(part.saturating_add(parts)).filter(|&part| part != 0);
    }
}

fn shift_chunks(support: &mut GroundingSupport, chunks: usize) {
    let chunks = i32::try_from(chunks).unwrap_or(i32::MAX);
    for index in &mut support.grounding_chunk_indices {
        *index = index.saturating_add(chunks);
    }
}

fn prepend<T: Clone>(before: &[T], list: &mut Vec<T>) {
    list.splice(0..0, before.iter().cloned());
}
