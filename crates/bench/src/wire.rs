//! Bytes of requests and responses, prepared before the measurement.

use std::fmt::Write;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::outcome::Outcome;

/// Length of the text of a message, in bytes.
const MESSAGE: usize = 1_000;

/// Number of digits of the time in a chunk.
const DIGITS: usize = 20;

/// End of a chunked HTTP body.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Returns the text of a message.
pub(crate) fn message() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| text(MESSAGE));
    &TEXT
}

/// Returns text of this length.
fn text(bytes: usize) -> String {
    "The content of a message is irrelevant here. "
        .chars()
        .cycle()
        .take(bytes)
        .collect()
}

/// Returns the nanoseconds since 1970. An `Instant` would not do: the server and the client are different processes.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns the age of a chunk in microseconds. Its text starts with the time at which it was sent.
pub(crate) fn age(text: &[u8]) -> Option<f64> {
    let digits = std::str::from_utf8(text.get(..DIGITS)?).ok()?;
    let sent: u64 = digits.parse().ok()?;
    Some(now().saturating_sub(sent) as f64 / 1_000.0)
}

/// Response of the server, selected by the name of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// `reply`: a unary reply with the length of a message.
    Reply,
    /// `chunks-N`: N chunks of 20 bytes of text.
    Chunks(usize),
    /// `paced-N`: N chunks, 5 ms apart, each with the time when it is sent.
    Paced(usize),
    /// `big-N-BYTES`: N events with an image of this size.
    Big(usize, usize),
}

impl Answer {
    /// Returns the response of a model. Numbers may be missing.
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

    /// Returns all bytes of the response, or only the head of a paced one.
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

/// Builds an event stream with each event in a separate HTTP chunk, as the service sends them.
fn stream(count: usize, event: impl Fn(bool) -> String) -> Vec<u8> {
    let mut all = STREAM_HEAD.as_bytes().to_vec();
    for at in 1..=count {
        all.extend(chunk(&event(at == count)));
    }
    all.extend_from_slice(LAST_CHUNK);
    all
}

/// Builds an HTTP chunk with one event that contains the current time.
pub(crate) fn timed_chunk(last: bool) -> Vec<u8> {
    let time = now();
    chunk(&event(&format!(r#"{{"text":"{time:0DIGITS$}"}}"#), last))
}

/// Builds an HTTP chunk with one event.
fn chunk(json: &str) -> Vec<u8> {
    // `data: ` and two line ends.
    let length = json.len() + 10;
    format!("{length:x}\r\ndata: {json}\r\n\r\n\r\n").into_bytes()
}

/// Builds an event or a unary reply, with the members that the service sends.
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

/// Requests of one chat.
///
/// The body of each request begins with that of the one before. So all bodies are prefixes of one string, and preparing
/// many turns needs little memory.
pub(crate) struct Requests {
    contents: String,
    /// Head of each request, and the length of the prefix of `contents` that it sends.
    turns: Vec<(Vec<u8>, usize)>,
}

/// End of a body, after the contents.
const AFTER: &str = "]}";

impl Requests {
    /// Prepares the requests of `turns` turns after a history.
    pub(crate) fn new(model: &str, method: &str, history: usize, turns: usize) -> Self {
        let mut this = Self {
            contents: r#"{"contents":["#.to_owned(),
            turns: Vec::with_capacity(turns),
        };
        let text = message();
        let whole = history + 2 * turns;
        // The capacity of a string that grows is up to twice its length, which would count as memory of the floor.
        this.contents.reserve_exact(whole * (MESSAGE + 50));
        for at in 0..whole {
            let (role, comma) = (["user", "model"][at % 2], ["", ","][usize::from(at > 0)]);
            let (out, parts) = (&mut this.contents, format_args!(r#"[{{"text":"{text}"}}]"#));
            write!(out, r#"{comma}{{"role":"{role}","parts":{parts}}}"#)
                .expect("writing to a string cannot fail");
            if at >= history && (at - history).is_multiple_of(2) {
                let end = this.contents.len();
                let head = head(model, method, end + AFTER.len());
                this.turns.push((head, end));
            }
        }
        this
    }

    /// Returns the pieces of the request of a turn.
    pub(crate) fn turn(&self, turn: usize) -> Outcome<[&[u8]; 3]> {
        let (head, end) = self.turns.get(turn).ok_or("the turn was not prepared")?;
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
