//! What the context remembers: which tokens stand in which sequence, and which to give a request.

use llama_cpp_2::token::LlamaToken;

/// The mirror of the context's memory: the tokens of every sequence, in order.
///
/// Invariant: a sequence here holds exactly the tokens that the context holds for it. Whoever
/// changes the one changes the other.
#[derive(Debug)]
pub(super) struct Sequences {
    slots: Vec<Slot>,
    clock: u64,
    reuse: bool,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    tokens: Vec<LlamaToken>,
    used: u64,
    busy: bool,
}

/// A sequence given to a request, and how to make it ready.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lease {
    /// The sequence the request may write to.
    pub(super) sequence: usize,
    /// How many tokens of the prompt it holds once it is ready.
    pub(super) kept: usize,
    /// Another sequence whose first `kept` tokens are to be copied; else the own ones are kept.
    pub(super) copy_from: Option<usize>,
}

impl Sequences {
    /// `reuse` is whether a prefix may be given to another prompt.
    pub(super) fn new(count: usize, reuse: bool) -> Self {
        Self {
            slots: vec![Slot::default(); count],
            clock: 0,
            reuse,
        }
    }

    /// How many tokens stand in a sequence.
    pub(super) fn len(&self, sequence: usize) -> usize {
        self.slots[sequence].tokens.len()
    }

    /// Gives a prompt the sequence that spares it most, or `None` while all are busy.
    ///
    /// An idle sequence is taken over when it holds nothing but a prefix of the prompt, or when
    /// nothing else is to be had; otherwise its prefix is copied, so that both ways of going on
    /// stay remembered. At least one token of the prompt is left to decode.
    pub(super) fn lease(&mut self, prompt: &[LlamaToken]) -> Option<Lease> {
        let (source, common) = self.longest_prefix(prompt);
        let lease = match source {
            Some(source) if !self.slots[source].busy && self.len(source) == common => Lease {
                sequence: source,
                kept: common,
                copy_from: None,
            },
            _ => {
                let sequence = self.least_missed()?;
                let copy_from = source.filter(|&source| source != sequence);
                Lease {
                    sequence,
                    kept: common,
                    copy_from,
                }
            }
        };
        let lease = Lease {
            kept: lease.kept.min(prompt.len().saturating_sub(1)),
            ..lease
        };
        let slot = &mut self.slots[lease.sequence];
        slot.busy = true;
        slot.tokens.clear();
        slot.tokens.extend_from_slice(&prompt[..lease.kept]);
        Some(lease)
    }

    /// Notes tokens that the context has taken into a sequence.
    pub(super) fn extend(&mut self, sequence: usize, tokens: &[LlamaToken]) {
        self.slots[sequence].tokens.extend_from_slice(tokens);
    }

    /// Notes that the context holds but the first tokens of a sequence.
    pub(super) fn shorten(&mut self, sequence: usize, length: usize) {
        self.slots[sequence].tokens.truncate(length);
    }

    /// Gives a sequence back; what it holds stays remembered until its room is needed.
    pub(super) fn release(&mut self, sequence: usize) {
        self.clock += 1;
        let slot = &mut self.slots[sequence];
        slot.busy = false;
        slot.used = self.clock;
    }

    /// Forgets a sequence.
    pub(super) fn forget(&mut self, sequence: usize) {
        self.slots[sequence] = Slot::default();
    }

    /// Whether more than so many tokens are remembered, and not all in the sequence used last.
    pub(super) fn remembers_others_beside(&self, most: usize) -> bool {
        let lengths = self
            .idle()
            .map(|sequence| self.len(sequence))
            .filter(|&length| length > 0);
        lengths.clone().count() > 1 && lengths.sum::<usize>() > most
    }

    /// Forgets the idle sequence that was used longest ago, and names it.
    pub(super) fn evict(&mut self) -> Option<usize> {
        let oldest = self
            .idle()
            .filter(|&i| self.len(i) > 0)
            .min_by_key(|&i| self.slots[i].used)?;
        self.forget(oldest);
        Some(oldest)
    }

    fn idle(&self) -> impl Iterator<Item = usize> + Clone {
        (0..self.slots.len()).filter(|&i| !self.slots[i].busy)
    }

