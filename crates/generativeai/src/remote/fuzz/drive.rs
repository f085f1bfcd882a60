//! Feeds a target bytes that are changed at random; `generativeai-server` includes this file too.
//!
//! `FUZZ_SECONDS` says for how long (one by default), `FUZZ_SEED` where the numbers begin.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// A generator of numbers that are as good as random here (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % sides.max(1) as u64) as usize
    }
}

/// What matters to one reader or another.
const WORDS: [&[u8]; 40] = [
    b"data: ",
    b"data:",
    b"data",
    b":",
    b" ",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\0",
    b"\xFF",
    b"\xEF\xBB\xBF",
    b"\xF0\x9F\x98\x80",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"99999999999999999999",
    b"{\"error\":",
    b"\"code\":429,",
    b"\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"3s\"}]",
    b"canary-7b1e40c2",
    b"\"parts\":[",
    b"\"text\":\"a\"",
    b"\"functionCall\":{\"name\":\"f\"}",
    b"\"$ref\":\"#\"",
    b"\"$ref\":\"#/$defs/a\"",
    b"\"anyOf\":[",
    b"\"type\":[\"string\",\"null\"]",
    b"\"items\":{",
    b"\"properties\":{\"a\":",
];

/// Changes bytes in one of the ways that find faults.
fn change(data: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.roll(data.len() + 1);
    let end = (at + dice.roll(16)).min(data.len());
    match dice.roll(7) {
        0 if at < data.len() => data[at] ^= 1 << dice.roll(8),
        1 => drop(data.splice(at..at, WORDS[dice.roll(WORDS.len())].iter().copied())),
        2 => drop(data.drain(at..end)),
        3 => {
            let copied = data[at..end].repeat(1 + dice.roll(3));
            data.splice(at..at, copied);
        }
        4 => {
            let from = dice.roll(other.len() + 1);
            data.truncate(at);
            data.extend_from_slice(&other[from..]);
        }
        5 => data.truncate(at),
        _ => drop(data.splice(at..end, WORDS[dice.roll(WORDS.len())].iter().copied())),
    }
    data.truncate(4_096);
}

/// Feeds a target until its time is up.
#[expect(
    clippy::print_stdout,
    reason = "how much was tried is told to who asks for it"
)]
pub(crate) fn fuzz(name: &str, target: fn(&[u8]), seeds: &[&str]) {
    let seconds = std::env::var("FUZZ_SECONDS").ok();
    let seconds = seconds.map_or(1, |text| text.parse().expect("FUZZ_SECONDS is a number"));
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut dice =
        Dice(std::env::var("FUZZ_SEED").map_or(0, |text| text.parse().expect("a number")));
    let mut executions = 0_u64;
    while executions < 1_000 || Instant::now() < end {
        let mut data = seeds[dice.roll(seeds.len())].as_bytes().to_vec();
        let other = seeds[dice.roll(seeds.len())].as_bytes();
        for _ in 0..dice.roll(9) {
            change(&mut data, other, &mut dice);
        }
        if catch_unwind(AssertUnwindSafe(|| target(&data))).is_err() {
            panic!("{name} fails on b\"{}\"", data.escape_ascii());
        }
        executions += 1;
    }
    println!("{name}: {executions} executions from {} seeds", seeds.len());
}
