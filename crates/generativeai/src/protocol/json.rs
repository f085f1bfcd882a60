//! Reading JSON as a message of the API.

use serde::de::Error;
use serde_json::Value;

use crate::protocol::wire::{self, Reader, Wire};

/// Type that [`read_json`] reads: the messages and enums of the API, and [`Value`] for any other JSON.
///
/// Only this crate implements it.
#[expect(private_bounds, reason = "only this crate implements it")]
pub trait ReadJson: Wire {}

impl ReadJson for Value {}

/// Reads a message from JSON, including values that [`serde_json::from_slice`] refuses or rounds.
///
/// Models, gateways and proxies produce such values. One of them must not make a whole reply unreadable, so each is
/// read as follows:
///
/// | in the JSON | read as |
/// | --- | --- |
/// | a number in free data beyond the range of an `f64`, such as `1e400` | a string |
/// | an integer in free data of more than 64 bits that an `f64` does not hold exactly | a string |
/// | `NaN`, `Infinity` and `-Infinity` in free data, as Python and JavaScript libraries write them | a string, which is how proto JSON writes them |
/// | half of a surrogate pair in a string, such as `\ud83d` | U+FFFD, the replacement character |
/// | a list or an object in free data that is nested more than 100 levels deep | a string that contains its JSON |
/// | a member of a message under both of its names, `finishReason` and `finish_reason` | the one in `camelCase`, unless it is `null` |
/// | a member twice under one name | the last one, unless it is `null` or, in a part, an empty text |
/// | a string where a list of parts, or one of its items, is expected | a text part |
///
/// Free data are the arguments of a call, schemas and members that this version does not know. In them, no digit of an
/// integer is lost. A field of a message that is an `f64` reads the numbers of the table as numbers, and another field
/// reports an error. Of a value that is nested too deep, only the strings are checked, and that its brackets close.
///
/// serde's `Deserialize` of the messages has the same rules. [`serde_json::from_slice`] checks the syntax first, so
/// that `NaN` and `Infinity` are errors. [`serde_json::from_value`], tagged types and other data formats pass values on
/// that may be rounded.
///
/// ```
/// use generativeai::protocol::{self, content::FunctionCall};
///
/// let call: FunctionCall = protocol::read_json(br#"{"name":"f","args":{"x":1e400,"y":1.5}}"#)?;
/// assert_eq!(call.arg("x").unwrap(), "1e400");
/// assert_eq!(call.arg("y").unwrap(), 1.5);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Errors
/// The JSON is invalid, does not match the type, or has messages that are nested more than 100 levels deep. The text of
/// the error begins with the path of the value, such as `contents[0].role`, and ends with the line and the column.
pub fn read_json<T: ReadJson>(json: &[u8]) -> serde_json::Result<T> {
    read_with(json, Reader::new, |reader| T::read(reader))
}

/// Reads a request like the service: a duplicate member is an error.
///
/// Otherwise like [`read_json`]. In a reply, such a member is a fault of a gateway that does no harm. In a request it
/// is a mistake of the client, so it is reported. So is a string where a part is expected.
///
/// Strings may have single quotes, and lists and objects a trailing comma, as for the service's own parser,
/// [`json_stream_parser.cc`](https://github.com/protocolbuffers/protobuf/blob/v3.20.3/src/google/protobuf/util/internal/json_stream_parser.cc)
/// of Protocol Buffers. Commands in the documentation of the service rely on it: `{'file': {'display_name': 'a'}}`.
///
/// ```
/// use generativeai::protocol::{self, GenerateContentRequest};
///
/// let json = br#"{"cachedContent":"cachedContents/a","cached_content":"cachedContents/b"}"#;
/// let error = protocol::read_request::<GenerateContentRequest>(json).unwrap_err();
/// assert_eq!(error.to_string(), "duplicate member `cachedContent` at line 1 column 54");
/// ```
///
/// # Errors
/// Those of [`read_json`], also for `NaN` and `Infinity`.
pub fn read_request<T: ReadJson>(json: &[u8]) -> serde_json::Result<T> {
    read_with(json, Reader::of_request, |reader| T::read(reader))
}

/// Reads a message like [`read_json`], into the place of an empty one.
#[cfg(feature = "remote")]
pub(crate) fn read_into<T: wire::Message>(json: &[u8], message: &mut T) -> serde_json::Result<()> {
    read_with(json, Reader::new, |reader| {
        wire::read_message(message, reader)
    })
}

/// Returns the JSON of each element of a list.
#[cfg(feature = "remote")]
pub(crate) fn elements(json: &[u8]) -> serde_json::Result<Vec<&[u8]>> {
    read_with(json, Reader::new, |reader| {
        let mut elements = Vec::new();
        reader.items(|reader| {
            elements.push(reader.raw()?.as_bytes());
            Ok(())
        })?;
        Ok(elements)
    })
}

/// Reads a text, which must contain nothing else.
fn read_with<'a, T>(
    json: &'a [u8],
    reader: impl FnOnce(&'a str) -> Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> wire::Result<T>,
) -> serde_json::Result<T> {
    let text = std::str::from_utf8(json).map_err(serde_json::Error::custom)?;
    // Programs on Windows write a byte order mark. RFC 8259, section 8.1, allows readers to ignore it.
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut reader = reader(text);
    let value = read(&mut reader).map_err(|error| error.located(text))?;
    reader.end().map_err(|error| error.located(text))?;
    Ok(value)
}

#[cfg(test)]
mod tests;
