//! Reader of JSON text, value by value: strict about the syntax, lenient about the values.
//!
//! The reader does not use serde's data model. Each caller asks for the type that it needs. So no visitor is generated
//! for each type, and this code is compiled once.

mod string;

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::error::{ReadError, quote};

pub(crate) type Result<T, E = ReadError> = std::result::Result<T, E>;

/// Maximum depth of lists and objects. A deeper value in free data is read as a string that contains its JSON.
///
/// serde_json reads 127 levels. The rest is left for the objects around a message in a store.
const MAX_DEPTH: usize = 100;

/// Numbers that are not valid JSON, as Python's `json` and other libraries write them.
const NOT_FINITE: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Kind of a value, which its first byte determines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Bool,
    /// Includes [`NOT_FINITE`].
    Number,
    String,
    List,
    Object,
}

/// Position in a JSON text.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    json: &'a str,
    /// Offset in bytes of the next byte to read.
    at: usize,
    /// Number of lists and objects around this position.
    depth: usize,
    /// Whether the text is a request, which is read like the service does. Duplicate members, [`NOT_FINITE`], and strings
    /// where parts are expected are errors. Single quotes, and a comma after the last value, are accepted.
    is_request: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(json: &'a str) -> Self {
        Self {
            json,
            at: 0,
            depth: 0,
            is_request: false,
        }
    }

    /// Creates a reader of a request.
    pub(crate) fn of_request(json: &'a str) -> Self {
        let is_request = true;
        Self {
            is_request,
            ..Self::new(json)
        }
    }

    /// Returns whether the text is a request.
    pub(super) fn is_request(&self) -> bool {
        self.is_request
    }

    /// Creates a reader for the JSON in a string that this reader has read.
    pub(super) fn nested<'b>(&self, json: &'b str) -> Reader<'b> {
        Reader {
            json,
            at: 0,
            ..*self
        }
    }

    /// Reports a duplicate member of a request.
    #[inline]
    pub(crate) fn check_unique(&self, is_duplicate: bool, name: &str) -> Result<()> {
        match is_duplicate && self.is_request {
            true => Err(self.error(format!("duplicate member `{}`", quote(name)))),
            false => Ok(()),
        }
    }

    /// Returns the kind of the next value, without reading it.
    #[inline]
    pub(crate) fn kind(&mut self) -> Result<Kind> {
        match self.peek() {
            Some(byte) if self.is_quote(byte) => Ok(Kind::String),
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::List),
            Some(b'-' | b'0'..=b'9' | b'N' | b'I') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            _ => Err(self.expected("a value")),
        }
    }

    /// Returns whether a value with this first byte is next.
    #[inline]
    pub(super) fn is_next(&mut self, byte: u8) -> bool {
        self.peek() == Some(byte)
    }

    /// Reads `null`, if it is next. Returns whether it is.
    #[inline]
    pub(crate) fn null(&mut self) -> Result<bool> {
        let is_null = self.is_next(b'n');
        if is_null {
            self.word("null")?;
        }
        Ok(is_null)
    }

    /// Reads `true` or `false`.
    pub(crate) fn bool(&mut self) -> Result<bool> {
        let value = self.peek() == Some(b't');
        self.word(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// Reads a number, and returns its text.
    pub(crate) fn number(&mut self) -> Result<&'a str> {
        let first = self.peek();
        let start = self.at;
        if !self.is_request
            && !first.is_some_and(|byte| byte.is_ascii_digit())
            && let Some(word) = NOT_FINITE.iter().find(|word| self.starts_with(word))
        {
            self.at += word.len();
            return Ok(word);
        }
        if !matches!(first, Some(b'-' | b'0'..=b'9')) {
            return Err(self.expected("a value"));
        }
        self.at += usize::from(first == Some(b'-'));
        match self.byte() {
            // No digit may follow a zero at the start.
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(&self.json[start..self.at])
    }

    /// Reads an integer of up to nine digits, if it is next and nothing but another value follows it.
    pub(super) fn short_integer(&mut self) -> Option<u32> {
        self.peek();
        let rest = &self.json.as_bytes()[self.at..];
        let mut number = 0;
        for (length, byte) in rest.iter().enumerate() {
            match byte {
                b'0'..=b'9' if length < 9 => number = number * 10 + u32::from(byte - b'0'),
                // No digit may follow a zero at the start.
                b',' | b'}' | b']' if length == 1 || length > 1 && rest[0] != b'0' => {
                    self.at += length;
                    return Some(number);
                }
                _ => break,
            }
        }
        None
    }

    /// Reads a list. `each` reads an item.
    pub(crate) fn items(&mut self, mut each: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        let mut more = self.begin(b'[', b']', "a list")?;
        let mut index = 0;
        while more {
            each(self).map_err(|error| error.in_list(index))?;
            index += 1;
            more = self.next(b']', "`,` or `]`")?;
        }
        Ok(())
    }

    /// Reads an object. `each` gets the name of a member, and reads its value.
    pub(crate) fn members(
        &mut self,
        mut each: impl FnMut(&mut Self, &str) -> Result<()>,
    ) -> Result<()> {
        let mut more = self.begin_object()?;
        while more {
            let name = self.name()?;
            each(self, &name).map_err(|error| error.in_member(&name))?;
            more = self.next_member()?;
        }
        Ok(())
    }

    /// Reads the `{` of an object. Returns whether it has a member; an empty object is read as a whole.
    #[inline]
    pub(super) fn begin_object(&mut self) -> Result<bool> {
        self.begin(b'{', b'}', "an object")
    }

    /// Reads the name of a member, and the colon.
    pub(super) fn name(&mut self) -> Result<Cow<'a, str>> {
        let quote = self.opening_quote("the name of a member")?;
        let name = self.rest_of_string(quote)?;
        self.symbol(b':', "`:`")?;
        Ok(name)
    }

    /// Reads the name of a member and the colon, if it is one of `names` and no white space is between them. Returns
    /// its index.
    ///
    /// Compares the text with the names, which is faster than to read a string and to look it up. The search begins at
    /// `likely`.
    #[inline]
    pub(super) fn known_name(&mut self, names: &[&str], likely: usize) -> Option<usize> {
        self.peek();
        let [b'"', text @ ..] = &self.json.as_bytes()[self.at..] else {
            return None;
        };
        let is_next = |index: &usize| {
            let name = names[*index].as_bytes();
            match text.split_at_checked(name.len()) {
                Some((text, [b'"', b':', ..])) => is_same(text, name),
                _ => false,
            }
        };
        let index = (likely..names.len()).find(is_next);
        let index = index.or_else(|| (0..likely).find(is_next))?;
        self.at += names[index].len() + 3;
        Some(index)
    }

    /// Reads the comma after a member, or the end of the object. Returns whether there is another member.
    #[inline]
    pub(super) fn next_member(&mut self) -> Result<bool> {
        self.next(b'}', "`,` or `}`")
    }

    /// Reads any value.
    ///
    /// A number that a [`Value`] cannot hold exactly becomes a string, and so does a value that is nested too deep.
    pub(crate) fn value(&mut self) -> Result<Value> {
        Ok(match self.kind()? {
            Kind::Null => {
                self.null()?;
                Value::Null
            }
            Kind::Bool => self.bool()?.into(),
            Kind::Number => number_value(self.number()?),
            Kind::String => self.string()?.into(),
            Kind::List | Kind::Object if self.depth == MAX_DEPTH => self.raw()?.into(),
            Kind::List => {
                let mut list = Vec::new();
                self.items(|reader| {
                    list.push(reader.value()?);
                    Ok(())
                })?;
                list.into()
            }
            Kind::Object => self.object()?.into(),
        })
    }

    /// Reads an object with any members.
    pub(crate) fn object(&mut self) -> Result<Map<String, Value>> {
        let mut map = Map::new();
        self.members(|reader, name| {
            let value = reader.value()?;
            reader.add(&mut map, name, value)
        })?;
        Ok(map)
    }

    /// Adds a member. It replaces a member with the same name, unless it is `null`.
    pub(super) fn add(&self, map: &mut Map<String, Value>, name: &str, value: Value) -> Result<()> {
        let is_null = value.is_null();
        if let Some(previous) = map.insert(name.to_owned(), value) {
            self.check_unique(true, name)?;
            if is_null {
                map.insert(name.to_owned(), previous);
            }
        }
        Ok(())
    }

    /// Returns the JSON of the next value. What a list or an object contains is not checked, only that it closes.
    pub(crate) fn raw(&mut self) -> Result<&'a str> {
        let kind = self.kind()?;
        let start = self.at;
        if !matches!(kind, Kind::List | Kind::Object) {
            self.value()?;
            return Ok(&self.json[start..self.at]);
        }
        let mut open = 0_usize;
        loop {
            match self.byte() {
                Some(byte) if self.is_quote(byte) => {
                    self.skip_string()?;
                    continue;
                }
                Some(b'{' | b'[') => open += 1,
                Some(b'}' | b']') => open -= 1,
                Some(_) => {}
                None => return Err(self.error("a list or an object has no end")),
            }
            self.at += 1;
            if open == 0 {
                return Ok(&self.json[start..self.at]);
            }
        }
    }

    /// Checks that nothing but white space is left.
    pub(crate) fn end(&mut self) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.expected("the end of the text")),
        }
    }

    /// Returns the error that the next value is not the expected one.
    #[cold]
    pub(crate) fn expected(&mut self, expected: &str) -> ReadError {
        self.peek();
        let rest = &self.json[self.at..];
        let at = self.at;
        let found = match rest.chars().next() {
            None => "the end of the text".to_owned(),
            Some(_) if self.byte().is_some_and(|byte| self.is_quote(byte)) => "a string".to_owned(),
            Some('{') => "an object".to_owned(),
            Some('[') => "a list".to_owned(),
            Some('-' | '0'..='9') => match self.number() {
                Ok(number) => format!("the number {}", quote(number)),
                Err(_) => "an invalid number".to_owned(),
            },
            Some(char) => {
                let word = ["null", "true", "false"];
                let word = word.iter().find(|word| rest.starts_with(**word));
                word.map_or_else(|| format!("{char:?}"), |word| (*word).to_owned())
            }
        };
        self.at = at;
        self.error(format!("expected {expected}, found {found}"))
    }

    /// Returns an error at this position.
    #[cold]
    pub(crate) fn error(&self, message: impl Into<String>) -> ReadError {
        ReadError::new(message.into(), self.at)
    }

    #[inline]
    fn begin(&mut self, open: u8, close: u8, what: &str) -> Result<bool> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(format!("{what} is nested too deep: {MAX_DEPTH} levels")));
        }
        self.symbol(open, what)?;
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(false);
        }
        self.depth += 1;
        Ok(true)
    }

    #[inline]
    fn next(&mut self, close: u8, expected: &str) -> Result<bool> {
        let byte = self.peek();
        let is_comma = byte == Some(b',');
        if !is_comma && byte != Some(close) {
            return Err(self.expected(expected));
        }
        self.at += 1;
        let is_last = !is_comma || self.is_request && self.peek() == Some(close);
        self.at += usize::from(is_comma && is_last);
        self.depth -= usize::from(is_last);
        Ok(!is_last)
    }

    #[inline]
    fn symbol(&mut self, symbol: u8, what: &str) -> Result<()> {
        if self.peek() != Some(symbol) {
            return Err(self.expected(what));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<()> {
        if !self.starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Reads the digits of a number, at least one.
    fn digits(&mut self) -> Result<()> {
        let rest = &self.json.as_bytes()[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.error("a digit is missing in a number"));
        }
        self.at += count;
        Ok(())
    }

    fn starts_with(&self, word: &str) -> bool {
        self.json.as_bytes()[self.at..].starts_with(word.as_bytes())
    }

    /// Returns the next byte after white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                byte => return byte,
            }
        }
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }
}

