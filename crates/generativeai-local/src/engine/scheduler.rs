//! Loop of the engine thread: admits requests, composes batches, decodes them, samples tokens.
//!
//! A reply moves between three places: the queue, `running` (with a sequence of the context) and `preempted` (without
//! one). Each round of the loop decodes one batch of replies and one of the embedding, so cancellations, deadlines and
//! new requests are noticed after two batches at most.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use generativeai::{Error, ErrorKind, Result};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{LlamaContextParams, LlamaPoolingType};
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::{DecodeError, LlamaContextLoadError};
use llama_cpp_sys_2::LLAMA_FLASH_ATTN_TYPE_DISABLED;

use crate::error;
use crate::model::{self, Model};

use super::cores::ThreadCount;
use super::embedding::{EMBEDDING_CHUNK, Embedding};
use super::exit;
use super::generation::{Generation, Status};
use super::job::EngineOptions;
use super::kv_cache::{KvCache, sequence_id};
use super::queue::Queue;
use super::work::Work;

/// Maximum number of prompt tokens in a batch. A cancelled request costs at most one batch.
const PREFILL_CHUNK: usize = 128;
/// Maximum number of prompt tokens in a batch while other chats generate, so that a long prompt
/// slows their replies instead of stopping them.
const PREFILL_CHUNK_WHILE_GENERATING: usize = 32;
/// Additional sequences that keep the tokens of finished chats. They share the cells of the context with the chats that
/// are running, so they do not enlarge it.
const CACHED_SEQUENCES: usize = 12;

/// Runs the engine until the queue is closed. Sends the size of the context to `ready`, or the error why it cannot be
/// created.
pub(super) fn run(
    model: &Model,
    options: EngineOptions,
    queue: &Queue<Work>,
    ready: &SyncSender<Result<usize>>,
) {
    let (max_running, cached) = if options.deterministic {
        (1, 0)
    } else {
        (options.chats, CACHED_SEQUENCES)
    };
    let sequences = max_running + cached;
    let size = u32::try_from(sequences).unwrap_or(u32::MAX);
    let params = LlamaContextParams::default().with_n_seq_max(size);
    let context = match new_context(model, options, PREFILL_CHUNK + options.chats, params) {
        Ok(context) => context,
        Err(error) => {
            let what = format!(
                "for a context of {} tokens: use a smaller one",
                options.context
            );
            // `Engine::start` waits for this message; it cannot have dropped the receiver.
            let _ = ready.send(Err(not_enough_memory(&what, error)));
            return;
        }
    };
    // llama.cpp rounds the requested size up to a multiple of 256.
    let _ = ready.send(Ok(context.n_ctx() as usize));
    let reuse = !options.deterministic && model.can_trim_sequences();
    let mut scheduler = Scheduler {
        model,
        options,
        queue,
        cache: KvCache::new(context, sequences, reuse),
        batch: LlamaBatch::new(PREFILL_CHUNK + options.chats, 1),
        max_running,
        running: Vec::new(),
        preempted: VecDeque::new(),
        admission_paused: false,
        embedding: None,
        batches: 0,
        threads: ThreadCount::new(options.threads),
    };
    scheduler.run();
    // The contexts are freed.
    let _guard = exit::guard();
    drop(scheduler);
}

/// Creates a context of the size in `options`, for batches of at most `batch` tokens.
fn new_context(
    model: &Model,
    options: EngineOptions,
    batch: usize,
    params: LlamaContextParams,
) -> Result<LlamaContext<'_>, LlamaContextLoadError> {
    let threads = i32::try_from(options.threads).unwrap_or(i32::MAX);
    let batch = u32::try_from(batch).unwrap_or(u32::MAX);
    let params = params
        .with_n_ctx(NonZeroU32::new(options.context))
        .with_n_batch(batch)
        // llama.cpp allocates compute buffers for a micro-batch, so it is not larger than the largest batch.
        .with_n_ubatch(batch)
        // Sequences share their cells: a common prefix is stored and read once.
        .with_kv_unified(true)
        // On a CPU, flash attention is slower for a few new tokens after a long history, which is the workload
        // of a chat. For 17 tokens after 876, it takes 209 instead of 173 ms (benches/README.md).
        .with_flash_attention_policy(LLAMA_FLASH_ATTN_TYPE_DISABLED)
        .with_n_threads(threads)
        .with_n_threads_batch(threads)
        .with_no_perf(true);
    let backend = model::backend().expect("a loaded model has initialized it");
    let _guard = exit::guard();
    model.raw().new_context(backend, params)
}

fn not_enough_memory(what: &str, error: LlamaContextLoadError) -> Error {
    let message = format!("not enough memory {what}");
    Error::new(ErrorKind::Configuration, message).with_source(error)
}

