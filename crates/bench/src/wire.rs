//! The bytes that go both ways, prepared before anything is measured.

use std::fmt::Write;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::Outcome;

/// The bytes of a message's text.
const MESSAGE: usize = 1_000;

/// How many digits a time has that was written into a chunk.
const DIGITS: usize = 20;

/// The end of a body in chunks of HTTP.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// What a message says.
pub(crate) fn message() -> &'static str {
    static SAID: LazyLock<String> = LazyLock::new(|| text(MESSAGE));
    &SAID
}

/// So many bytes of text.
fn text(bytes: usize) -> String {
    "What is said is of no matter here. "
        .chars()
        .cycle()
        .take(bytes)
        .collect()
}

/// The nanoseconds since 1970, by the clock that all processes share.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// How long ago the time was that a chunk's text begins with, in microseconds.
pub(crate) fn age(text: &[u8]) -> Option<f64> {
    let digits = std::str::from_utf8(text.get(..DIGITS)?).ok()?;
    let sent: u64 = digits.parse().ok()?;
    Some(now().saturating_sub(sent) as f64 / 1_000.0)
}

/// What the server answers; the model's name says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// `reply`: one reply of a message's length, in one piece.
    Reply,
    /// `chunks-N`: so many chunks of 20 bytes of text.
    Chunks(usize),
    /// `paced-N`: so many chunks, 5 ms apart, each with the time at which it is sent.
    Paced(usize),
    /// `big-N-BYTES`: so many events with so much data in each.
    Big(usize, usize),
}

impl Answer {
    /// The answer of a model.
    pub(crate) fn of(model: &str) -> Self {
        let mut words = model.split('-');
        let kind = words.next().unwrap_or_default();
        let mut number = |default| {
            words
                .next()
                .and_then(|word| word.parse().ok())
                .unwrap_or(default)
        };
        match kind {
            "chunks" => Self::Chunks(number(20_000)),
            "paced" => Self::Paced(number(100)),
            "big" => Self::Big(number(4), number(2_000_000)),
            _ => Self::Reply,
        }
    }

    /// All bytes of the answer: a head and a body. A paced one is its head alone.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Reply => {
                let body = event(&format!(r#"{{"text":"{}"}}"#, message()), true);
                let length = body.len();
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=UTF-8\r\n\
                     content-length: {length}\r\n\r\n{body}"
                )
                .into_bytes()
            }
            Self::Chunks(count) => {
                let part = format!(r#"{{"text":"{}"}}"#, text(20));
                stream(*count, |last| event(&part, last))
            }
            Self::Big(count, bytes) => {
                let data = "QUJD".repeat(bytes / 4);
                let part =
                    format!(r#"{{"inlineData":{{"mimeType":"image/png","data":"{data}"}}}}"#);
                stream(*count, |last| event(&part, last))
            }
            Self::Paced(_) => STREAM_HEAD.as_bytes().to_vec(),
        }
    }
}

const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                           transfer-encoding: chunked\r\n\r\n";

/// A stream of events, each in a chunk of its own, as the service sends them.
fn stream(count: usize, event: impl Fn(bool) -> String) -> Vec<u8> {
    let mut all = STREAM_HEAD.as_bytes().to_vec();
    for at in 1..=count {
        all.extend(chunk(&event(at == count)));
    }
    all.extend_from_slice(LAST_CHUNK);
    all
}

/// A chunk of HTTP with one event in it, which bears the present time.
pub(crate) fn timed_chunk(last: bool) -> Vec<u8> {
    let time = now();
    chunk(&event(&format!(r#"{{"text":"{time:0DIGITS$}"}}"#), last))
}

fn chunk(json: &str) -> Vec<u8> {
    let length = json.len() + 10;
    format!("{length:x}\r\ndata: {json}\r\n\r\n\r\n").into_bytes()
}

/// An event, or a whole reply, with what the service says beside it.
fn event(part: &str, last: bool) -> String {
    let finish = if last {
        r#""finishReason":"STOP","#
    } else {
        ""
    };
    format!(
        r#"{{"candidates":[{{"content":{{"parts":[{part}],"role":"model"}},{finish}"index":0}}],"usageMetadata":{{"promptTokenCount":10,"candidatesTokenCount":20,"totalTokenCount":30,"promptTokensDetails":[{{"modality":"TEXT","tokenCount":10}}]}},"modelVersion":"gemini-3-flash","responseId":"Rm91bmRlcnMgYXQgd29yaw"}}"#
    )
}

/// The requests of one chat, turn by turn: what is said only grows.
pub(crate) struct Requests {
    contents: String,
    /// The head of each turn's request, and how much of the contents it sends.
    turns: Vec<(Vec<u8>, usize)>,
}

/// What follows the contents in a body.
const AFTER: &str = "]}";

impl Requests {
    /// Prepares the requests of `turns` turns to a model, after a history.
    pub(crate) fn new(model: &str, method: &str, history: usize, turns: usize) -> Self {
        let mut this = Self {
            contents: r#"{"contents":["#.to_owned(),
            turns: Vec::with_capacity(turns),
        };
        let text = message();
        let whole = history + 2 * turns;
        this.contents.reserve_exact(whole * (MESSAGE + 50));
        for at in 0..whole {
            let (role, comma) = (["user", "model"][at % 2], ["", ","][usize::from(at > 0)]);
            let (out, parts) = (&mut this.contents, format_args!(r#"[{{"text":"{text}"}}]"#));
            write!(out, r#"{comma}{{"role":"{role}","parts":{parts}}}"#)
                .expect("a string takes everything");
            if at >= history && (at - history).is_multiple_of(2) {
                let end = this.contents.len();
                let head = head(model, method, end + AFTER.len());
                this.turns.push((head, end));
            }
        }
        this
    }

    /// The request of a turn, in pieces.
    pub(crate) fn turn(&self, turn: usize) -> Outcome<[&[u8]; 3]> {
        let (head, end) = self.turns.get(turn).ok_or("no such turn was prepared")?;
        let contents = &self.contents.as_bytes()[..*end];
        Ok([head, contents, AFTER.as_bytes()])
    }
}

fn head(model: &str, method: &str, length: usize) -> Vec<u8> {
    format!(
        "POST /v1beta/models/{model}:{method} HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\nx-goog-api-key: not-a-key\r\n\
         content-length: {length}\r\n\r\n"
    )
    .into_bytes()
}
