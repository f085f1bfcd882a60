//! Each target for `FUZZ_SECONDS` (one by default), on bytes that are changed at random.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::*;

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
fn fuzz(name: &str, target: fn(&[u8]), seeds: &[&str]) {
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

const REPLY: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hi","thought":true,"thoughtSignature":"AA=="},{"functionCall":{"id":"1","name":"f","args":{"a":1.5e3}}},{"newKind":{"x":null}}]},"finishReason":"STOP","index":0,"safetyRatings":[{"category":"HARM_CATEGORY_NEW","probability":"LOW"}]}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCountX":1},"promptFeedback":{"blockReason":"SAFETY"},"modelVersion":"m","new":[1]}"#;

#[test]
fn bodies_are_read_the_same_however_they_are_split() {
    fuzz(
        "events",
        events,
        &[
            "aaaadata: {\"a\":1}\r\n\r\ndata: {\"b\":\"}\"}\n\n",
            "\x01\x02\x03\x04\u{feff}data: x\rdata:y\r\r: note\nid: 1\n\n{\"error\":{\"code\":503}}\n",
            "aaaa[{\"a\":[1,\"]\"]},\n {\"b\":2}]\n",
            "aaaa  {\"error\":{\"code\":400,\"message\":\"\\\"}\"}}",
        ],
    );
}

#[test]
fn errors_of_any_body_are_short_and_without_the_key() {
    fuzz(
        "error_body",
        error_body,
        &[
            r#"a{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"slow canary-7b1e40c2","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3.5s"}]}}"#,
            r#"d[{"error":{"code":503,"message":"down"}}]"#,
            r#"d{"error":"canary-7b1e40c2"}"#,
            "x<html>\u{1b}[2J canary-7b1e40c2</html>",
        ],
    );
}

#[test]
fn retry_after_of_any_text_is_a_time_or_nothing() {
    fuzz(
        "retry_after",
        retry_after,
        &[
            "3",
            " 999999999999 ",
            "Sun, 06 Nov 1994 08:50:00 GMT",
            "Sunday, 06-Nov-94 08:50:00 GMT",
            "Sun Nov  6 08:50:00 1994",
            "-1",
        ],
    );
}

#[test]
fn messages_that_can_be_read_are_written_as_they_were() {
    fuzz(
        "message",
        message,
        &[
            REPLY,
            r#"{"contents":[{"role":"user","parts":[{"text":"Hi"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT"}}]},{"googleSearch":{}}],"generationConfig":{"temperature":0.5,"stopSequences":["x"],"new":1},"systemInstruction":{"parts":[{"text":"Be kind"}]}}"#,
        ],
    );
}

#[test]
fn chats_that_can_be_loaded_are_saved_as_they_were() {
    fuzz(
        "chat_file",
        chat_file,
        &[
            r#"{"model":{"name":"models/m"},"history":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"functionCall":{"name":"f"}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}}]},{"role":"model","parts":[{"text":"Yo"}]}]}"#,
            r#"{"model":{"name":"models/m","generationConfig":{"topK":4}},"automaticFunctionCalling":true,"history":[],"unfinished":{"sent":{"role":"user","parts":[{"text":"a"}]},"exchanged":[],"reason":{"stopped":"SAFETY"}}}"#,
        ],
    );
}

#[test]
fn schemas_of_tools_are_translated_or_refused() {
    fuzz(
        "tool_schema",
        tool_schema,
        &[
            r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/a"},"b":{"type":["string","null"]}},"required":["a"],"$defs":{"a":{"anyOf":[{"type":"integer","minimum":0},{"enum":["x"]}]}}}"##,
            r#"{"type":"OBJECT","properties":{"a":{"type":"ARRAY","items":{"type":"STRING"},"maxItems":"3"}},"required":["a"]}"#,
            r##"{"$defs":{"t":{"type":"object","properties":{"t":{"$ref":"#/$defs/t"}}}},"$ref":"#/$defs/t"}"##,
        ],
    );
}