/// State of the engine thread.
struct Scheduler<'run> {
    model: &'run Model,
    options: EngineOptions,
    queue: &'run Queue<Work>,
    cache: KvCache<'run>,
    /// Buffer that is filled again for each batch.
    batch: LlamaBatch<'static>,
    /// Maximum number of replies in `running`.
    max_running: usize,
    /// Replies with a sequence, oldest first.
    running: Vec<Generation>,
    /// Replies that lost their sequence because the context was full, oldest first. They are admitted before the
    /// requests in the queue.
    preempted: VecDeque<Generation>,
    /// Set by a preemption and cleared when a reply ends: until then, the context is full, and an admitted chat would
    /// be preempted again at once.
    admission_paused: bool,
    /// The embedding that is being computed, and its context. Others wait in the queue.
    embedding: Option<(Embedding, KvCache<'run>)>,
    /// Number of batches composed; rotates which prompt comes first.
    batches: usize,
    threads: ThreadCount,
}

/// Tokens of one reply in a batch.
struct BatchEntry {
    /// Index in `Scheduler::running`.
    reply: usize,
    tokens: usize,
    /// Index of the reply's logits in the batch, if its last token is part of the batch.
    logits_at: Option<i32>,
}

impl Scheduler<'_> {
    fn run(&mut self) {
        while !self.queue.is_closed() {
            // First, so that their places are free for the requests that are admitted next.
            self.drop_cancelled();
            self.admit();
            if let Some((embedding, cache)) = &mut self.embedding {
                embedding.advance(cache, &mut self.batch, &mut self.threads);
            }
            let entries = self.compose();
            if entries.is_empty() {
                if self.embedding.is_some() {
                    continue;
                }
                // Either nothing runs, or every running reply waits for its reader. In the second case requests may be
                // queued without a free place, and waiting for an item would return at once, again and again.
                let open = match self.running.is_empty() {
                    true => self.queue.wait(),
                    false => self.queue.wait_for_notification(self.next_deadline()),
                };
                if !open {
                    return;
                }
                continue;
            }
            match self.cache.decode(&mut self.batch, &mut self.threads) {
                Ok(()) => self.process(&entries),
                Err(DecodeError::NoKvCacheSlot) => self.make_room(),
                Err(error) => self.fail_batch(&entries, &error),
            }
        }
    }

    /// Returns the earliest deadline of a reply or of a request in the queue.
    fn next_deadline(&self) -> Option<Instant> {
        let replies = self.running.iter().chain(&self.preempted);
        let deadlines = replies.filter_map(Generation::deadline);
        deadlines
            .chain(self.queue.next_deadline(Work::deadline))
            .min()
    }

    /// Ends cancelled replies, embeddings and requests, and those whose deadline has passed.
    fn drop_cancelled(&mut self) {
        let now = Instant::now();
        self.queue.retain(|work| !work.is_over(now));
        let over = self
            .embedding
            .take_if(|(embedding, _)| embedding.is_over(now));
        if over.is_some() {
            let _guard = exit::guard();
            drop(over);
        }
        let mut index = 0;
        while let Some(reply) = self.running.get_mut(index) {
            if reply.is_over(now) {
                self.end(index);
            } else {
                index += 1;
            }
        }
        self.preempted.retain_mut(|reply| !reply.is_over(now));
    }

    /// Admits waiting requests, oldest first, while there are free sequences, and one embedding.
    fn admit(&mut self) {
        while let Some(work) = self.next_admissible() {
            match work {
                Work::Reply(mut reply) => {
                    let (sequence, cached) = self
                        .cache
                        .lease(&reply.tokens)
                        .expect("there is a sequence for each reply that may run");
                    reply.assign(sequence, cached);
                    self.running.push(reply);
                }
                Work::Embedding(embedding) => self.start_embedding(embedding),
            }
        }
    }

    /// Returns a preempted reply, or else the oldest request that may start.
    fn next_admissible(&mut self) -> Option<Work> {
        // If nothing runs, no reply will end and clear `admission_paused`, so it does not apply.
        let may_reply = self.running.len() < self.max_running
            && (self.running.is_empty() || !self.admission_paused);
        if may_reply && let Some(reply) = self.preempted.pop_front() {
            return Some(Work::Reply(reply));
        }
        let may_embed = self.embedding.is_none();
        self.queue.pop(|work| match work {
            Work::Reply(_) => may_reply,
            Work::Embedding(_) => may_embed,
        })
    }

    /// Creates the context of an embedding, for its longest text. Fails it if there is not enough memory.
    ///
    /// In the context of the replies, the cells of other sequences would change the last bits of the result.
    fn start_embedding(&mut self, mut embedding: Embedding) {
        let longest = embedding.texts.iter().map(Vec::len).max();
        let longest = longest.unwrap_or_default();
        let options = EngineOptions {
            context: u32::try_from(longest).unwrap_or(u32::MAX),
            ..self.options
        };
        let params = LlamaContextParams::default()
            .with_embeddings(true)
            // llama.cpp pools the states of one batch only.
            .with_pooling_type(LlamaPoolingType::None);
        match new_context(self.model, options, EMBEDDING_CHUNK, params) {
            Ok(context) => self.embedding = Some((embedding, KvCache::new(context, 1, false))),
            Err(error) => {
                let what = format!("to embed a text of {longest} tokens: divide the text");
                embedding.end(Err(not_enough_memory(&what, error)));
            }
        }
    }

    /// Fills the batch: one token of each reply that is being generated, then pieces of prompts.
    ///
    /// Prompts share the tokens of one `PREFILL_CHUNK`, so a long one does not keep a short one waiting. Replies whose
    /// channel is full are left out. The entries are not in the order of `running`.
    fn compose(&mut self) -> Vec<BatchEntry> {
        self.batch.clear();
        self.batches = self.batches.wrapping_add(1);
        let missing = |reply: &Generation| reply.tokens.len() - self.cache.len(reply.sequence);
        let ready = self
            .running
            .iter()
            .enumerate()
            .filter(|(_, reply)| reply.has_capacity())
            .map(|(index, reply)| (index, missing(reply)));
        // A prompt that is cached except for its last token needs one token as well, and starts without delay.
        let (generating, mut prefilling): (Vec<_>, Vec<_>) =
            ready.partition(|&(_, missing)| missing == 1);
        let mut entries: Vec<BatchEntry> = Vec::with_capacity(self.running.len());
        let mut room = if generating.is_empty() {
            PREFILL_CHUNK
        } else {
            PREFILL_CHUNK_WHILE_GENERATING
        };
        for (reply, missing) in generating {
            entries.extend(self.add(reply, missing));
        }
        // Rotate, so that no prompt always gets the larger share of the rounding.
        let first = self.batches % prefilling.len().max(1);
        prefilling.rotate_left(first);
        let mut waiting = prefilling.len();
        for (reply, missing) in prefilling {
            let tokens = missing.min(room.div_ceil(waiting));
            waiting -= 1;
            room -= tokens;
            entries.extend(self.add(reply, tokens));
        }
        entries
    }

    /// Adds the next tokens of a reply to the batch. Returns `None` if there are none.
    fn add(&mut self, index: usize, tokens: usize) -> Option<BatchEntry> {
        let reply = &self.running[index];
        let decoded = self.cache.len(reply.sequence);
        let mut logits_at = None;
        for position in decoded..decoded + tokens {
            // Logits are computed for the last token only: each costs a product with the whole vocabulary.
            let is_last = position + 1 == reply.tokens.len();
            if is_last {
                logits_at = Some(self.batch.n_tokens());
            }
            let token = reply.tokens[position];
            let position = i32::try_from(position).expect("a context has fewer than 2^31 tokens");
            self.batch
                .add(token, position, &[sequence_id(reply.sequence)], is_last)
                .expect("the batch is sized for a prefill chunk and a token of every chat");
        }
        (tokens > 0).then_some(BatchEntry {
            reply: index,
            tokens,
            logits_at,
        })
    }

    /// Records the decoded tokens and samples the next token of each reply that has logits.
    fn process(&mut self, entries: &[BatchEntry]) {
        let mut finished = Vec::new();
        for entry in entries {
            let reply = &mut self.running[entry.reply];
            let start = self.cache.len(reply.sequence);
            self.cache
                .extend(reply.sequence, &reply.tokens[start..start + entry.tokens]);
            let Some(index) = entry.logits_at else {
                continue;
            };
            if reply.advance(self.model, self.cache.logits(index)) == Status::Finished {
                finished.push(entry.reply);
            }
        }
        // From the back, since removing a reply shifts the indexes after it.
        finished.sort_unstable();
        for index in finished.into_iter().rev() {
            self.end(index);
        }
    }

    /// Removes a reply; its tokens stay cached.
    fn end(&mut self, index: usize) {
        let reply = self.running.remove(index);
        self.cache.release(reply.sequence);
        self.admission_paused = false;
    }

    /// Frees cells of the context: evicts a cached sequence, or else preempts the youngest reply.
    ///
    /// The batch was not decoded, and the next round of the loop composes it again. The oldest replies keep their
    /// cells, so at least one of them can finish and free its cells for the others.
    fn make_room(&mut self) {
        if self.cache.evict() {
            return;
        }
        let Some(mut youngest) = self.running.pop() else {
            return;
        };
        self.cache.clear(youngest.sequence);
        // A reply is never longer than the context, so this should not happen. Preempting it would loop forever.
        if self.running.is_empty() {
            youngest.fail(error::internal("the context has no room for a single chat"));
            return;
        }
        self.admission_paused = true;
        self.preempted.push_front(youngest);
    }

    /// Fails the replies of a batch that llama.cpp could not decode, and clears their sequences,
    /// which are in an unknown state.
    fn fail_batch(&mut self, entries: &[BatchEntry], error: &dyn std::fmt::Display) {
        let mut failed: Vec<usize> = entries.iter().map(|entry| entry.reply).collect();
        // From the back, since removing a reply shifts the indexes after it.
        failed.sort_unstable();
        for index in failed.into_iter().rev() {
            let mut reply = self.running.remove(index);
            reply.fail(error::internal(format!(
                "llama.cpp failed to decode a batch: {error}"
            )));
            self.cache.clear(reply.sequence);
        }
        self.admission_paused = false;
    }
}
