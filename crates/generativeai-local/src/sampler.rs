//! Samples the next token from the logits of a model.
//!
//! A logit is an unnormalized log-probability: the model returns one for each token of its vocabulary.
//!
//! A new parameter is a field of [`Sampling`], which `request/config.rs` sets and [`Sampler`] applies. If programs may
//! set its default, it is also in [`Builder::sampling`](crate::Builder::sampling) and in `with_defaults` of `local.rs`.
//! If `GenerationConfig` has no field for it, `request/unsupported.rs` must not report it as unknown.

use std::collections::HashMap;

use fastrand::Rng;
use llama_cpp_2::token::LlamaToken;
use toktrie::SimpleVob;

/// Sampling settings of one reply, applied in the order penalties, top-k, top-p, temperature.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sampling {
    /// Divisor of the logits. 0 always takes the most probable token.
    pub(crate) temperature: f32,
    /// Sum of probabilities: the most probable tokens that reach it are kept. 1 keeps all.
    pub(crate) top_p: f32,
    /// Number of most probable tokens that are kept. 0 keeps all.
    pub(crate) top_k: usize,
    /// Number that is subtracted from the logit of every token that the reply already contains.
    pub(crate) presence_penalty: f32,
    /// Number that is subtracted from the logit of a token for each time that the reply contains it.
    pub(crate) frequency_penalty: f32,
    /// Seed of the random numbers. Equal seeds give equal replies within a version of the crate.
    pub(crate) seed: u64,
    /// Number of alternatives to report with each token; `None` reports no log-probabilities.
    pub(crate) logprobs: Option<usize>,
}

/// A sampled token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Choice {
    pub(crate) token: LlamaToken,
    /// Log-probability of the token, and the most probable tokens with theirs. Both come from the
    /// unmodified logits.
    pub(crate) logprobs: Option<(f32, Vec<(LlamaToken, f32)>)>,
}

/// Sampler of one reply.
#[derive(Debug)]
pub(crate) struct Sampler {
    sampling: Sampling,
    rng: Rng,
    /// Number of times each token was sampled.
    counts: HashMap<i32, u32>,
    /// Buffer that is reused for every token: a vocabulary may have more than 100,000 entries.
    candidates: Vec<Candidate>,
}

/// A token that may be sampled.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    token: i32,
    /// Logit, with penalties applied.
    logit: f32,
}

impl Sampler {
    pub(crate) fn new(sampling: Sampling) -> Self {
        let rng = Rng::with_seed(sampling.seed);
        Self {
            sampling,
            rng,
            counts: HashMap::new(),
            candidates: Vec::new(),
        }
    }

    /// Samples one of the allowed tokens; `None` if no allowed token has a finite logit.
    pub(crate) fn sample(&mut self, logits: &[f32], allowed: &SimpleVob) -> Option<Choice> {
        self.collect_candidates(logits, allowed);
        let token = self.pick()?;
        *self.counts.entry(token).or_default() += 1;
        let logprobs = self
            .sampling
            .logprobs
            .map(|count| log_probabilities(logits, token, count));
        Some(Choice {
            token: LlamaToken::new(token),
            logprobs,
        })
    }

    /// Fills `candidates` with the allowed tokens, penalties applied, most probable first, at most
    /// `top_k`.
    fn collect_candidates(&mut self, logits: &[f32], allowed: &SimpleVob) {
        let all = (0i32..)
            .zip(logits)
            .map(|(token, &logit)| Candidate { token, logit });
        // The comparison also excludes NaN, which would spoil the sums of probabilities.
        let possible = all.filter(|candidate| candidate.logit > f32::NEG_INFINITY);
        let allowed =
            possible.filter(|candidate| allowed.is_allowed(candidate.token.cast_unsigned()));
        let (presence, frequency) = (
            self.sampling.presence_penalty,
            self.sampling.frequency_penalty,
        );
        // With one candidate, `pick` returns before it divides by the temperature.
        let top_k = if self.sampling.temperature == 0.0 {
            1
        } else {
            self.sampling.top_k
        };
        // The usual case, without a look-up in the map for each token of the vocabulary.
        if presence == 0.0 && frequency == 0.0 {
            return keep_most_probable(allowed, top_k, &mut self.candidates);
        }
        let counts = &self.counts;
        let penalized = allowed.map(|candidate| match counts.get(&candidate.token) {
            Some(&count) => {
                let logit = candidate.logit - presence - frequency * count as f32;
                Candidate { logit, ..candidate }
            }
            None => candidate,
        });
        keep_most_probable(penalized, top_k, &mut self.candidates);
    }