/// Compares two texts of the same length. Names are short, and a call of `memcmp` takes longer than the comparison.
#[inline]
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let (words, rest) = one.as_chunks::<8>();
    let (other_words, other_rest) = other.as_chunks::<8>();
    words
        .iter()
        .zip(other_words)
        .all(|(one, other)| u64::from_ne_bytes(*one) == u64::from_ne_bytes(*other))
        && rest.iter().zip(other_rest).all(|(one, other)| one == other)
}

/// Converts a number of free data. One that is not finite, or an integer that neither 64 bits nor an `f64` represent
/// exactly, becomes a string.
fn number_value(text: &str) -> Value {
    if NOT_FINITE.contains(&text) {
        return text.into();
    }
    let is_integer = !text.contains(['.', 'e', 'E']);
    // serde_json reads `-0` as an `f64`, which keeps the sign.
    if is_integer && text != "-0" {
        if let Ok(number) = text.parse::<u64>() {
            return number.into();
        }
        if let Ok(number) = text.parse::<i64>() {
            return number.into();
        }
    }
    let number = text.parse().ok().and_then(Number::from_f64);
    // All digits of the `f64`: `{float:.0}` of 1e20 is 100000000000000000000.
    let is_exact = |number: &Number| {
        !is_integer
            || number
                .as_f64()
                .is_some_and(|float| format!("{float:.0}") == text)
    };
    number
        .filter(is_exact)
        .map_or_else(|| text.into(), Value::Number)
}

#[cfg(test)]
mod tests;
