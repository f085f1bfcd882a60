//! Content that was returned to the caller after the last token. A resumed hop repeats it.
//!
//! An example: a token follows `Ben Nevis`, then come ` is` and ` 1,3`, and the connection breaks. The caller has
//! already received `Ben Nevis is 1,3`. The next hop starts at the token and generates its text again, in chunks of
//! other sizes:
//!
//! | Chunk of the resumed hop | Expected before | Returned to the caller |
//! | --- | --- | --- |
//! | ` is 1` | ` is 1,3` | nothing |
//! | `,345 m` | `,3` | `45 m` |
//! | ` tall.` | nothing | ` tall.` |
//!
//! If the second chunk began with `,4` instead, it could not be joined to the text that the caller has. The reply then
//! fails with [`Truncated`](ErrorKind::Truncated). This happens if the service does not generate the same text again.

use std::collections::VecDeque;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::content::{Content, Data, Part};
use crate::protocol::response::{Candidate, FinishReason, GenerateContentResponse};

/// Parts returned after the last token, and those of them that the resumed hop has not repeated yet.
#[derive(Default)]
pub(super) struct Replay {
    /// Response, since it merges neighbouring texts like the caller's reply.
    returned: GenerateContentResponse,
    expected: VecDeque<Part>,
}

impl Replay {
    /// Records a new token, and returns whether it follows all content that was returned.
    ///
    /// A resumed hop may have its tokens at other places than the hop that broke. If a token comes before the end of
    /// the returned content, the rest of that content is still expected, now after the new token.
    pub(super) fn mark(&mut self) -> bool {
        let rest: Vec<Part> = self.expected.iter().cloned().collect();
        let is_at_end = rest.is_empty();
        self.returned = if is_at_end {
            GenerateContentResponse::default()
        } else {
            Content::model(rest).into()
        };
        is_at_end
    }

    /// Adds the returned content of a candidate.
    pub(super) fn push(&mut self, candidate: &Candidate) {
        if let Some(content) = &candidate.content {
            self.returned
                .merge_chunk(&GenerateContentResponse::from(content.clone()));
        }
    }

    /// Expects all returned content again, as the hop is resumed from the last token.
    pub(super) fn restart(&mut self) {
        let content = self.returned.candidates.first();
        let content = content.and_then(|candidate| candidate.content.clone());
        self.expected = content.unwrap_or_default().parts.into();
    }

    /// Removes content that was returned before from a chunk.
    ///
    /// # Errors
    /// The content of the chunk differs, or the reply ends before the returned content was repeated.
    pub(super) fn remove_known(&mut self, chunk: &mut GenerateContentResponse) -> Result<()> {
        if self.expected.is_empty() {
            return Ok(());
        }
        let Some(candidate) = chunk.first_candidate_mut() else {
            return Ok(());
        };
        let reason = candidate.finish_reason.as_ref();
        let is_last = reason.is_some_and(FinishReason::ends_reply);
        if let Some(Content { parts, .. }) = &mut candidate.content {
            let mut rest = Vec::new();
            for mut part in parts.drain(..) {
                if !self.repeats(&mut part)? {
                    rest.push(part);
                }
            }
            *parts = rest;
        }
        if is_last && !self.expected.is_empty() {
            return Err(differs());
        }
        Ok(())
    }

    /// Returns whether all of a part was returned before. If only the beginning of its text was, removes that from it.
    ///
    /// A part may repeat a piece of one expected text, or several expected texts and more, because chunks differ in
    /// size.
    fn repeats(&mut self, part: &mut Part) -> Result<bool> {
        while let Some(known) = self.expected.front_mut() {
            let is_thought = known.is_thought();
            let is_same = is_thought == part.is_thought();
            let has_same_signature = known.thought_signature == part.thought_signature;
            match (&mut known.data, &mut part.data) {
                (Some(Data::Text(known)), Some(Data::Text(text))) if is_same => {
                    // The part is a proper prefix of the expected text. A part with a signature is not merged with the
                    // next text, so it has to match to the end.
                    if let Some(rest) = known
                        .strip_prefix(text.as_str())
                        .filter(|rest| !rest.is_empty())
                        && part.thought_signature.is_none()
                    {
                        *known = rest.to_owned();
                        return Ok(true);
                    }
                    let Some(rest) = text.strip_prefix(known.as_str()) else {
                        return Err(differs());
                    };
                    *text = rest.to_owned();
                    // An empty text with a signature that the caller does not have is new, and is returned.
                    let is_all = text.is_empty() && has_same_signature;
                    self.expected.pop_front();
                    if is_all {
                        return Ok(true);
                    }
                }
                (known, data) if known == data => {
                    self.expected.pop_front();
                    return Ok(true);
                }
                _ => return Err(differs()),
            }
        }
        Ok(false)
    }
}

fn differs() -> Error {
    let message = "the stream broke, and the service continued the reply with other text";
    Error::new(ErrorKind::Truncated, message)
}