    fn least_missed(&self) -> Option<usize> {
        self.idle()
            .min_by_key(|&i| (self.len(i) > 0, self.slots[i].used))
    }

    /// The sequence with the longest common prefix, an idle and short one where they are equal.
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
        let best = (0..self.slots.len())
            .map(|i| (i, common(&self.slots[i])))
            .filter(|&(_, common)| common > 0)
            .max_by_key(|&(i, common)| (common, !self.slots[i].busy, usize::MAX - self.len(i)));
        best.map_or((None, 0), |(i, common)| (Some(i), common))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(ids: &[i32]) -> Vec<LlamaToken> {
        ids.iter().copied().map(LlamaToken::new).collect()
    }

    fn remembering(count: usize, held: &[&[i32]]) -> Sequences {
        let mut sequences = Sequences::new(count, true);
        for held in held {
            let sequence = sequences.least_missed().expect("a free one");
            sequences.extend(sequence, &tokens(held));
            sequences.release(sequence);
        }
        sequences
    }

    #[test]
    fn the_next_turn_takes_over_the_sequence_of_the_last() {
        let mut sequences = remembering(3, &[&[1, 2, 3], &[9, 9]]);

        let lease = sequences.lease(&tokens(&[1, 2, 3, 4, 5])).unwrap();

        assert_eq!(
            lease,
            Lease {
                sequence: 0,
                kept: 3,
                copy_from: None
            }
        );
        assert_eq!(sequences.len(0), 3);
    }

    #[test]
    fn a_fork_copies_the_prefix_and_leaves_the_other_branch() {
        let mut sequences = remembering(3, &[&[1, 2, 3, 4]]);

        let lease = sequences.lease(&tokens(&[1, 2, 7, 8])).unwrap();

        assert_eq!(
            lease,
            Lease {
                sequence: 1,
                kept: 2,
                copy_from: Some(0)
            }
        );
        assert_eq!(sequences.len(0), 4);
    }

    #[test]
    fn a_running_chat_lends_its_prefix() {
        let mut sequences = Sequences::new(2, true);
        let first = sequences.lease(&tokens(&[1, 2, 3])).unwrap();
        sequences.extend(first.sequence, &tokens(&[1, 2, 3]));

        let second = sequences.lease(&tokens(&[1, 2, 3, 4])).unwrap();

        assert_eq!(
            second,
            Lease {
                sequence: 1,
                kept: 3,
                copy_from: Some(0)
            }
        );
    }

    #[test]
    fn the_whole_prompt_remembered_still_leaves_a_token_to_decode() {
        let mut sequences = remembering(2, &[&[1, 2, 3]]);

        let lease = sequences.lease(&tokens(&[1, 2, 3])).unwrap();

        assert_eq!((lease.kept, sequences.len(lease.sequence)), (2, 2));
    }

    #[test]
    fn with_all_sequences_full_the_one_used_longest_ago_makes_room() {
        let mut sequences = remembering(2, &[&[1], &[2]]);

        assert_eq!(sequences.lease(&tokens(&[3, 4])).unwrap().sequence, 0);
        assert_eq!(sequences.evict(), Some(1));
        assert_eq!(sequences.evict(), None);
    }

    #[test]
    fn without_reuse_nothing_is_kept() {
        let mut sequences = Sequences::new(2, false);
        sequences.extend(0, &tokens(&[1, 2]));
        sequences.release(0);

        assert_eq!(sequences.lease(&tokens(&[1, 2, 3])).unwrap().kept, 0);
    }

    #[test]
    fn the_sequence_used_last_is_remembered_however_long_it_is() {
        let sequences = remembering(2, &[&[1, 2, 3]]);
        assert!(!sequences.remembers_others_beside(2));

        let sequences = remembering(2, &[&[1, 2, 3], &[4]]);
        assert!(sequences.remembers_others_beside(3));
        assert!(!sequences.remembers_others_beside(4));
    }

    #[test]
    fn nothing_is_given_while_all_are_busy() {
        let mut sequences = Sequences::new(1, true);
        sequences.lease(&tokens(&[1])).unwrap();

        assert_eq!(sequences.lease(&tokens(&[1, 2])), None);
    }
}
