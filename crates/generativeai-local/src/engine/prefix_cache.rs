//! Bookkeeping of the tokens in each sequence: picks the sequence for a prompt and the one to evict.
//!
//! A chat sends its whole history with each request, and most of it was evaluated for the last one. A prefix of equal
//! tokens has equal keys and values, so only the tokens after the longest cached prefix must be decoded.

use llama_cpp_2::token::LlamaToken;

/// Tokens of every sequence of the context, in order. Makes no calls to llama.cpp.
#[derive(Debug)]
pub(super) struct PrefixCache {
    slots: Vec<Slot>,
    /// Counts releases, to find the least recently used slot.
    clock: u64,
    reuse: bool,
}

/// State of one sequence.
#[derive(Clone, Debug, Default)]
struct Slot {
    tokens: Vec<LlamaToken>,
    /// Value of the clock when the slot was last released.
    last_used: u64,
    /// Whether a reply uses the sequence. Others may copy a prefix of it meanwhile, but not evict it.
    leased: bool,
}

/// A sequence leased to a request, and how to prepare it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lease {
    /// Sequence that the request writes to.
    pub(super) sequence: usize,
    /// Number of prompt tokens that the sequence holds once it is prepared.
    pub(super) cached: usize,
    /// Sequence whose first `cached` tokens must be copied; `None` to trim `sequence` to them.
    pub(super) copy_from: Option<usize>,
}

impl PrefixCache {
    /// Creates `count` empty sequences. With `reuse` off, no prefix is ever shared.
    pub(super) fn new(count: usize, reuse: bool) -> Self {
        Self {
            slots: vec![Slot::default(); count],
            clock: 0,
            reuse,
        }
    }

    /// Returns the number of tokens in a sequence.
    pub(super) fn len(&self, sequence: usize) -> usize {
        self.slots[sequence].tokens.len()
    }

    /// Leases the sequence that shares the longest prefix with the prompt; `None` if all are leased.
    ///
    /// An idle sequence is reused in place if it holds nothing but a prefix of the prompt. Otherwise
    /// the common prefix is copied, so that both branches of a forked conversation stay cached. At
    /// least one token of the prompt is left to decode, because decoding it produces the logits.
    pub(super) fn lease(&mut self, prompt: &[LlamaToken]) -> Option<Lease> {
        let (source, common) = self.longest_prefix(prompt);
        let cached = common.min(prompt.len().saturating_sub(1));
        let (sequence, copy_from) = match source {
            Some(source) if !self.slots[source].leased && self.len(source) == common => {
                (source, None)
            }
            _ => {
                let sequence = self.least_recently_used()?;
                // If the source is itself the one to give up, its prefix stays in place and the rest is trimmed.
                (sequence, source.filter(|&source| source != sequence))
            }
        };
        // Recorded in advance: the caller copies or trims the sequence to these tokens.
        let slot = &mut self.slots[sequence];
        slot.leased = true;
        slot.tokens.clear();
        slot.tokens.extend_from_slice(&prompt[..cached]);
        Some(Lease {
            sequence,
            cached,
            copy_from,
        })
    }

    /// Appends decoded tokens to a sequence.
    pub(super) fn extend(&mut self, sequence: usize, tokens: &[LlamaToken]) {
        self.slots[sequence].tokens.extend_from_slice(tokens);
    }

    /// Drops all tokens of a sequence but the first `length`.
    pub(super) fn truncate(&mut self, sequence: usize, length: usize) {
        self.slots[sequence].tokens.truncate(length);
    }

    /// Ends a lease; the tokens stay cached.
    pub(super) fn release(&mut self, sequence: usize) {
        self.clock += 1;
        let slot = &mut self.slots[sequence];
        slot.leased = false;
        slot.last_used = self.clock;
    }

    /// Ends a lease and drops the tokens.
    pub(super) fn clear(&mut self, sequence: usize) {
        self.slots[sequence] = Slot::default();
    }

    /// Returns whether idle sequences hold more than `limit` tokens, so that one should be evicted.
    ///
    /// The result is `false` for a single sequence, whatever its length: it is the one used last, which the next turn
    /// of its chat needs.
    pub(super) fn exceeds(&self, limit: usize) -> bool {
        let lengths = self
            .idle()
            .map(|sequence| self.len(sequence))
            .filter(|&length| length > 0);
        lengths.clone().count() > 1 && lengths.sum::<usize>() > limit
    }

    /// Clears the least recently used idle sequence, and returns it.
    pub(super) fn evict(&mut self) -> Option<usize> {
        let oldest = self
            .idle()
            .filter(|&sequence| self.len(sequence) > 0)
            .min_by_key(|&sequence| self.slots[sequence].last_used)?;
        self.clear(oldest);
        Some(oldest)
    }

