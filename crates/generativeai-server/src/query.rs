//! Query string of a request.
//!
//! axum's extractor is not used: it reports invalid queries in plain text, and the names have two spellings (`alt` and
//! `$alt`, `pageToken` and `page_token`).

use crate::error::ApiError;
use crate::framing::Framing;

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
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match &*name {
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

    /// Returns the encoding of a stream: events with `alt=sse`, else an array. Suffixes such as `;enum-encoding=int` are
    /// accepted and ignored: enums are always written by name, which every client reads.
    ///
    /// # Errors
    /// `alt` names a format that is not served.
    pub(crate) fn framing(&self) -> Result<Framing, ApiError> {
        match self.alt.split(';').next() {
            Some("sse") => Ok(Framing::Sse),
            Some("json" | "") => Ok(Framing::Array { started: false }),
            _ => Err(ApiError::invalid(format!(
                "`alt={}` is not supported: use `sse` or `json`",
                self.alt
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sse(query: &str) -> Option<bool> {
        let framing = Query::parse(query).framing();
        framing.ok().map(|framing| framing == Framing::Sse)
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
