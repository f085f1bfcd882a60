//! Names of resources in paths.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::{Error, ErrorKind, Result};

/// Maximum length of the name of a resource, in bytes.
const MAX_NAME: usize = 512;

/// Characters that are escaped in a query: all but the unreserved ones of RFC 3986, and `@`.
pub(super) const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@');

/// Characters that are escaped in a path. A colon is one of them, since it precedes the method:
/// `models/gemma%3A4b:generateContent`.
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// Checks a resource name and converts it to a path. A name without a slash belongs to `collection`.
///
/// Names often come from users. So a name with `..`, a query or an escape is refused: it could address another
/// resource.
pub(super) fn path_of(collection: &str, name: &str) -> Result<String> {
    let bad = |what: &str| {
        // The message may be printed, and a terminal interprets control characters.
        let name: String = name
            .chars()
            .filter(|char| !char.is_control())
            .take(80)
            .collect();
        bad_name(format!("the name `{name}` {what}"))
    };
    if name.trim().is_empty() {
        return Err(bad_name(format!("a name in `{collection}/` is empty")));
    }
    if name.len() > MAX_NAME {
        return Err(bad(&format!("is longer than {MAX_NAME} bytes")));
    }
    if let Some(char) = name.chars().find(|char| is_forbidden(*char)) {
        let code = u32::from(char);
        return Err(bad(&match char.is_control() || char.is_whitespace() {
            true => format!("contains the character U+{code:04X}"),
            false => format!("contains `{char}`"),
        }));
    }
    if name
        .split('/')
        .any(|segment| matches!(segment, "" | "." | ".."))
    {
        return Err(bad(&format!(
            "is not a path such as `{collection}/…`: it has an empty or dotted segment"
        )));
    }
    let mut path = String::with_capacity(collection.len() + 1 + name.len());
    if !name.contains('/') {
        path.push_str(collection);
        path.push('/');
    }
    path.extend(utf8_percent_encode(name, PATH));
    Ok(path)
}

fn is_forbidden(char: char) -> bool {
    char.is_whitespace() || char.is_control() || matches!(char, '?' | '#' | '%' | '\\')
}

fn bad_name(message: String) -> Error {
    Error::new(ErrorKind::Request, message)
}
