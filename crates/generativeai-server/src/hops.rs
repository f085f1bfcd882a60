//! Replies in hops: a reply ends after a number of tokens, with a token from which the same request continues.
//!
//! A token contains no content. The backend generates the reply again, and the server skips the content of earlier
//! hops. So all hops together equal the reply in one request, including functions, schemas and thoughts. This works
//! with any backend whose replies to equal requests are equal. The price is time: the last hop takes as long as the
//! whole reply.

mod position;
mod token;

use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::{FinishReason, GenerateContentResponse, UsageMetadata};
use ring::hmac;
use ring::rand::SystemRandom;

use self::position::{DIGEST, Position};
use self::token::Start;
use crate::error::ApiError;
use crate::response::to_json;

/// Seed of requests that have none, so that a reply can be generated again.
const SEED: i32 = 0;

/// Where the hops of all replies end. Without either number of tokens, a reply is not divided.
#[derive(Clone)]
pub(crate) struct Hops {
    /// Number of tokens after which a hop ends.
    pub(crate) tokens: Option<u32>,
    /// Number of tokens after which a chunk of a stream has a token.
    pub(crate) checkpoint: Option<u32>,
    /// Key of the tokens; a random one by default.
    pub(crate) key: hmac::Key,
}

/// One hop of a reply: skips the content of earlier hops, and ends after a number of tokens.
pub(crate) struct Hop {
    hops: Hops,
    /// Digest of the request.
    request: [u8; DIGEST],
    /// Position where the hop begins, until it is reached.
    start: Option<Start>,
    /// End of the content so far, of all hops.
    position: Position,
    /// Number of reply tokens so far, of all hops.
    tokens: u64,
    /// Number of tokens where the hop began.
    first: u64,
    /// Number of tokens where the last token was issued.
    checkpoint: u64,
    /// Whether chunks without a finish reason may have a token.
    has_checkpoints: bool,
    /// Whether the hop has content.
    has_content: bool,
    /// Whether the reply has several candidates. Such a reply is not divided, since a token continues one candidate.
    is_whole: bool,
    /// Token counts where the hop began.
    usage: Option<Box<UsageMetadata>>,
    is_over: bool,
}

impl Hops {
    /// Begins the hop that a request asks for. Removes the token from the request, and sets its seed. `None` if replies
    /// are not divided.
    ///
    /// # Errors
    /// 400: the token is not one of this request.
    pub(crate) fn begin(
        &self,
        request: &mut GenerateContentRequest,
    ) -> Result<Option<Hop>, ApiError> {
        if self.tokens.or(self.checkpoint).is_none() {
            return Ok(None);
        }
        // All hops of a reply have one digest: it excludes the token, and covers the parsed request instead
        // of its text, whose spelling may vary.
        let token = request.continuation_token.take();
        let digest = position::digest(&to_json(request));
        let start = match token.filter(|token| !token.is_empty()) {
            Some(token) => Some(token::read(&self.key, &digest, &token)?),
            None => None,
        };
        let config = request.generation_config.get_or_insert_default();
        config.seed.get_or_insert(SEED);
        let is_whole = config.candidate_count.is_some_and(|count| count > 1);
        Ok(Some(Hop {
            hops: self.clone(),
            request: digest,
            start,
            position: Position::start(),
            tokens: 0,
            first: 0,
            checkpoint: 0,
            has_checkpoints: true,
            has_content: false,
            is_whole,
            usage: None,
            is_over: false,
        }))
    }
}

impl Default for Hops {
    fn default() -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Self {
            tokens: None,
            checkpoint: None,
            key: key.expect("the operating system has a source of random numbers"),
        }
    }
}

impl Hop {
    /// Makes the hop issue a token at its end only.
    pub(crate) fn without_checkpoints(mut self) -> Self {
        self.has_checkpoints = false;
        self
    }

    /// Returns the digest of the request, equal for all hops of a reply.
    pub(crate) fn request(&self) -> &[u8] {
        &self.request
    }

    /// Returns whether the hop has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Receives the next chunk of the reply. Returns the part of it that belongs to this hop, if any.
    ///
    /// # Errors
    /// 400: the reply begins differently from the one that is to be continued.
    pub(crate) fn receive(
        &mut self,
        mut chunk: GenerateContentResponse,
    ) -> Result<Option<GenerateContentResponse>, ApiError> {
        if let Some(start) = self.start
            && !self.skip(start, &mut chunk)?
        {
            return Ok(None);
        }
        self.count(&chunk);
        if let (Some(usage), Some(before)) = (&mut chunk.usage_metadata, &self.usage) {
            subtract(usage, before);
        }
        self.issue_token(&mut chunk);
        Ok(Some(chunk))
    }

    /// Checks the end of the backend's reply.
    ///
    /// # Errors
    /// 400: it ended before the position where the hop begins.
    pub(crate) fn end(&self) -> Result<(), ApiError> {
        match self.start {
            Some(_) => Err(differs()),
            None => Ok(()),
        }
    }

