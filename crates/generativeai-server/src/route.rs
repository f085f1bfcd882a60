//! What a path asks for.

use axum::http::Method;
use percent_encoding::percent_decode_str;

use crate::failure::{Code, Failure};

/// What is asked for. Models are named without the `models/` in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Models,
    Model(String),
    Cache(String),
    Ask(Verb, String),
}

/// What a model is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Generate,
    Stream,
    Count,
    Embed,
    BatchEmbed,
}

const VERSIONS: [&str; 4] = ["v1", "v1beta", "v1alpha", "v1beta1"];

/// Tells what a request asks for, or why it cannot be had.
pub(crate) fn route(method: &Method, path: &str) -> Result<Endpoint, Failure> {
    let nowhere = || Failure::new(Code::NOT_FOUND, format!("there is nothing at {path}"));
    let (version, rest) = path
        .trim_start_matches('/')
        .split_once('/')
        .ok_or_else(nowhere)?;
    if !VERSIONS.contains(&version) {
        return Err(nowhere());
    }
    let rest = rest.strip_prefix("publishers/google/").unwrap_or(rest);
    let segments: Option<Vec<String>> = rest.split('/').map(decoded).collect();
    let segments = segments.ok_or_else(nowhere)?;
    let endpoint = match segments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["models"] => Endpoint::Models,
        ["models", last] => match last.rsplit_once(':') {
            None => Endpoint::Model(checked(last)?),
            Some((model, word)) => Endpoint::Ask(verb(word)?, checked(model)?),
        },
        ["cachedContents", id] if method == Method::GET => Endpoint::Cache(checked(id)?),
        _ => return Err(unserved(&segments.join("/"))),
    };
    allowed(method, &endpoint)?;
    Ok(endpoint)
}

fn verb(word: &str) -> Result<Verb, Failure> {
    Ok(match word {
        "generateContent" => Verb::Generate,
        "streamGenerateContent" => Verb::Stream,
        "countTokens" => Verb::Count,
        "embedContent" => Verb::Embed,
        "batchEmbedContents" => Verb::BatchEmbed,
        _ => return Err(unserved(word)),
    })
}

fn allowed(method: &Method, endpoint: &Endpoint) -> Result<(), Failure> {
    let (fits, allow) = match endpoint {
        Endpoint::Ask(..) => (method == Method::POST, "POST"),
        _ => (matches!(*method, Method::GET | Method::HEAD), "GET, HEAD"),
    };
    if fits {
        return Ok(());
    }
    let mut failure = Failure::new(
        Code::METHOD,
        format!("{method} is not for this: use {allow}"),
    );
    failure.allow = Some(allow);
    Err(failure)
}

fn unserved(what: &str) -> Failure {
    Failure::new(Code::UNIMPLEMENTED, format!("`{what}` is not served here"))
}

fn decoded(segment: &str) -> Option<String> {
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    (!text.contains('/')).then(|| text.into_owned())
}

/// A name is never a path: letters, digits, `.`, `_` and `-`, and not dots alone.
fn checked(name: &str) -> Result<String, Failure> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.bytes().all(fits) && name.bytes().any(|byte| byte != b'.') {
        Ok(name.to_owned())
    } else {
        Err(Failure::invalid(format!(
            "`{name}` is no name: it may have letters, digits, `.`, `_`, `-`"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Result<Endpoint, u16> {
        route(&Method::GET, path).map_err(|failure| failure.code().as_u16())
    }

    fn post(path: &str) -> Result<Endpoint, u16> {
        route(&Method::POST, path).map_err(|failure| failure.code().as_u16())
    }

    #[test]
    fn every_version_leads_to_the_same_place() {
        for base in ["/v1", "/v1beta", "/v1alpha", "/v1beta1/publishers/google"] {
            let asked = post(&format!("{base}/models/m-1.5:streamGenerateContent"));

            assert_eq!(asked, Ok(Endpoint::Ask(Verb::Stream, "m-1.5".into())));
            assert_eq!(get(&format!("{base}/models")), Ok(Endpoint::Models));
            assert_eq!(
                get(&format!("{base}/models/m")),
                Ok(Endpoint::Model("m".into()))
            );
        }
        assert_eq!(
            post("/v1beta/models/m%3AcountTokens"),
            Ok(Endpoint::Ask(Verb::Count, "m".into()))
        );
    }

    #[test]
    fn a_name_is_never_a_path() {
        for name in ["..", "%2e%2e", "a%5cb", "a%00b", "", "%20", "a b", "é"] {
            assert_eq!(get(&format!("/v1/models/{name}")), Err(400), "{name}");
        }
        for path in [
            "/v1/models%2Fm",
            "/v1/models/..%2f..%2fetc",
            "/v1/models/%ff",
            "/etc/passwd",
            "/",
        ] {
            assert_eq!(get(path), Err(404), "{path}");
        }
    }

    #[test]
    fn the_rest_of_the_api_is_not_implemented() {
        for path in [
            "/v1beta/files",
            "/v1beta/tunedModels/t:generateContent",
            "/v1/../x",
            "/v1/models/m/x",
        ] {
            assert_eq!(post(path), Err(501), "{path}");
        }
        assert_eq!(post("/v1beta/models/m:predict"), Err(501));
        assert_eq!(post("/v1beta/cachedContents"), Err(501));
    }

    #[test]
    fn another_method_is_refused_with_those_that_would_do() {
        let failure = route(&Method::GET, "/v1/models/m:countTokens").unwrap_err();

        assert_eq!(
            (failure.code().as_u16(), failure.allow),
            (405, Some("POST"))
        );
        assert_eq!(post("/v1/models"), Err(405));
    }
}
