//! Choosing the next token from the logits.

use std::collections::HashMap;

use llama_cpp_2::token::LlamaToken;
use toktrie::SimpleVob;

/// How tokens are chosen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sampling {
    /// 0 takes the likeliest token always.
    pub(crate) temperature: f32,
    /// Only the likeliest tokens whose probabilities sum up to this; 1 for all.
    pub(crate) top_p: f32,
    /// Only so many of the likeliest; 0 for all.
    pub(crate) top_k: usize,
    /// Taken from the logit of every token that was said.
    pub(crate) presence_penalty: f32,
    /// Taken from the logit of a token for each time it was said.
    pub(crate) frequency_penalty: f32,
    /// Where chance begins.
    pub(crate) seed: u64,
    /// How many alternatives to report with each token, if log-probabilities are wanted.
    pub(crate) logprobs: Option<usize>,
}

/// A token chosen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Choice {
    pub(crate) token: LlamaToken,
    /// Its log-probability and the likeliest tokens with theirs, by the model's own logits.
    pub(crate) logprobs: Option<(f32, Vec<(LlamaToken, f32)>)>,
}

/// Chooses the tokens of one reply.
#[derive(Debug)]
pub(crate) struct Sampler {
    sampling: Sampling,
    chance: Chance,
    said: HashMap<i32, u32>,
    candidates: Vec<Candidate>,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    token: i32,
    logit: f32,
}

impl Sampler {
    pub(crate) fn new(sampling: Sampling) -> Self {
        let chance = Chance(sampling.seed);
        Self {
            sampling,
            chance,
            said: HashMap::new(),
            candidates: Vec::new(),
        }
    }

    /// Chooses among the allowed tokens, or gives `None` if no token is allowed or has a logit.
    pub(crate) fn choose(&mut self, logits: &[f32], allowed: Option<&SimpleVob>) -> Option<Choice> {
        self.gather(logits, allowed);
        let token = self.pick()?;
        *self.said.entry(token).or_default() += 1;
        let logprobs = self
            .sampling
            .logprobs
            .map(|count| log_probabilities(logits, token, count));
        Some(Choice {
            token: LlamaToken::new(token),
            logprobs,
        })
    }

    /// Lays out what may be chosen, penalties taken off, likeliest first; at most `top_k`.
    fn gather(&mut self, logits: &[f32], allowed: Option<&SimpleVob>) {
        let all = (0i32..)
            .zip(logits)
            .map(|(token, &logit)| Candidate { token, logit });
        let real = all.filter(|candidate| candidate.logit > f32::NEG_INFINITY);
        let allowed = real.filter(|candidate| {
            allowed.is_none_or(|allowed| allowed.is_allowed(candidate.token.cast_unsigned()))
        });
        let (presence, frequency) = (
            self.sampling.presence_penalty,
            self.sampling.frequency_penalty,
        );
        let top_k = if self.sampling.temperature == 0.0 {
            1
        } else {
            self.sampling.top_k
        };
        if presence == 0.0 && frequency == 0.0 {
            return likeliest(allowed, top_k, &mut self.candidates);
        }
        let said = &self.said;
        let penalized = allowed.map(|candidate| match said.get(&candidate.token) {
            Some(&times) => {
                let logit = candidate.logit - presence - frequency * times as f32;
                Candidate { logit, ..candidate }
            }
            None => candidate,
        });
        likeliest(penalized, top_k, &mut self.candidates);
    }

    fn pick(&mut self) -> Option<i32> {
        let best = self.candidates.first()?;
        let (likeliest, best) = (best.token, best.logit);
        if self.candidates.len() == 1 {
            return Some(likeliest);
        }
        self.keep_top_p();
        let temperature = self.sampling.temperature;
        let weigh = |candidate: &Candidate| ((candidate.logit - best) / temperature).exp();
        let total: f32 = self.candidates.iter().map(weigh).sum();
        let mut left = self.chance.next() * total;
        let reached = self.candidates.iter().find(|candidate| {
            left -= weigh(candidate);
            left < 0.0
        });
        Some(reached.map_or(likeliest, |candidate| candidate.token))
    }

    /// Keeps the likeliest whose probabilities sum up to `top_p`; at least one.
    fn keep_top_p(&mut self) {
        let (top_p, Some(best)) = (self.sampling.top_p, self.candidates.first()) else {
            return;
        };
        if top_p >= 1.0 {
            return;
        }
        let best = best.logit;
        let weigh = |candidate: &Candidate| (candidate.logit - best).exp();
        let enough = top_p * self.candidates.iter().map(weigh).sum::<f32>();
        let mut sum = 0.0;
        let reached = self.candidates.iter().position(|candidate| {
            sum += weigh(candidate);
            sum >= enough
        });
        self.candidates
            .truncate(reached.map_or(self.candidates.len(), |at| at + 1));
    }
}

