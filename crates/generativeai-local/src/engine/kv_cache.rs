//! llama.cpp's context and its key-value cache: decodes batches, and copies, trims and frees sequences.
//!
//! A cell of the cache holds the keys and values of one token, and may belong to several sequences. The context has one
//! pool of cells for all sequences.

use std::ptr;

use llama_cpp_2::DecodeError;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;

use super::cores::ThreadCount;
use super::exit;
use super::prefix_cache::{Lease, PrefixCache};

/// The context, and the bookkeeping of the tokens that it holds.
///
/// Invariant: `prefixes` lists exactly the tokens of each sequence of the context. Every method that
/// changes one changes the other.
pub(super) struct KvCache<'model> {
    context: LlamaContext<'model>,
    prefixes: PrefixCache,
    /// Whether the tokens of a finished reply stay for the next prompt.
    reuse: bool,
    /// Number of threads set last; 0 before the first call.
    threads: i32,
}

impl<'model> KvCache<'model> {
    /// Wraps a context whose sequences are all empty.
    pub(super) fn new(context: LlamaContext<'model>, sequences: usize, reuse: bool) -> Self {
        exit::register();
        if let Some(context) = raw(&context) {
            #[expect(unsafe_code, reason = "llama-cpp-2 has no function for it")]
            // SAFETY: the context exists, and the callback does not use its data.
            unsafe {
                llama_cpp_sys_2::llama_set_abort_callback(
                    context,
                    Some(exit::is_exiting),
                    ptr::null_mut(),
                );
            }
        }
        Self {
            context,
            prefixes: PrefixCache::new(sequences, reuse),
            reuse,
            threads: 0,
        }
    }

    /// Leases a sequence for a prompt. Returns it with the number of prompt tokens that it already
    /// holds, or `None` while all sequences are in use.
    pub(super) fn lease(&mut self, prompt: &[LlamaToken]) -> Option<(usize, usize)> {
        let Lease {
            sequence,
            cached,
            copy_from,
        } = self.prefixes.lease(prompt)?;
        let prepared = match copy_from {
            Some(source) => self.copy(source, sequence, cached),
            // At least the last token of the prompt is removed, if the sequence holds all of it.
            None => self.trim(sequence, cached),
        };
        if prepared {
            return Some((sequence, cached));
        }
        // Recurrent architectures cannot remove a part of a sequence. `reuse` is off for those that llama.cpp reports,
        // so this covers the others: start with an empty sequence.
        self.trim(sequence, 0);
        self.prefixes.truncate(sequence, 0);
        Some((sequence, 0))
    }

    /// Returns the number of tokens that a sequence holds.
    pub(super) fn len(&self, sequence: usize) -> usize {
        self.prefixes.len(sequence)
    }

    /// Sets the number of threads for the next batches.
    fn set_threads(&mut self, threads: usize) {
        let Ok(threads) = i32::try_from(threads) else {
            return;
        };
        // Called before each batch. `raw` formats and parses text, so it runs only for a change.
        if threads == self.threads {
            return;
        }
        if let Some(context) = raw(&self.context) {
            #[expect(unsafe_code, reason = "llama-cpp-2 has no function for it")]
            // SAFETY: this struct owns the context of the pointer, and no batch is being decoded.
            unsafe {
                llama_cpp_sys_2::llama_set_n_threads(context, threads, threads);
            }
        }
        self.threads = threads;
    }

    /// Decodes a batch. The caller reports its tokens with [`extend`](Self::extend) afterwards.
    ///
    /// # Errors
    ///
    /// `NoKvCacheSlot` if the cache has no free cells for the tokens of the batch: nothing has changed.
    pub(super) fn decode(
        &mut self,
        batch: &mut LlamaBatch<'_>,
        threads: &mut ThreadCount,
    ) -> Result<(), DecodeError> {
        self.set_threads(threads.next());
        let running = ThreadCount::start();
        let _guard = exit::guard();
        let decoded = self.context.decode(batch);
        threads.end(&running);
        decoded
    }

    /// Records tokens of a decoded batch as part of a sequence.
    pub(super) fn extend(&mut self, sequence: usize, tokens: &[LlamaToken]) {
        self.prefixes.extend(sequence, tokens);
    }

    /// Returns the logits after the token at `index` of the batch decoded last: one number for each token of the
    /// vocabulary, the higher the more probable.
    ///
    /// # Panics
    ///
    /// The batch did not request logits for this token.
    pub(super) fn logits(&self, index: i32) -> &[f32] {
        self.context.get_logits_ith(index)
    }

    /// Returns the state of the model after the token at `index` of the batch decoded last.
    ///
    /// # Panics
    ///
    /// The context was not created for embeddings.
    pub(super) fn state(&self, index: i32) -> &[f32] {
        let state = self.context.embeddings_ith(index);
        state.expect("the context computes embeddings")
    }

    /// Ends a lease. The tokens stay cached until their cells are needed.
    pub(super) fn release(&mut self, sequence: usize) {
        if !self.reuse {
            return self.clear(sequence);
        }
        self.prefixes.release(sequence);
        // Attention scans all used cells, also those of other sequences, so cached ones slow every running chat a
        // little: keep at most half of the context.
        let limit = self.context.n_ctx() as usize / 2;
        while self.prefixes.exceeds(limit) {
            self.evict();
        }
    }

    /// Ends a lease and drops the tokens of the sequence.
    pub(super) fn clear(&mut self, sequence: usize) {
        self.trim(sequence, 0);
        self.prefixes.clear(sequence);
    }

    /// Evicts the least recently used idle sequence. Returns `false` if no idle sequence holds tokens.
    pub(super) fn evict(&mut self) -> bool {
        let evicted = self.prefixes.evict();
        if let Some(sequence) = evicted {
            self.trim(sequence, 0);
        }
        evicted.is_some()
    }

    /// Replaces a sequence by the first `length` tokens of another. They share their cells, so nothing is computed
    /// again. Returns `false` if the architecture cannot do it.
    fn copy(&mut self, source: usize, sequence: usize, length: usize) -> bool {
        // llama.cpp adds the copied cells to the sequence, which may still hold an evicted chat.
        self.trim(sequence, 0);
        let end = u32::try_from(length).ok();
        self.context
            .kv_cache_seq_cp(sequence_id(source), sequence_id(sequence), Some(0), end)
            .is_ok()
    }

    /// Removes all tokens of a sequence after the first `length`. A cell is freed once no sequence has it. Returns
    /// `false` if the architecture cannot do it: a recurrent state contains all earlier tokens at once.
    fn trim(&mut self, sequence: usize, length: usize) -> bool {
        let from = u32::try_from(length).ok();
        self.context
            .kv_cache_seq_rm(sequence_id(sequence), from, None)
            .is_ok()
    }
}

/// Converts the index of a sequence to llama.cpp's type.
pub(super) fn sequence_id(sequence: usize) -> i32 {
    i32::try_from(sequence).expect("the builder allows at most 64 chats")
}

/// Returns the pointer of a context. llama-cpp-2 has no accessor for it, but prints it in `Debug`:
/// `LlamaContext { context: 0x7f… }`. Returns `None` if that form changes; the number of threads is then fixed.
fn raw(context: &LlamaContext<'_>) -> Option<*mut llama_cpp_sys_2::llama_context> {
    let shown = format!("{context:?}");
    let (_, address) = shown.split_once("context: 0x")?;
    let end = address
        .find(|c: char| !c.is_ascii_hexdigit())
        .unwrap_or(address.len());
    let address = usize::from_str_radix(&address[..end], 16).ok()?;
    (address != 0).then(|| ptr::with_exposed_provenance_mut(address))
}
