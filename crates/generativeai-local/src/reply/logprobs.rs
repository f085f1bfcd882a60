//! Log-probabilities of the tokens of a reply.

use generativeai::protocol::response::{LogprobsCandidate, LogprobsResult, TopCandidates};
use llama_cpp_2::token::LlamaToken;

use crate::engine::TokenLogprobs;
use crate::model::Model;

/// Log-probabilities that are sent with the next chunk, and the sum of all.
#[derive(Debug, Default)]
pub(super) struct Logprobs {
    /// Tokens since the last chunk.
    pending: Vec<TokenLogprobs>,
    /// Sum over all tokens of the reply, for the average in the last chunk.
    sum: f64,
    /// Number of tokens in `sum`.
    count: usize,
}

impl Logprobs {
    /// Adds the tokens of an event.
    pub(super) fn push(&mut self, tokens: Vec<TokenLogprobs>) {
        for (_, logprob, _) in &tokens {
            self.sum += f64::from(*logprob);
            self.count += 1;
        }
        self.pending.extend(tokens);
    }

    /// Removes the tokens since the last chunk and returns them in the form of the API.
    pub(super) fn take(&mut self, model: &Model) -> LogprobsResult {
        let candidate = |&(token, logprob): &(LlamaToken, f32)| {
            let mut candidate = LogprobsCandidate::default();
            // A token may be a part of a character, which JSON cannot represent.
            candidate.token = Some(String::from_utf8_lossy(model.bytes_of(token)).into_owned());
            candidate.token_id = Some(token.0);
            candidate.log_probability = Some(logprob.into());
            candidate
        };
        let mut result = LogprobsResult::default();
        for (token, logprob, top) in self.pending.drain(..) {
            result.chosen_candidates.push(candidate(&(token, logprob)));
            if !top.is_empty() {
                let mut candidates = TopCandidates::default();
                candidates.candidates = top.iter().map(candidate).collect();
                result.top_candidates.push(candidates);
            }
        }
        result
    }

    /// Returns the mean of all log-probabilities; `None` for a reply without tokens.
    pub(super) fn average(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}