    /// Removes the content of earlier hops from a chunk. Returns whether the hop begins in the chunk.
    fn skip(
        &mut self,
        start: Start,
        chunk: &mut GenerateContentResponse,
    ) -> Result<bool, ApiError> {
        let mut begins = false;
        let candidate = chunk.candidates.first_mut();
        if let Some(content) = candidate.and_then(|candidate| candidate.content.as_mut()) {
            for part in std::mem::take(&mut content.parts) {
                let left = self.position.add_up_to(start.length, part);
                content.parts.extend(left.map_err(|_| differs())?);
            }
            begins = !content.parts.is_empty();
        }
        let has_ended = chunk.finish_reason().is_some() || chunk.is_blocked();
        if self.position.length() == start.length {
            if self.position.digest() != start.digest {
                return Err(differs());
            }
            self.start = None;
        } else if has_ended {
            return Err(differs());
        }
        // If nothing of the chunk is left, this hop begins after it, and is counted from there.
        begins |= has_ended;
        if !begins {
            self.count(chunk);
            self.first = self.tokens;
            self.checkpoint = self.tokens;
            if chunk.usage_metadata.is_some() {
                self.usage = chunk.usage_metadata.take();
            }
        }
        Ok(begins)
    }

    /// Counts the tokens of a chunk. A chunk without token counts is one token.
    fn count(&mut self, chunk: &GenerateContentResponse) {
        let reported = chunk
            .usage_metadata
            .as_ref()
            .map(|usage| reply_tokens(usage))
            .filter(|&tokens| tokens > 0);
        self.tokens = match reported {
            Some(tokens) => tokens.max(self.tokens),
            None => self.tokens + 1,
        };
    }

    /// Ends the hop with this chunk, or makes the chunk a checkpoint, if it is time.
    fn issue_token(&mut self, chunk: &mut GenerateContentResponse) {
        let length = self.position.length();
        let parts = chunk.candidates.first().map_or(&[][..], |it| it.parts());
        parts.iter().for_each(|part| self.position.add(part));
        // A hop without content would end where it began, and the client would never advance.
        self.has_content |= self.position.length() > length;
        let has_ended = chunk.finish_reason().is_some() || chunk.is_blocked();
        if has_ended || self.is_whole || !self.has_content {
            return;
        }
        let ends = reaches(self.hops.tokens, self.tokens - self.first);
        let is_checkpoint =
            self.has_checkpoints && reaches(self.hops.checkpoint, self.tokens - self.checkpoint);
        let Some(candidate) = chunk.candidates.first_mut() else {
            return;
        };
        if ends {
            candidate.finish_reason = Some(FinishReason::Continuation);
            self.is_over = true;
        }
        if ends || is_checkpoint {
            let token = token::token(&self.hops.key, &self.request, &self.position);
            candidate.continuation_token = Some(token);
            self.checkpoint = self.tokens;
        }
    }
}

/// Returns the number of tokens of a reply, thoughts included.
fn reply_tokens(usage: &UsageMetadata) -> u64 {
    let counts = [usage.candidates_token_count, usage.thoughts_token_count];
    let counts = counts.into_iter().flatten();
    counts.map(|count| u64::try_from(count).unwrap_or(0)).sum()
}

/// Returns whether a number of tokens is at the limit, if there is one. A limit is at least 1.
fn reaches(limit: Option<u32>, tokens: u64) -> bool {
    limit.is_some_and(|limit| tokens >= limit.max(1).into())
}

/// Subtracts the reply tokens of earlier hops. Each request counts the tokens of the prompt again.
fn subtract(usage: &mut UsageMetadata, before: &UsageMetadata) {
    let less = |count: &mut Option<i32>, before: Option<i32>| {
        *count = count.map(|count| count.saturating_sub(before.unwrap_or(0)).max(0));
    };
    less(
        &mut usage.candidates_token_count,
        before.candidates_token_count,
    );
    less(&mut usage.thoughts_token_count, before.thoughts_token_count);
    usage.thoughts_token_count = usage.thoughts_token_count.filter(|&count| count > 0);
    let replied = i32::try_from(reply_tokens(before)).unwrap_or(i32::MAX);
    less(&mut usage.total_token_count, Some(replied));
    for details in &mut usage.candidates_tokens_details {
        let before = before.candidates_tokens_details.iter();
        let before = before.filter(|before| before.modality == details.modality);
        let count = before.filter_map(|before| before.token_count).sum();
        less(&mut details.token_count, Some(count));
    }
}

fn differs() -> ApiError {
    ApiError::invalid(
        "the reply cannot be continued, because the model now replies with something else: send the request without \
         `continuationToken`, and serve a model that is deterministic",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_counts_of_a_hop_exclude_earlier_hops() {
        let usage = |thoughts: i32, text: i32, image: i32| -> UsageMetadata {
            let usage = json!({
                "promptTokenCount": 7,
                "candidatesTokenCount": text + image,
                "thoughtsTokenCount": thoughts,
                "totalTokenCount": 7 + thoughts + text + image,
                "candidatesTokensDetails": [
                    {"modality": "TEXT", "tokenCount": text},
                    {"modality": "IMAGE", "tokenCount": image},
                ],
            });
            serde_json::from_value(usage).expect("token counts")
        };
        let mut hop = usage(5, 9, 4);
        subtract(&mut hop, &usage(2, 6, 3));
        assert_eq!(hop, usage(3, 3, 1));

        let mut hop = usage(2, 9, 4);
        subtract(&mut hop, &usage(2, 6, 3));
        assert_eq!(hop.thoughts_token_count, None);
    }
}