    /// Picks one of the candidates at random, by their probabilities after top-p and temperature.
    fn pick(&mut self) -> Option<i32> {
        let best = *self.candidates.first()?;
        if self.candidates.len() == 1 {
            return Some(best.token);
        }
        self.apply_top_p();
        let temperature = self.sampling.temperature;
        // Relative to the best candidate, so that `exp` returns at most 1 and cannot overflow.
        let weight = |candidate: &Candidate| ((candidate.logit - best.logit) / temperature).exp();
        let total: f32 = self.candidates.iter().map(weight).sum();
        let mut remaining = self.rng.f32() * total;
        let picked = self.candidates.iter().find(|candidate| {
            remaining -= weight(candidate);
            remaining < 0.0
        });
        // Rounding may leave a remainder after the last candidate.
        Some(picked.map_or(best.token, |candidate| candidate.token))
    }

    /// Keeps the most probable candidates whose probabilities add up to `top_p`; at least one.
    fn apply_top_p(&mut self) {
        let (top_p, Some(best)) = (self.sampling.top_p, self.candidates.first()) else {
            return;
        };
        if top_p >= 1.0 {
            return;
        }
        let best = best.logit;
        let weight = |candidate: &Candidate| (candidate.logit - best).exp();
        let threshold = top_p * self.candidates.iter().map(weight).sum::<f32>();
        let mut sum = 0.0;
        let reached = self.candidates.iter().position(|candidate| {
            sum += weight(candidate);
            sum >= threshold
        });
        self.candidates
            .truncate(reached.map_or(self.candidates.len(), |at| at + 1));
    }
}

/// Maximum number of candidates that are kept by insertion, which takes quadratic time.
const MAX_INSERTED: usize = 256;

/// Fills `into` with the `count` most probable candidates, in order; with all of them if `count` is 0.
fn keep_most_probable(
    all: impl Iterator<Item = Candidate>,
    count: usize,
    into: &mut Vec<Candidate>,
) {
    into.clear();
    if count == 0 || count > MAX_INSERTED {
        into.extend(all);
        if count > 0 && count < into.len() {
            into.select_nth_unstable_by(count, by_probability);
            into.truncate(count);
        }
        into.sort_unstable_by(by_probability);
        return;
    }
    // Insertion into a short sorted list instead of sorting the whole vocabulary: with a usual `top_k`
    // of 40, one comparison rejects nearly every token. Tokens arrive in ascending order, so that one with the
    // logit of the last entry would be sorted after it, and `>` suffices.
    for candidate in all {
        if into.len() < count || into.last().is_some_and(|last| candidate.logit > last.logit) {
            let at = into.partition_point(|other| by_probability(other, &candidate).is_le());
            into.insert(at, candidate);
            into.truncate(count);
        }
    }
}

/// Orders candidates by probability. Ties are broken by token, so that the order is deterministic.
fn by_probability(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    b.logit.total_cmp(&a.logit).then(a.token.cmp(&b.token))
}

