//! Query string of a request.
//!
//! axum's extractor is not used: it reports invalid queries in plain text, and the names have two spellings (`alt` and
//! `$alt`, `pageToken` and `page_token`).

use percent_encoding::percent_decode_str;

use crate::error::ApiError;

/// Query parameters that the server uses. Others are ignored.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// Format of a stream (`alt`).
    pub(crate) alt: String,
    /// API key (`key`).
    pub(crate) key: Option<String>,
    /// Page of a list (`pageToken`).
    pub(crate) page_token: Option<String>,
    /// Number of items on a page (`pageSize`).
    pub(crate) page_size: Option<String>,
    /// Resumable upload that the request continues (`upload_id`).
    pub(crate) upload_id: Option<String>,
    /// Protocol of an upload (`uploadType`, `upload_protocol`).
    pub(crate) upload_protocol: Option<String>,
}

impl Query {
    /// Parses a query string.
    pub(crate) fn parse(query: &str) -> Self {
        let mut parsed = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value);
            match decode(name).as_str() {
                "alt" | "$alt" => parsed.alt = value,
                "key" | "$key" => parsed.key = Some(value),
                "pageToken" | "page_token" if !value.is_empty() => parsed.page_token = Some(value),
                "pageSize" | "page_size" => parsed.page_size = Some(value),
                "upload_id" => parsed.upload_id = Some(value),
                "uploadType" | "upload_protocol" => parsed.upload_protocol = Some(value),
                _ => {}
            }
        }
        parsed
    }

    /// Returns whether a stream is sent as server-sent events (`alt=sse`). Suffixes such as `;enum-encoding=int` are
    /// accepted and ignored: enums are always written by name, which every client reads.
    ///
    /// # Errors
    /// `alt` names a format that is not served.
    pub(crate) fn is_sse(&self) -> Result<bool, ApiError> {
        match self.alt.split(';').next() {
            Some("sse") => Ok(true),
            Some("json" | "") => Ok(false),
            _ => Err(ApiError::invalid(format!(
                "`alt={}` is not supported: use `sse` or `json`",
                self.alt
            ))),
        }
    }
}

/// Decodes a name or a value: `+` is a space, `%26` an ampersand.
fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sse(query: &str) -> Option<bool> {
        Query::parse(query).is_sse().ok()
    }

    #[test]
    fn alt_selects_the_format_of_a_stream() {
        assert_eq!(sse("alt=sse"), Some(true));
        assert_eq!(sse("key=x&alt=sse&prettyPrint=false"), Some(true));
        assert_eq!(sse(""), Some(false));
        assert_eq!(sse("$alt=json;enum-encoding=int"), Some(false));
        assert_eq!(sse("%24alt=json%3Benum-encoding%3Dint"), Some(false));
        assert_eq!(sse("alt=proto"), None);
    }

    #[test]
    fn values_are_percent_decoded() {
        let query = Query::parse("key=a%26b&pageToken=x+y");

        let expected = Query {
            key: Some("a&b".into()),
            page_token: Some("x y".into()),
            ..Query::default()
        };
        assert_eq!(query, expected);
    }
}
