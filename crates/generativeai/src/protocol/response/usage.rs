//! Adding up what several requests used.

use crate::protocol::response::UsageMetadata;
use crate::protocol::tokens::ModalityTokenCount;

impl UsageMetadata {
    /// Adds what another request used.
    pub fn add(&mut self, more: &UsageMetadata) {
        for (count, more) in [
            (&mut self.prompt_token_count, more.prompt_token_count),
            (
                &mut self.cached_content_token_count,
                more.cached_content_token_count,
            ),
            (
                &mut self.candidates_token_count,
                more.candidates_token_count,
            ),
            (
                &mut self.tool_use_prompt_token_count,
                more.tool_use_prompt_token_count,
            ),
            (&mut self.thoughts_token_count, more.thoughts_token_count),
            (&mut self.total_token_count, more.total_token_count),
        ] {
            add(count, more);
        }
        for (details, more) in [
            (&mut self.prompt_tokens_details, &more.prompt_tokens_details),
            (&mut self.cache_tokens_details, &more.cache_tokens_details),
            (
                &mut self.candidates_tokens_details,
                &more.candidates_tokens_details,
            ),
            (
                &mut self.tool_use_prompt_tokens_details,
                &more.tool_use_prompt_tokens_details,
            ),
        ] {
            add_details(details, more);
        }
        for (name, value) in more.unknown.iter() {
            self.unknown.insert(name.clone(), value.clone());
        }
    }
}

fn add(count: &mut Option<i32>, more: Option<i32>) {
    if let Some(more) = more {
        *count = Some(count.unwrap_or(0).saturating_add(more));
    }
}

fn add_details(details: &mut Vec<ModalityTokenCount>, more: &[ModalityTokenCount]) {
    for new in more {
        match details
            .iter_mut()
            .find(|known| known.modality == new.modality)
        {
            Some(known) => add(&mut known.token_count, new.token_count),
            None => details.push(new.clone()),
        }
    }
}
