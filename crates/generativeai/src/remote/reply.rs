//! Reads the JSON of a response: a value, or the error that it contains.

use std::mem;

use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;

use super::failure::{self, ErrorReader, Failure};
use crate::error::{Error, ErrorKind};
use crate::protocol::{Message, elements, read_into};

/// Response of a method of the API, or an event of one.
pub trait Reply: Default + Send + 'static {
    /// Reads the JSON of a response into this one, which is empty.
    ///
    /// # Errors
    /// The JSON is invalid, or does not match the type.
    fn read(&mut self, json: &[u8]) -> serde_json::Result<()>;

    /// Returns whether the JSON has a member `error`. Only then is it parsed a second time, as an error.
    fn has_error(&self) -> bool;

    /// Combines the elements of a response that is a JSON array. `None` if they are not a response.
    ///
    /// By default an array with exactly one element is that element.
    fn combine(mut elements: Vec<Self>) -> Option<Self> {
        let element = elements.pop()?;
        elements.is_empty().then_some(element)
    }

    /// Replaces this response by the one in its member `response`, if it has nothing else that is known. Code Assist,
    /// the service behind the Gemini CLI and some IDEs, wraps each response and each event this way.
    fn unwrap_envelope(&mut self) {}
}

/// Messages of the Gemini API.
impl<T: Message + DeserializeOwned + PartialEq + Send + 'static> Reply for T {
    fn read(&mut self, json: &[u8]) -> serde_json::Result<()> {
        read_into(json, self)
    }

    fn has_error(&self) -> bool {
        self.unknown().get("error").is_some()
    }

    fn unwrap_envelope(&mut self) {
        let Some(response @ Value::Object(_)) = self.unknown().get("response") else {
            return;
        };
        // A message with known members is not an envelope, even if it has a member `response`.
        let mut outer = Self::default();
        outer.unknown_mut().clone_from(self.unknown());
        if outer != *self {
            return;
        }
        let Ok(mut inner) = serde_json::from_value::<Self>(response.clone()) else {
            return;
        };
        for (name, value) in self
            .unknown()
            .iter()
            .filter(|(name, _)| *name != "response")
        {
            inner.unknown_mut().insert(name.clone(), value.clone());
        }
        *self = inner;
    }
}

/// Reads a response, or an event of a stream: one value, or an array of them. `each` receives the values.
pub(super) fn read<R: Reply>(
    json: &[u8],
    errors: &ErrorReader,
    mut each: impl FnMut(&mut R),
) -> Result<(), Failure> {
    let mut has_error = false;
    let mut pass_on = |reply: &mut R| {
        reply.unwrap_envelope();
        has_error |= reply.has_error();
        each(reply);
    };
    let read = if json.trim_ascii_start().starts_with(b"[") {
        read_all(json).map(|mut replies| replies.iter_mut().for_each(pass_on))
    } else {
        let mut reply = R::default();
        reply.read(json).map(|()| pass_on(&mut reply))
    };
    match read {
        Ok(()) if !has_error => Ok(()),
        Ok(()) => Failure::in_success(json, errors).map_or(Ok(()), Err),
        Err(error) => Err(Failure::in_success(json, errors)
            .unwrap_or_else(|| failure::unreadable(json, error, errors).into())),
    }
}

/// Reads the elements of an array. Gateways put chunks into arrays, and `null` into them as a keep-alive.
fn read_all<R: Reply>(json: &[u8]) -> serde_json::Result<Vec<R>> {
    let elements = elements(json)?.into_iter().enumerate();
    let read = |(index, element)| {
        let mut reply = R::default();
        let read = reply.read(element);
        read.map_err(|error| serde_json::Error::custom(format_args!("[{index}]: {error}")))?;
        Ok(reply)
    };
    elements
        .filter(|(_, element)| *element != b"null")
        .map(read)
        .collect()
}

/// Reads a response that arrived in one piece.
pub(super) fn read_whole<R: Reply>(body: &[u8], errors: &ErrorReader) -> Result<R, Failure> {
    let body = body.trim_ascii();
    if matches!(body, b"" | b"null") {
        return Err(Error::new(ErrorKind::Empty, "the response is empty").into());
    }
    // Nearly every response has one element.
    let mut replies = Vec::with_capacity(1);
    read(body, errors, |reply| replies.push(mem::take(reply)))?;
    R::combine(replies).ok_or_else(|| failure::foreign(body, errors).into())
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::super::gemini::GEMINI;
    use super::*;
    use crate::protocol::response::GenerateContentResponse;

    /// Row 2 of tests/field.md.
    #[test]
    fn of_an_array_with_a_bad_element_nothing_is_passed_on() {
        let json = br#"[null, {"modelVersion":"m"}, {"modelVersion":1}]"#;
        let errors = ErrorReader {
            profile: &GEMINI,
            secrets: Vec::new(),
        };
        let mut count = 0;

        let read = super::read::<GenerateContentResponse>(json, &errors, |_| count += 1);

        let error = read.expect_err("a number is not a version").error;
        let cause = error.source().expect("a cause").to_string();
        let position = "at line 1 column 17";
        assert_eq!(count, 0);
        assert_eq!(
            cause,
            format!("[2]: modelVersion: expected a string, found the number 1 {position}")
        );
    }
}
