//! Check of the API key.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use ring::hmac;
use serde_json::json;

use crate::error::ApiError;

/// The API key that clients must send: its HMAC, which ring compares in constant time.
pub(crate) struct ApiKey(hmac::Tag);

impl ApiKey {
    pub(crate) fn new(key: &str) -> Self {
        Self(hmac::sign(&hmac_key(), key.as_bytes()))
    }

    /// Checks the key of a request, which clients send as the header `x-goog-api-key`, as the query
    /// parameter `key`, or as a bearer token.
    ///
    /// # Errors
    /// 400, 401 or 403, as the service responds to a wrong key, a wrong token, and a missing key.
    pub(crate) fn check(&self, headers: &HeaderMap, query: Option<&str>) -> Result<(), ApiError> {
        let header = headers.get("x-goog-api-key").map(|key| key.as_bytes());
        if let Some(key) = header.or(query.map(str::as_bytes)) {
            return if self.matches(key) {
                Ok(())
            } else {
                Err(invalid_key())
            };
        }
        let authorization = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
        match authorization.and_then(bearer_token) {
            Some(token) if self.matches(token) => Ok(()),
            Some(_) => Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "the bearer token is not the API key of this server",
            )),
            None => Err(ApiError::forbidden(
                "the request has no API key: send it as `x-goog-api-key`",
            )),
        }
    }

    /// Compares in a time that depends only on the candidate's length. So the time of a response does not show how many
    /// bytes of a guessed key are right. An empty candidate never matches: a server whose key is empty by mistake, such
    /// as an unset variable, must not be open.
    fn matches(&self, candidate: &[u8]) -> bool {
        !candidate.is_empty() && hmac::verify(&hmac_key(), candidate, self.0.as_ref()).is_ok()
    }
}

/// Returns the key of the HMACs. It need not be secret: they never leave the process.
fn hmac_key() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, b"")
}

/// Returns the token of an `Authorization: Bearer …` header.
fn bearer_token(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

/// Creates the error for a wrong key. Message and reason are those of the service: clients check them.
fn invalid_key() -> ApiError {
    ApiError::invalid("API key not valid. Please pass a valid API key.").with_detail(json!({
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

    fn code(query: Option<&str>, headers: &[(&str, &str)]) -> u16 {
        let request = headers
            .iter()
            .fold(Request::get("/"), |request, &(name, value)| {
                request.header(name, value)
            })
            .body(())
            .expect("a request");
        let checked = ApiKey::new("secret").check(request.headers(), query);
        checked.map_or_else(|error| error.code(), |()| 200)
    }

    #[test]
    fn the_key_is_accepted_in_header_query_and_bearer_token() {
        assert_eq!(code(None, &[("x-goog-api-key", "secret")]), 200);
        assert_eq!(code(Some("secret"), &[]), 200);
        assert_eq!(code(None, &[("authorization", "Bearer secret")]), 200);
    }

    #[test]
    fn a_wrong_or_missing_key_is_rejected() {
        for wrong in ["", "secre", "secrets", "Secret", "secretsecret"] {
            assert_eq!(code(None, &[("x-goog-api-key", wrong)]), 400, "{wrong}");
            assert_eq!(
                code(None, &[("authorization", &format!("bearer {wrong}"))]),
                401,
                "{wrong}"
            );
        }
        assert_eq!(code(None, &[]), 403);
        assert_eq!(code(None, &[("authorization", "Basic secret")]), 403);
    }

    #[test]
    fn an_empty_key_matches_nothing() {
        for sent in ["", "x"] {
            let checked = ApiKey::new("").check(&HeaderMap::new(), Some(sent));
            assert_eq!(checked.expect_err(sent).code(), 400);
        }
    }
}