/// Puts the likeliest `count` into `into`, likeliest first; all of them if `count` is 0.
fn likeliest(all: impl Iterator<Item = Candidate>, count: usize, into: &mut Vec<Candidate>) {
    into.clear();
    if count == 0 {
        into.extend(all);
        into.sort_unstable_by(by_likelihood);
        return;
    }
    for candidate in all {
        if into.len() < count || into.last().is_some_and(|last| candidate.logit > last.logit) {
            let at = into.partition_point(|other| by_likelihood(other, &candidate).is_le());
            into.insert(at, candidate);
            into.truncate(count);
        }
    }
}

/// Likeliest first; of equals the first token, so that the order never depends on chance.
fn by_likelihood(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    b.logit.total_cmp(&a.logit).then(a.token.cmp(&b.token))
}

/// The log-probability of a token, and the `count` likeliest with theirs.
fn log_probabilities(logits: &[f32], token: i32, count: usize) -> (f32, Vec<(LlamaToken, f32)>) {
    let best = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits
        .iter()
        .map(|logit| f64::from((logit - best).exp()))
        .sum();
    let all = best + sum.ln() as f32;
    let own = usize::try_from(token).map_or(f32::NEG_INFINITY, |token| logits[token]);
    let mut top = Vec::new();
    if count > 0 {
        let all = (0i32..)
            .zip(logits)
            .map(|(token, &logit)| Candidate { token, logit });
        likeliest(all, count, &mut top);
    }
    let top = top
        .into_iter()
        .map(|one| (LlamaToken::new(one.token), one.logit - all))
        .collect();
    (own - all, top)
}

/// A stream of numbers that one seed gives always (SplitMix64).
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    /// The next number, at least 0 and less than 1.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        (mixed >> 40) as f32 / (1u64 << 24) as f32
    }
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

    fn choices(sampling: Sampling, count: usize) -> Vec<i32> {
        let mut sampler = Sampler::new(sampling);
        let choose = |_| sampler.choose(&LOGITS, None).unwrap().token.0;
        (0..count).map(choose).collect()
    }

    #[test]
    fn without_temperature_the_likeliest_is_taken() {
        assert_eq!(
            choices(
                Sampling {
                    temperature: 0.0,
                    ..sampling()
                },
                3
            ),
            [1, 1, 1]
        );
    }

    #[test]
    fn one_seed_gives_one_sequence() {
        assert_eq!(choices(sampling(), 50), choices(sampling(), 50));
        assert_ne!(
            choices(sampling(), 50),
            choices(
                Sampling {
                    seed: 8,
                    ..sampling()
                },
                50
            )
        );
    }

    #[test]
    fn chance_follows_the_probabilities() {
        let chosen = choices(sampling(), 20_000);
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
    fn top_k_and_top_p_leave_the_likeliest() {
        let top_k = choices(
            Sampling {
                top_k: 2,
                ..sampling()
            },
            200,
        );
        let top_p = choices(
            Sampling {
                top_p: 0.7,
                ..sampling()
            },
            200,
        );

        assert!(top_k.iter().all(|token| [1, 2].contains(token)) && top_k.contains(&2));
        assert!(top_p.iter().all(|token| [1, 2].contains(token)) && top_p.contains(&2));
        assert!(
            choices(
                Sampling {
                    top_p: 0.0,
                    ..sampling()
                },
                50
            )
            .iter()
            .all(|&token| token == 1)
        );
    }

    #[test]
    fn penalties_make_said_tokens_rarer() {
        let greedy = Sampling {
            temperature: 0.0,
            ..sampling()
        };

        let presence = Sampling {
            presence_penalty: 1.5,
            ..greedy.clone()
        };
        let frequency = Sampling {
            frequency_penalty: 0.6,
            ..greedy
        };

        assert_eq!(choices(presence, 4), [1, 2, 1, 1]);
        assert_eq!(choices(frequency, 4), [1, 1, 2, 1]);
    }

    #[test]
    fn nothing_allowed_is_no_choice() {
        let mut sampler = Sampler::new(sampling());
        let mut allowed = SimpleVob::alloc(LOGITS.len());
        allowed.allow_token(3);

        assert_eq!(sampler.choose(&LOGITS, Some(&allowed)), None);
        allowed.allow_token(4);
        assert_eq!(sampler.choose(&LOGITS, Some(&allowed)).unwrap().token.0, 4);
    }

    #[test]
    fn log_probabilities_are_those_of_the_model() {
        let mut sampler = Sampler::new(Sampling {
            top_k: 1,
            logprobs: Some(2),
            ..sampling()
        });

        let (own, top) = sampler.choose(&LOGITS, None).unwrap().logprobs.unwrap();

        let sum: f32 = LOGITS.iter().map(|logit| logit.exp()).sum();
        assert!((own - (3.0 - sum.ln())).abs() < 1e-5);
        assert_eq!(
            top.iter().map(|(token, _)| token.0).collect::<Vec<_>>(),
            [1, 2]
        );
        assert!((top[0].1 - own).abs() < 1e-6);
    }
}
