//! What stands behind the question mark of an address.

use percent_encoding::percent_decode_str;

use crate::failure::Failure;

/// What stands behind the question mark, as far as it is heeded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// Whether a stream comes as server-sent events.
    pub(crate) sse: bool,
    pub(crate) key: Option<String>,
    pub(crate) page_token: Option<String>,
}

impl Query {
    pub(crate) fn read(query: &str) -> Result<Self, Failure> {
        let mut read = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value);
            match decoded(name).as_str() {
                "alt" | "$alt" => read.sse = is_sse(&value)?,
                "key" | "$key" => read.key = Some(value),
                "pageToken" | "page_token" if !value.is_empty() => read.page_token = Some(value),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// Enums are always written by name, which every client reads, whatever encoding is asked for.
fn is_sse(alt: &str) -> Result<bool, Failure> {
    match alt.split(';').next() {
        Some("sse") => Ok(true),
        Some("json" | "") => Ok(false),
        _ => Err(Failure::invalid(format!(
            "`alt={alt}` is not served: `sse` or `json` is"
        ))),
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sse(query: &str) -> Option<bool> {
        Query::read(query).ok().map(|query| query.sse)
    }

    #[test]
    fn the_forms_of_an_answer_are_told_apart() {
        assert_eq!(sse("alt=sse"), Some(true));
        assert_eq!(sse("key=x&alt=sse&prettyPrint=false"), Some(true));
        assert_eq!(sse(""), Some(false));
        assert_eq!(sse("$alt=json;enum-encoding=int"), Some(false));
        assert_eq!(sse("%24alt=json%3Benum-encoding%3Dint"), Some(false));
        assert_eq!(sse("alt=proto"), None);
    }

    #[test]
    fn values_are_decoded() {
        let query = Query::read("key=a%26b&pageToken=x+y").ok();

        let expected = Query {
            sse: false,
            key: Some("a&b".into()),
            page_token: Some("x y".into()),
        };
        assert_eq!(query, Some(expected));
    }
}
