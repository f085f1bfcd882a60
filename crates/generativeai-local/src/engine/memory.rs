//! The context, and what it remembers of earlier chats.

use llama_cpp_2::DecodeError;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;

use super::sequences::{Lease, Sequences};

/// The context together with its mirror, so that the two cannot drift apart.
pub(super) struct Memory<'model> {
    context: LlamaContext<'model>,
    sequences: Sequences,
    reuse: bool,
}

/// Why a batch was not decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    /// There is no room for its tokens.
    NoRoom,
    /// Something is wrong with it.
    Broken(DecodeError),
}

impl<'model> Memory<'model> {
    pub(super) fn new(context: LlamaContext<'model>, sequences: usize, reuse: bool) -> Self {
        Self {
            context,
            sequences: Sequences::new(sequences, reuse),
            reuse,
        }
    }

    /// Gives a prompt a sequence, and says how many of its tokens that holds already; `None` while
    /// all sequences are busy.
    pub(super) fn lease(&mut self, prompt: &[LlamaToken]) -> Option<(usize, usize)> {
        let Lease {
            sequence,
            kept,
            copy_from,
        } = self.sequences.lease(prompt)?;
        let prepared = match copy_from {
            Some(source) => self.copy(source, sequence, kept),
            None => self.trim(sequence, kept),
        };
        if prepared {
            return Some((sequence, kept));
        }
        // Some architectures cannot take back a part of what they know: begin anew.
        self.trim(sequence, 0);
        self.sequences.shorten(sequence, 0);
        Some((sequence, 0))
    }

    /// How many tokens a sequence holds.
    pub(super) fn held(&self, sequence: usize) -> usize {
        self.sequences.len(sequence)
    }

    /// Decodes a batch. Nothing has changed if there was no room for it.
    pub(super) fn decode(&mut self, batch: &mut LlamaBatch<'_>) -> Result<(), Stuck> {
        self.context.decode(batch).map_err(|error| match error {
            DecodeError::NoKvCacheSlot => Stuck::NoRoom,
            error => Stuck::Broken(error),
        })
    }

    /// Notes that the tokens of a decoded batch stand in a sequence.
    pub(super) fn decoded(&mut self, sequence: usize, tokens: &[LlamaToken]) {
        self.sequences.extend(sequence, tokens);
    }

    /// The logits after the token at a place of the batch just decoded.
    pub(super) fn logits(&self, place: i32) -> &[f32] {
        self.context.get_logits_ith(place)
    }

    /// Takes a sequence back; what it holds stays remembered until its room is needed.
    pub(super) fn release(&mut self, sequence: usize) {
        if !self.reuse {
            return self.forget(sequence);
        }
        self.sequences.release(sequence);
        // What is remembered costs everyone a little time, so half of the context is enough for it.
        let most = self.context.n_ctx() as usize / 2;
        while self.sequences.remembers_others_beside(most) {
            self.make_room();
        }
    }

    /// Takes a sequence back, and forgets it.
    pub(super) fn forget(&mut self, sequence: usize) {
        self.trim(sequence, 0);
        self.sequences.forget(sequence);
    }

    /// Forgets the chat that was heard of longest ago; `false` if there is none but those running.
    pub(super) fn make_room(&mut self) -> bool {
        let evicted = self.sequences.evict();
        if let Some(sequence) = evicted {
            self.trim(sequence, 0);
        }
        evicted.is_some()
    }

    fn copy(&mut self, source: usize, sequence: usize, kept: usize) -> bool {
        self.trim(sequence, 0);
        let end = u32::try_from(kept).ok();
        self.context
            .kv_cache_seq_cp(id(source), id(sequence), Some(0), end)
            .is_ok()
    }

    fn trim(&mut self, sequence: usize, kept: usize) -> bool {
        let from = u32::try_from(kept).ok();
        self.context
            .kv_cache_seq_rm(id(sequence), from, None)
            .is_ok()
    }
}

/// The number of a sequence as the context knows it.
pub(super) fn id(sequence: usize) -> i32 {
    i32::try_from(sequence).expect("there are never more sequences than llama.cpp can count")
}