    /// Returns the sequences that no reply uses.
    fn idle(&self) -> impl Iterator<Item = usize> + Clone {
        (0..self.slots.len()).filter(|&sequence| !self.slots[sequence].leased)
    }

    /// Returns an empty idle sequence, or the least recently used one.
    fn least_recently_used(&self) -> Option<usize> {
        self.idle()
            .min_by_key(|&sequence| (self.len(sequence) > 0, self.slots[sequence].last_used))
    }

    /// Returns the sequence with the longest common prefix, and the length of the prefix. Of equally long prefixes,
    /// that of an idle and short sequence wins, since it can be reused in place.
    fn longest_prefix(&self, prompt: &[LlamaToken]) -> (Option<usize>, usize) {
        if !self.reuse {
            return (None, 0);
        }
        let common = |slot: &Slot| {
            slot.tokens
                .iter()
                .zip(prompt)
                .take_while(|(a, b)| a == b)
                .count()
        };
        (0..self.slots.len())
            .map(|sequence| (sequence, common(&self.slots[sequence])))
            .filter(|&(_, common)| common > 0)
            .max_by_key(|&(sequence, common)| {
                let idle = !self.slots[sequence].leased;
                (common, idle, usize::MAX - self.len(sequence))
            })
            .map_or((None, 0), |(sequence, common)| (Some(sequence), common))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(ids: &[i32]) -> Vec<LlamaToken> {
        ids.iter().copied().map(LlamaToken::new).collect()
    }

    fn caching(count: usize, prompts: &[&[i32]]) -> PrefixCache {
        let mut cache = PrefixCache::new(count, true);
        for prompt in prompts {
            let sequence = cache.least_recently_used().expect("a free sequence");
            cache.extend(sequence, &tokens(prompt));
            cache.release(sequence);
        }
        cache
    }

    /// Leases a sequence. Returns it, the number of cached tokens, and the sequence to copy them from.
    fn lease(cache: &mut PrefixCache, prompt: &[i32]) -> (usize, usize, Option<usize>) {
        let lease = cache.lease(&tokens(prompt)).expect("a free sequence");
        (lease.sequence, lease.cached, lease.copy_from)
    }

    #[test]
    fn the_next_turn_reuses_the_sequence_of_the_last_one() {
        let mut cache = caching(3, &[&[1, 2, 3], &[9, 9]]);

        assert_eq!(lease(&mut cache, &[1, 2, 3, 4, 5]), (0, 3, None));
        assert_eq!(cache.len(0), 3);
    }

    #[test]
    fn a_fork_copies_the_prefix_and_keeps_the_other_branch() {
        let mut cache = caching(3, &[&[1, 2, 3, 4]]);

        assert_eq!(lease(&mut cache, &[1, 2, 7, 8]), (1, 2, Some(0)));
        assert_eq!(cache.len(0), 4);
    }

    #[test]
    fn a_running_chat_shares_its_prefix() {
        let mut cache = PrefixCache::new(2, true);
        let (first, ..) = lease(&mut cache, &[1, 2, 3]);
        cache.extend(first, &tokens(&[1, 2, 3]));

        assert_eq!(lease(&mut cache, &[1, 2, 3, 4]), (1, 3, Some(0)));
    }

    #[test]
    fn a_fully_cached_prompt_leaves_one_token_to_decode() {
        let mut cache = caching(2, &[&[1, 2, 3]]);

        let (sequence, cached, _) = lease(&mut cache, &[1, 2, 3]);

        assert_eq!((cached, cache.len(sequence)), (2, 2));
    }

    #[test]
    fn the_least_recently_used_sequence_is_evicted() {
        let mut cache = caching(2, &[&[1], &[2]]);

        assert_eq!(lease(&mut cache, &[3, 4]).0, 0);
        assert_eq!(cache.evict(), Some(1));
        assert_eq!(cache.evict(), None);
    }

    #[test]
    fn without_reuse_no_prefix_is_shared() {
        let mut cache = PrefixCache::new(2, false);
        cache.extend(0, &tokens(&[1, 2]));
        cache.release(0);

        assert_eq!(lease(&mut cache, &[1, 2, 3]).1, 0);
    }

    #[test]
    fn the_sequence_used_last_stays_cached_whatever_its_length() {
        let cache = caching(2, &[&[1, 2, 3]]);
        assert!(!cache.exceeds(2));

        let cache = caching(2, &[&[1, 2, 3], &[4]]);
        assert!(cache.exceeds(3));
        assert!(!cache.exceeds(4));
    }

    #[test]
    fn no_sequence_is_leased_while_all_are_in_use() {
        let mut cache = PrefixCache::new(1, true);
        lease(&mut cache, &[1]);

        assert_eq!(cache.lease(&tokens(&[1, 2])), None);
    }
}
