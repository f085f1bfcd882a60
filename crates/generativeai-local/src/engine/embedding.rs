//! Embeddings: texts are decoded in a separate context, and the states of their tokens are pooled.

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

/// Texts that are being embedded one after another, or wait for that.
pub(super) struct Embedding {
    /// Tokens of the texts: at least one of each, and at most as many as the context of the engine holds.
    pub(super) texts: Vec<Vec<LlamaToken>>,
    pooling: Pooling,
    /// Time at which it fails if it is not complete.
    pub(super) deadline: Option<Instant>,
    /// Pooled states of the complete texts.
    vectors: Vec<Vec<f64>>,
    /// Pooled states of the next text; empty before its first batch.
    pooled: Vec<f64>,
    /// Receives the pooled states of all texts. `None` once a result was sent.
    result: Option<oneshot::Sender<Result<Vec<Vec<f64>>>>>,
}

impl Embedding {
    /// Creates an embedding of one or more texts, each with one or more tokens.
    pub(super) fn new(
        texts: Vec<Vec<LlamaToken>>,
        pooling: Pooling,
        deadline: Option<Instant>,
        result: oneshot::Sender<Result<Vec<Vec<f64>>>>,
    ) -> Self {
        Self {
            texts,
            pooling,
            deadline,
            vectors: Vec::new(),
            pooled: Vec::new(),
            result: Some(result),
        }
    }

    /// Returns whether the result was sent, its receiver was dropped, or the deadline has passed. In the last case the
    /// embedding fails.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.end(Err(error::deadline_exceeded()));
        }
        self.result.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// Sends the result.
    pub(super) fn end(&mut self, result: Result<Vec<Vec<f64>>>) {
        if let Some(sender) = self.result.take() {
            // The receiver may have been dropped.
            let _ = sender.send(result);
        }
    }

    /// Decodes the next tokens of a text, and pools their states. Sends the result after the last text.
    pub(super) fn advance(
        &mut self,
        cache: &mut KvCache<'_>,
        batch: &mut LlamaBatch<'_>,
        threads: &mut ThreadCount,
    ) {
        let start = cache.len(SEQUENCE);
        let text = &self.texts[self.vectors.len()];
        let end = text.len().min(start + EMBEDDING_CHUNK);
        batch.clear();
        for (position, &token) in (0..).zip(&text[..end]).skip(start) {
            batch
                .add(token, position, &[0], true)
                .expect("the batch of the scheduler is larger");
        }
        if let Err(error) = cache.decode(batch, threads) {
            let message = format!("llama.cpp failed to decode a text: {error}");
            return self.end(Err(error::internal(message)));
        }
        cache.extend(SEQUENCE, &text[start..end]);
        for index in 0..batch.n_tokens() {
            pool(&mut self.pooled, cache.state(index), self.pooling);
        }
        if end < text.len() {
            return;
        }
        cache.clear(SEQUENCE);
        self.vectors.push(std::mem::take(&mut self.pooled));
        if self.vectors.len() == self.texts.len() {
            let vectors = std::mem::take(&mut self.vectors);
            self.end(Ok(vectors));
        }
    }
}

/// Adds the state after the next token to the pooled states. The mean is their sum: the vector is normalized later.
fn pool(pooled: &mut Vec<f64>, state: &[f32], pooling: Pooling) {
    if pooling == Pooling::Last {
        pooled.clear();
    }
    pooled.resize(state.len(), 0.0);
    for (sum, value) in pooled.iter_mut().zip(state) {
        *sum += f64::from(*value);
    }
}

#[cfg(test)]
mod tests {
    use generativeai::ErrorKind;

    use super::*;

    #[test]
    fn states_are_added_or_the_last_one_is_used() {
        for (pooling, expected) in [(Pooling::Mean, [4.0, 6.0]), (Pooling::Last, [3.0, 4.0])] {
            let mut pooled = Vec::new();
            for state in [[1.0, 2.0], [3.0, 4.0]] {
                pool(&mut pooled, &state, pooling);
            }
            assert_eq!(pooled, expected);
        }
    }

    #[test]
    fn an_embedding_is_over_when_its_receiver_is_dropped_or_its_deadline_has_passed() {
        let now = Instant::now();
        let embedding = |deadline| {
            let (sender, receiver) = oneshot::channel();
            let embedding = Embedding::new(Vec::new(), Pooling::Mean, deadline, sender);
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