/// Returns the log-probability of a token, and the `count` most probable tokens with theirs.
fn log_probabilities(logits: &[f32], token: i32, count: usize) -> (f32, Vec<(LlamaToken, f32)>) {
    // Relative to the best logit, so that `exp` cannot overflow; in 64 bits, since the whole vocabulary is summed.
    let best = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits
        .iter()
        .map(|logit| f64::from((logit - best).exp()))
        .sum();
    let log_sum = best + sum.ln() as f32;
    let own = usize::try_from(token).map_or(f32::NEG_INFINITY, |token| logits[token]);
    let mut top = Vec::new();
    if count > 0 {
        let all = (0i32..)
            .zip(logits)
            .map(|(token, &logit)| Candidate { token, logit });
        keep_most_probable(all, count, &mut top);
    }
    let top = top
        .into_iter()
        .map(|candidate| {
            let probability = candidate.logit - log_sum;
            (LlamaToken::new(candidate.token), probability)
        })
        .collect();
    (own - log_sum, top)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 5] = [1.0, 3.0, 2.0, f32::NEG_INFINITY, 0.0];

    fn sampling() -> Sampling {
        Sampling {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            seed: 7,
            logprobs: None,
        }
    }

    fn all() -> SimpleVob {
        let mut all = SimpleVob::alloc(LOGITS.len());
        all.set_all(true);
        all
    }

    /// Returns the tokens that are sampled with changed settings.
    fn choices(change: impl FnOnce(&mut Sampling), count: usize) -> Vec<i32> {
        let mut sampling = sampling();
        change(&mut sampling);
        let mut sampler = Sampler::new(sampling);
        let sample = |_| sampler.sample(&LOGITS, &all()).unwrap().token.0;
        (0..count).map(sample).collect()
    }

    #[test]
    fn temperature_zero_takes_the_most_probable_token() {
        assert_eq!(choices(|it| it.temperature = 0.0, 3), [1, 1, 1]);
    }

    #[test]
    fn equal_seeds_give_equal_sequences() {
        let first = choices(|_| {}, 50);

        assert_eq!(choices(|_| {}, 50), first);
        assert_ne!(choices(|it| it.seed = 8, 50), first);
    }

    #[test]
    fn samples_follow_the_probabilities() {
        let chosen = choices(|_| {}, 20_000);
        let share = |token| chosen.iter().filter(|&&one| one == token).count() as f64 / 20_000.0;

        let weights = LOGITS.map(|logit| f64::from(logit).exp());
        for (token, weight) in (0..).zip(weights) {
            let expected = weight / weights.iter().sum::<f64>();
            assert!(
                (share(token) - expected).abs() < 0.01,
                "{token}: {} {expected}",
                share(token)
            );
        }
    }

    #[test]
    fn top_k_and_top_p_keep_the_most_probable_tokens() {
        let top_k = choices(|it| it.top_k = 2, 200);
        let top_p = choices(|it| it.top_p = 0.7, 200);
        let least = choices(|it| it.top_p = 0.0, 50);

        assert!(top_k.iter().all(|token| [1, 2].contains(token)) && top_k.contains(&2));
        assert!(top_p.iter().all(|token| [1, 2].contains(token)) && top_p.contains(&2));
        assert!(least.iter().all(|&token| token == 1));
    }

    #[test]
    fn every_number_of_candidates_is_kept_in_order() {
        // Seven different logits, so that most of them are equal.
        let candidate = |token: i32| Candidate {
            token,
            logit: (token * 31 % 7) as f32,
        };
        let kept = |count: usize| -> Vec<i32> {
            let mut kept = Vec::new();
            keep_most_probable((0..5_000).map(candidate), count, &mut kept);
            kept.iter().map(|candidate| candidate.token).collect()
        };

        let all = kept(0);

        assert_eq!(all.len(), 5_000);
        for count in [1, 40, MAX_INSERTED, MAX_INSERTED + 1, 4_999] {
            assert_eq!(kept(count), all[..count]);
        }
        assert_eq!(kept(100_000), all);
    }

    #[test]
    fn penalties_make_repeated_tokens_less_probable() {
        let presence = choices(|it| (it.temperature, it.presence_penalty) = (0.0, 1.5), 4);
        let frequency = choices(|it| (it.temperature, it.frequency_penalty) = (0.0, 0.6), 4);

        assert_eq!(presence, [1, 2, 1, 1]);
        assert_eq!(frequency, [1, 1, 2, 1]);
    }

    #[test]
    fn without_an_allowed_token_there_is_no_choice() {
        let mut sampler = Sampler::new(sampling());
        let mut allowed = SimpleVob::alloc(LOGITS.len());
        allowed.allow_token(3);

        assert_eq!(sampler.sample(&LOGITS, &allowed), None);
        allowed.allow_token(4);
        assert_eq!(sampler.sample(&LOGITS, &allowed).unwrap().token.0, 4);
    }

    #[test]
    fn log_probabilities_come_from_the_unmodified_logits() {
        let mut sampler = Sampler::new(Sampling {
            top_k: 1,
            logprobs: Some(2),
            ..sampling()
        });

        let (own, top) = sampler.sample(&LOGITS, &all()).unwrap().logprobs.unwrap();

        let sum: f32 = LOGITS.iter().map(|logit| logit.exp()).sum();
        assert!((own - (3.0 - sum.ln())).abs() < 1e-5);
        assert_eq!(
            top.iter().map(|(token, _)| token.0).collect::<Vec<_>>(),
            [1, 2]
        );
        assert!((top[0].1 - own).abs() < 1e-6);
    }
}
