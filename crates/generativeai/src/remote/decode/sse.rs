//! Decoder of server-sent events: bytes in, the data of events out.

use bytes::{Buf, Bytes};
use memchr::memchr2;
use serde_json::{Value, json};

use super::input::Input;
use super::scanner::JsonScanner;
use crate::error::Result;
use crate::protocol::read_json;

/// Maximum number of bytes that an error message quotes of a line that is not a field.
const STRAY_LIMIT: usize = 200;

/// Decoder of an event stream according to the HTML standard (section "Server-sent events").
///
/// It has three extensions, because services and gateways report errors within a stream in these forms:
///
/// | In the stream | Event |
/// | --- | --- |
/// | a JSON object on a separate line | the object |
/// | a field `error` with a JSON object | `{"error": object}` |
/// | an event with the name `error` | `{"error": data}`, unless the data is an object with a member `error` |
#[derive(Debug, Default)]
pub(super) struct SseDecoder {
    /// Whether the last line ended with a carriage return. A line feed after it belongs to the same line end, and may
    /// be in the next chunk.
    after_return: bool,
    data: Data,
    /// Whether the name of the event that is being read is `error`.
    is_error: bool,
    /// Scan of a JSON object on a separate line.
    bare: Option<JsonScanner>,
    /// Beginning of the first line that is neither a field nor a comment.
    stray: Option<Bytes>,
}

/// Data of the event that is being read. Nearly all events have one line, which is not copied.
#[derive(Debug, Default)]
enum Data {
    #[default]
    None,
    Line(Bytes),
    Lines(Vec<u8>),
}

impl SseDecoder {
    /// Returns the data of the next event, or `None` if it needs another chunk.
    pub(super) fn next(&mut self, input: &mut Input) -> Result<Option<Bytes>> {
        loop {
            if self.bare.is_some() {
                return self.bare_value(input);
            }
            self.skip_line_feed(input);
            // A brace at the start of a line begins a bare object, and ends the event before it.
            if !input.has_begun() && input.chunk().first() == Some(&b'{') {
                if let Some(data) = self.end_event() {
                    return Ok(Some(data));
                }
                self.bare = Some(JsonScanner::default());
                continue;
            }
            let Some(line) = self.next_line(input)? else {
                return Ok(None);
            };
            if !line.is_empty() {
                self.field(line, input)?;
            } else if let Some(data) = self.end_event() {
                return Ok(Some(data));
            }
        }
    }

    /// Ends the body. Returns the data of the last event if no blank line follows it. Such data may be complete or
    /// truncated.
    pub(super) fn finish(&mut self, input: &mut Input) -> Result<Option<Bytes>> {
        let line = input.take_begun();
        if self.bare.take().is_some() {
            return Ok(Some(line));
        }
        if !line.is_empty() && b"data".starts_with(&line) {
            // A body that ends within the word `data` is truncated. Its empty event is not JSON, so the reader
            // reports that.
            self.data.push(Bytes::new(), input)?;
        } else if !line.is_empty() {
            self.field(line, input)?;
        }
        Ok(self.end_event())
    }

    /// Returns the beginning of the first line that was neither a field nor a comment.
    pub(super) fn stray(&self) -> Option<&[u8]> {
        self.stray.as_deref()
    }

    /// Returns the data of the event, if it has any.
    fn end_event(&mut self) -> Option<Bytes> {
        let is_error = std::mem::take(&mut self.is_error);
        let data = self.data.take()?;
        if !is_error {
            return Some(data);
        }
        let error = match read_json::<Value>(&data) {
            Ok(value) if value.get("error").is_none() => value,
            // A truncated object is passed on: the reader reports the truncation.
            Err(_) if !is_object(&data) => String::from_utf8_lossy(&data).into(),
            _ => return Some(data),
        };
        Some(json!({ "error": error }).to_string().into())
    }

    fn skip_line_feed(&mut self, input: &mut Input) {
        if let (true, Some(byte)) = (self.after_return, input.chunk().first()) {
            self.after_return = false;
            if *byte == b'\n' {
                input.skip(1);
            }
        }
    }

    fn next_line(&mut self, input: &mut Input) -> Result<Option<Bytes>> {
        let Some(end) = memchr2(b'\n', b'\r', input.chunk()) else {
            input.buffer()?;
            return Ok(None);
        };
        let line = input.complete(end)?;
        self.after_return = input.chunk()[0] == b'\r';
        input.skip(1);
        Ok(Some(line))
    }

    fn bare_value(&mut self, input: &mut Input) -> Result<Option<Bytes>> {
        let scanner = self.bare.as_mut();
        let Some(end) = scanner.and_then(|scanner| scanner.end(input.chunk())) else {
            input.buffer()?;
            return Ok(None);
        };
        self.bare = None;
        input.complete(end).map(Some)
    }

    fn field(&mut self, mut line: Bytes, input: &Input) -> Result<()> {
        // The longest field names have five letters, so a later colon belongs to the value.
        let colon = line.iter().take(6).position(|byte| *byte == b':');
        match &line[..colon.unwrap_or(line.len())] {
            b"data" => {
                line.advance(colon.map_or(line.len(), |colon| colon + 1));
                if line.first() == Some(&b' ') {
                    line.advance(1);
                }
                self.data.push(line, input)?;
            }
            b"error" if line[5..].strip_prefix(b":").is_some_and(is_object) => {
                let object = [b"{\"error\":", &line[6..], b"}"].concat();
                self.data.push(object.into(), input)?;
            }
            b"event" => self.is_error = line[5..].strip_prefix(b":").is_some_and(is_error),
            b"" | b"id" | b"retry" => {}
            _ => {
                let beginning = &line[..line.len().min(STRAY_LIMIT)];
                self.stray
                    .get_or_insert_with(|| Bytes::copy_from_slice(beginning));
            }
        }
        Ok(())
    }
}

fn is_object(value: &[u8]) -> bool {
    value.trim_ascii_start().first() == Some(&b'{')
}

/// Returns whether the name of an event is `error`.
fn is_error(name: &[u8]) -> bool {
    name.trim_ascii() == b"error"
}

impl Data {
    fn push(&mut self, line: Bytes, input: &Input) -> Result<()> {
        let mut lines = match self {
            Self::None => {
                *self = Self::Line(line);
                return Ok(());
            }
            Self::Line(first) => first.to_vec(),
            Self::Lines(lines) => std::mem::take(lines),
        };
        input.check(lines.len() + 1 + line.len())?;
        lines.push(b'\n');
        lines.extend_from_slice(&line);
        *self = Self::Lines(lines);
        Ok(())
    }

    fn take(&mut self) -> Option<Bytes> {
        match std::mem::take(self) {
            Self::None => None,
            Self::Line(line) => Some(line),
            Self::Lines(lines) => Some(lines.into()),
        }
    }
}
