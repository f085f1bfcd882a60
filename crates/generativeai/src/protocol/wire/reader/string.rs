//! Strings: text, escapes and surrogate pairs.

use std::borrow::Cow;

use super::{Reader, Result};
use crate::protocol::wire::plain_length;

impl<'a> Reader<'a> {
    /// Reads a string. It is copied only if it contains an escape.
    ///
    /// Half of a surrogate pair is read as U+FFFD, the replacement character.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>> {
        let quote = self.opening_quote("a string")?;
        self.rest_of_string(quote)
    }

    /// Returns whether a string may begin and end with this byte.
    #[inline]
    pub(super) fn is_quote(&self, byte: u8) -> bool {
        byte == b'"' || byte == b'\'' && self.is_request
    }

    /// Reads the opening quote of a string, and returns it.
    #[inline]
    pub(super) fn opening_quote(&mut self, what: &str) -> Result<u8> {
        let quote = self.peek().filter(|byte| self.is_quote(*byte));
        let quote = quote.ok_or_else(|| self.expected(what))?;
        self.at += 1;
        Ok(quote)
    }

    /// Reads a string after its opening quote.
    #[inline]
    pub(super) fn rest_of_string(&mut self, quote: u8) -> Result<Cow<'a, str>> {
        let plain = self.plain(quote);
        if self.byte() == Some(quote) {
            self.at += 1;
            return Ok(plain.into());
        }
        self.escaped_string(plain, quote)
    }

    /// Reads a string after its beginning, which contains no escape.
    fn escaped_string(&mut self, plain: &str, quote: u8) -> Result<Cow<'a, str>> {
        let mut text = String::with_capacity(plain.len() + 32);
        text.push_str(plain);
        loop {
            match self.byte() {
                Some(byte) if byte == quote => {
                    self.at += 1;
                    return Ok(text.into());
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escaped()?);
                }
                Some(_) => return Err(self.error("a control character in a string is not escaped")),
                None => return Err(self.error("the string has no end")),
            }
            text.push_str(self.plain(quote));
        }
    }

    /// Skips a string, whose opening quote is next. Its escapes are not checked.
    pub(super) fn skip_string(&mut self) -> Result<()> {
        let quote = self.opening_quote("a string")?;
        loop {
            self.plain(quote);
            match self.byte() {
                Some(byte) if byte == quote => break,
                Some(b'\\') => {
                    // The character after the backslash may be a quote.
                    let escaped = self.json[self.at + 1..].chars().next();
                    self.at += 1 + escaped.map_or(0, char::len_utf8);
                }
                None => return Err(self.error("the string has no end")),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(())
    }

    /// Reads the text up to the closing quote, a backslash or a control character.
    #[inline]
    fn plain(&mut self, quote: u8) -> &'a str {
        let start = self.at;
        let rest = &self.json.as_bytes()[start..];
        let is_escaped = |byte: &u8| matches!(byte, 0..b' ' | b'\'' | b'\\');
        self.at += match quote {
            b'"' => plain_length(rest),
            _ => rest.iter().position(is_escaped).unwrap_or(rest.len()),
        };
        &self.json[start..self.at]
    }

    /// Reads an escape after its backslash.
    fn escaped(&mut self) -> Result<char> {
        let char = match self.byte() {
            Some(byte @ (b'\\' | b'/')) => byte.into(),
            Some(byte) if self.is_quote(byte) => byte.into(),
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{C}',
            Some(b'u') => {
                self.at += 1;
                return self.code_unit();
            }
            _ => return Err(self.error("the escape is invalid")),
        };
        self.at += 1;
        Ok(char)
    }

    /// Reads the digits after `\u`, and the second half of a surrogate pair.
    fn code_unit(&mut self) -> Result<char> {
        let Some(unit) = self.hex_digits(self.at) else {
            return Err(self.error("`\\u` needs four hexadecimal digits"));
        };
        self.at += 4;
        if matches!(unit, 0xD800..0xDC00)
            && self.json[self.at..].starts_with("\\u")
            && let Some(low @ 0xDC00..0xE000) = self.hex_digits(self.at + 2)
        {
            self.at += 6;
            let [high, low] = [unit, low].map(u32::from);
            let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        Ok(char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex_digits(&self, at: usize) -> Option<u16> {
        let digits = self.json.get(at..at + 4)?;
        // `from_str_radix` would accept a sign.
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u16::from_str_radix(digits, 16).ok())?
    }
}
