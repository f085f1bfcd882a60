//! The key that clients must show.

use std::fmt;
use std::hint::black_box;

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use serde_json::json;

use crate::failure::{Code, Failure};
use crate::query::Query;

/// The key that clients must show. It is not in its `Debug`.
#[derive(Clone)]
pub(crate) struct Key(pub(crate) String);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// Looks for the key where clients put it: the header, the address, a bearer token.
    pub(crate) fn check(&self, parts: &Parts, query: &Query) -> Result<(), Failure> {
        let header = parts
            .headers
            .get("x-goog-api-key")
            .map(|key| key.as_bytes());
        let shown = header.or(query.key.as_deref().map(str::as_bytes));
        if let Some(shown) = shown {
            return if self.is(shown) {
                Ok(())
            } else {
                Err(wrong_key())
            };
        }
        match parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| bearer(value.as_bytes()))
        {
            Some(token) if self.is(token) => Ok(()),
            Some(_) => Err(Failure::new(
                Code::UNAUTHENTICATED,
                "the bearer token is not the key",
            )),
            None => Err(Failure::new(
                Code::FORBIDDEN,
                "a key is needed: send it as `x-goog-api-key`",
            )),
        }
    }

    /// Compares in a time that does not tell how much of it was right.
    fn is(&self, shown: &[u8]) -> bool {
        let key = self.0.as_bytes();
        let mut differ = u8::from(key.len() != shown.len());
        for (at, byte) in shown.iter().enumerate() {
            differ |= black_box(byte ^ key.get(at % key.len().max(1)).unwrap_or(&0));
        }
        black_box(differ) == 0
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

/// As the service tells it: the clients look for this reason.
fn wrong_key() -> Failure {
    Failure::invalid("API key not valid. Please pass a valid API key.").detail(json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn code(query: &str, headers: &[(&str, &str)]) -> u16 {
        let request = headers
            .iter()
            .fold(Request::get("/"), |request, &(name, value)| {
                request.header(name, value)
            })
            .body(())
            .expect("a request");
        let query = Query::read(query).expect("a query");
        let checked = Key("secret".into()).check(&request.into_parts().0, &query);
        checked.map_or_else(|failure| failure.code().as_u16(), |()| 200)
    }

    #[test]
    fn the_key_is_taken_from_each_place_that_clients_put_it() {
        assert_eq!(code("", &[("x-goog-api-key", "secret")]), 200);
        assert_eq!(code("key=secret", &[]), 200);
        assert_eq!(code("", &[("authorization", "Bearer secret")]), 200);
    }

    #[test]
    fn another_key_is_refused() {
        for wrong in ["", "secre", "secrets", "Secret", "secretsecret"] {
            assert_eq!(code("", &[("x-goog-api-key", wrong)]), 400, "{wrong}");
            assert_eq!(
                code("", &[("authorization", &format!("bearer {wrong}"))]),
                401,
                "{wrong}"
            );
        }
        assert_eq!(code("", &[]), 403);
        assert_eq!(code("", &[("authorization", "Basic secret")]), 403);
    }

    #[test]
    fn the_key_is_not_in_debug() {
        assert!(!format!("{:?}", Key("secret".into())).contains("secret"));
    }
}
