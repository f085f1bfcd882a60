//! Embeddings: a text is decoded in a separate context, and the states of its tokens are pooled.

use std::time::Instant;

use generativeai::Result;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;
use tokio::sync::oneshot;

use crate::error;
use crate::model::Pooling;

use super::cores::ThreadCount;
use super::kv_cache::KvCache;

/// Maximum number of tokens in a batch. It does not depend on the load, as that of prompts does: the last bits of
/// floating-point sums depend on it, and a text must have the same embedding whatever else runs.
pub(super) const EMBEDDING_CHUNK: usize = 32;

/// The only sequence of the context.
const SEQUENCE: usize = 0;

/// A text that is being embedded, or waits for that.
pub(super) struct Embedding {
    /// Tokens of the text: at least one, and at most as many as the context of the engine holds.
    pub(super) text: Vec<LlamaToken>,
    pub(super) pooling: Pooling,
    /// Time at which it fails if it is not complete.
    pub(super) deadline: Option<Instant>,
    /// Sum of the pooled states; empty before the first batch.
    pub(super) sum: Vec<f64>,
    /// Receives the sum of all pooled states. `None` once a result was sent.
    pub(super) result: Option<oneshot::Sender<Result<Vec<f64>>>>,
}

impl Embedding {
    /// Returns whether the result was sent, its receiver was dropped, or the deadline has passed. In the last case the
    /// embedding fails.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.end(Err(error::deadline_exceeded()));
        }
        self.result.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// Sends the result.
    pub(super) fn end(&mut self, result: Result<Vec<f64>>) {
        if let Some(sender) = self.result.take() {
            // The receiver may have been dropped.
            let _ = sender.send(result);
        }
    }

    /// Decodes the next tokens of the text, and adds their states to the sum. Sends the result after the last ones.
    pub(super) fn advance(
        &mut self,
        cache: &mut KvCache<'_>,
        batch: &mut LlamaBatch<'_>,
        threads: &mut ThreadCount,
    ) {
        let start = cache.len(SEQUENCE);
        let end = self.text.len().min(start + EMBEDDING_CHUNK);
        batch.clear();
        for (position, &token) in (0..).zip(&self.text[..end]).skip(start) {
            batch
                .add(token, position, &[0], true)
                .expect("the batch of the scheduler is larger");
        }
        if let Err(error) = cache.decode(batch, threads) {
            let message = format!("llama.cpp failed to decode a text: {error:?}");
            return self.end(Err(error::internal(message)));
        }
        cache.extend(SEQUENCE, &self.text[start..end]);
        for index in 0..batch.n_tokens() {
            let state = cache.state(index);
            if self.pooling == Pooling::Last {
                self.sum.clear();
            }
            self.sum.resize(state.len(), 0.0);
            for (sum, value) in self.sum.iter_mut().zip(state) {
                *sum += f64::from(*value);
            }
        }
        if end == self.text.len() {
            let sum = std::mem::take(&mut self.sum);
            self.end(Ok(sum));
        }
    }
}

#[cfg(test)]
mod tests {
    use generativeai::ErrorKind;

    use super::*;

    #[test]
    fn an_embedding_is_over_when_its_receiver_is_dropped_or_its_deadline_has_passed() {
        let now = Instant::now();
        let embedding = |deadline| {
            let (sender, receiver) = oneshot::channel();
            let embedding = Embedding {
                text: Vec::new(),
                pooling: Pooling::Mean,
                deadline,
                sum: Vec::new(),
                result: Some(sender),
            };
            (embedding, receiver)
        };
        let (mut waiting, receiver) = embedding(None);
        let (mut late, mut failed) = embedding(Some(now));

        assert!(!waiting.is_over(now));
        drop(receiver);

        assert!(waiting.is_over(now));
        assert!(late.is_over(now));
        let error = failed.try_recv().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
    }
}
