//! Runs a fuzz target on random mutations of its seeds, without a nightly compiler.
//!
//! `FUZZ_SECONDS` sets for how long (default: 1), `FUZZ_SEED` the seed of the random numbers (default: 0).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use fastrand::Rng;
use serde_json::Value;

/// Maximum length of an input, in bytes.
const MAX_LENGTH: usize = 4_096;

/// Tokens that matter to the parsers under test.
const TOKENS: [&[u8]; 40] = [
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

/// Mutates an input: flips a bit, inserts or replaces bytes by a token, deletes, repeats or truncates bytes, or appends
/// a part of another input.
fn mutate(data: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    let start = rng.usize(..=data.len());
    let end = (start + rng.usize(..16)).min(data.len());
    let token = |rng: &mut Rng| TOKENS[rng.usize(..TOKENS.len())].iter().copied();
    match rng.usize(..7) {
        0 if start < data.len() => data[start] ^= 1 << rng.u8(..8),
        1 => drop(data.splice(start..start, token(rng))),
        2 => drop(data.drain(start..end)),
        3 => {
            let copied = data[start..end].repeat(rng.usize(1..4));
            data.splice(start..start, copied);
        }
        4 => {
            data.truncate(start);
            data.extend_from_slice(&other[rng.usize(..=other.len())..]);
        }
        5 => data.truncate(start),
        _ => drop(data.splice(start..end, token(rng))),
    }
    data.truncate(MAX_LENGTH);
}

/// Runs a target on mutations of its seeds until the time is up.
///
/// # Panics
/// If the target panics; the message contains the input.
pub fn run(name: &str, target: fn(&[u8]), seeds: &[&str]) {
    run_with(name, target, seeds, |_| Vec::new());
}

/// Runs a target like [`run`], with further seeds: those that `select` derives from each recorded exchange. The
/// exchanges are read from `../shared/recorded`, or from the folder in `RECORDED_DIR`; without them there are no
/// further seeds.
///
/// # Panics
/// If the target panics; the message contains the input.
#[expect(
    clippy::print_stdout,
    reason = "the number of executions is shown with `--nocapture`"
)]
pub fn run_with(name: &str, target: fn(&[u8]), seeds: &[&str], select: fn(&Value) -> Vec<String>) {
    let mut seeds: Vec<String> = seeds.iter().map(|seed| (*seed).to_owned()).collect();
    let recorded = recorded()
        .into_iter()
        .flat_map(|exchange| select(&exchange));
    seeds.extend(recorded.filter(|seed| seed.len() <= MAX_LENGTH));
    let time = Duration::from_secs(variable("FUZZ_SECONDS").unwrap_or(1));
    let mut rng = Rng::with_seed(variable("FUZZ_SEED").unwrap_or(0));
    let start = Instant::now();
    let mut executions = 0_u64;
    while executions < 1_000 || start.elapsed() < time {
        let mut data = seeds[rng.usize(..seeds.len())].clone().into_bytes();
        let other = seeds[rng.usize(..seeds.len())].as_bytes();
        for _ in 0..rng.usize(..9) {
            mutate(&mut data, other, &mut rng);
        }
        if catch_unwind(AssertUnwindSafe(|| target(&data))).is_err() {
            panic!("{name} fails on b\"{}\"", data.escape_ascii());
        }
        executions += 1;
    }
    println!("{name}: {executions} executions from {} seeds", seeds.len());
}

/// Reads the recorded exchanges with the Gemini API and Vertex AI.
fn recorded() -> Vec<Value> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recorded");
    let folder = env::var_os("RECORDED_DIR").map_or(beside, PathBuf::from);
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_gemini = |path: &PathBuf| {
        let name = path.to_string_lossy();
        name.ends_with("-gemini.jsonl") || name.ends_with("-vertex.jsonl")
    };
    let mut files: Vec<PathBuf> = paths.filter(is_gemini).collect();
    files.sort();
    let texts = files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok());
    let texts: Vec<String> = texts.collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn variable(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}
