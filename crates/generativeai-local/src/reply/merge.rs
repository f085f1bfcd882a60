//! Merges the chunks of a reply to one response.

use generativeai::protocol::content::{Content, Data, Part, Role};
use generativeai::protocol::response::{GenerateContentResponse, LogprobsResult};

/// Merges the chunks of a reply to one response. Without chunks, the response has no candidates.
pub(super) fn merge(chunks: Vec<GenerateContentResponse>) -> GenerateContentResponse {
    let mut parts: Vec<Part> = Vec::new();
    let mut logprobs: Option<LogprobsResult> = None;
    let mut whole = GenerateContentResponse::default();
    for mut chunk in chunks {
        for candidate in &mut chunk.candidates {
            let new = candidate
                .content
                .take()
                .map(|content| content.parts)
                .unwrap_or_default();
            new.into_iter().for_each(|part| append(&mut parts, part));
            if let Some(more) = candidate.logprobs_result.take() {
                let all = logprobs.get_or_insert_default();
                all.chosen_candidates.extend(more.chosen_candidates);
                all.top_candidates.extend(more.top_candidates);
            }
        }
        // The last chunk has the finish reason, and its token counts are those of the whole reply.
        whole = chunk;
    }
    for candidate in &mut whole.candidates {
        let parts = std::mem::take(&mut parts);
        candidate.content = Some(Content::default().role(Role::Model).parts(parts));
        candidate.logprobs_result = logprobs.take().map(Box::new);
    }
    whole
}

/// Appends a part. Text is merged with preceding text, and a thought with a preceding thought.
fn append(parts: &mut Vec<Part>, part: Part) {
    let is_thought = part.is_thought();
    let last = parts
        .last_mut()
        .filter(|last| last.is_thought() == is_thought);
    match (last.and_then(|last| last.data.as_mut()), &part.data) {
        (Some(Data::Text(text)), Some(Data::Text(more))) => text.push_str(more),
        _ => parts.push(part),
    }
}
