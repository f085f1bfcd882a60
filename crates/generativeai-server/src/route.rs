//! Mapping from HTTP method and path to the endpoints of the API.
//!
//! `route` is a pure function over the path. ARCHITECTURE.md states why axum does not match it.

use axum::http::Method;
use percent_encoding::percent_decode_str;

use crate::error::ApiError;

/// A call of the API. Models and caches are named without the collection in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `GET models`
    ListModels,
    /// `GET models/{model}`
    GetModel(String),
    /// `GET cachedContents/{cache}`
    GetCachedContent(String),
    /// `POST models/{model}:{method}`
    Call(ModelMethod, String),
    /// An endpoint of the Files API
    Files(FilesEndpoint),
}

/// A call of the Files API, which is served only if the server stores files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FilesEndpoint {
    /// `GET files`
    List,
    /// `GET files/{file}`
    Get(String),
    /// `DELETE files/{file}`
    Delete(String),
    /// `POST upload/files`, and `PUT` for older clients
    Upload,
    /// `GET $discovery/rest`
    Discovery,
}

impl FilesEndpoint {
    /// Rejects an HTTP method that the endpoint does not have.
    pub(crate) fn check_method(&self, method: &Method) -> Result<(), ApiError> {
        let allowed = match self {
            Self::List | Self::Discovery => "GET, HEAD",
            Self::Get(_) | Self::Delete(_) => "GET, HEAD, DELETE",
            Self::Upload => "POST, PUT",
        };
        check_method(method, allowed)
    }
}

/// The method after the colon: `models/{model}:{method}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ModelMethod {
    /// One reply.
    GenerateContent,
    /// A reply in chunks.
    StreamGenerateContent,
    /// The number of tokens of a request.
    CountTokens,
    /// The embedding of one content.
    EmbedContent,
    /// The embeddings of several contents.
    BatchEmbedContents,
}

/// API versions. All are served alike.
const VERSIONS: [&str; 4] = ["v1", "v1beta", "v1alpha", "v1beta1"];

/// Alternatives to parts of the API that are not served, by a word of their path or the name of their method.
const ALTERNATIVES: [(&str, &str); 12] = [
    ("files", "send the data in the request as `inlineData`"),
    ("upload", "send the data in the request as `inlineData`"),
    ("cachedContents", "repeat the contents in each request"),
    ("createCachedContent", "repeat the contents in each request"),
    ("interactions", "use `models/{model}:generateContent`"),
    ("openai", "use `models/{model}:generateContent`"),
    (
        "batchGenerateContent",
        "send the requests one by one to `:generateContent`",
    ),
    (
        "batches",
        "send the requests one by one to `:generateContent`",
    ),
    (
        "predict",
        "use `models/{model}:embedContent` or `:batchEmbedContents`",
    ),
    ("computeTokens", "use `models/{model}:countTokens`"),
    ("bidiGenerateContent", "use `:streamGenerateContent`"),
    ("tunedModels", "use a model that `GET models` lists"),
];

/// Finds the endpoint of a request.
///
/// # Errors
/// 400 for a malformed model name, 404 for a path that is not served, 405 for a wrong method. A
/// server without files refuses their paths, whatever the method, so [`FilesEndpoint::check_method`] is separate.
pub(crate) fn route(method: &Method, path: &str) -> Result<Endpoint, ApiError> {
    let segments = segments(path).ok_or_else(|| not_served(path))?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if is_upload(&segments) {
        return Ok(Endpoint::Files(FilesEndpoint::Upload));
    }
    let endpoint = match without_base(&segments) {
        ["models"] => Endpoint::ListModels,
        // A client that puts `models/` in front of a full resource name sends it twice.
        ["models", "models", name @ ..] | ["models", name @ ..] => model(method, &name.join("/"))?,
        // Other methods on caches are not served: they get the alternative instead of a 405.
        ["cachedContents", id] if method == Method::GET => {
            Endpoint::GetCachedContent(resource_id(id)?)
        }
        ["$discovery", "rest"] => Endpoint::Files(FilesEndpoint::Discovery),
        ["files"] => Endpoint::Files(FilesEndpoint::List),
        // `files:register` and `files/{file}:download` are not served.
        ["files", id] if !id.contains(':') => {
            let id = resource_id(id)?;
            Endpoint::Files(match *method {
                Method::DELETE => FilesEndpoint::Delete(id),
                _ => FilesEndpoint::Get(id),
            })
        }
        _ => return Err(not_served(path)),
    };
    match endpoint {
        Endpoint::ListModels | Endpoint::GetModel(_) | Endpoint::GetCachedContent(_) => {
            check_method(method, "GET, HEAD")?;
        }
        Endpoint::Call(..) => check_method(method, "POST")?,
        Endpoint::Files(_) => {}
    }
    Ok(endpoint)
}

/// Returns whether a path is for uploads: `upload` precedes the version, or `files`.
fn is_upload(segments: &[&str]) -> bool {
    matches!(without_base(segments), ["files"] | ["upload", "files"])
        && segments.contains(&"upload")
}

/// Splits a path into decoded segments, leaving out empty ones. Returns `None` if a segment is not UTF-8 or contains an
/// encoded slash: after decoding, it would look like a separator.
fn segments(path: &str) -> Option<Vec<String>> {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| {
            let text = percent_decode_str(segment).decode_utf8().ok()?;
            (!text.contains('/')).then(|| text.into_owned())
        })
        .collect()
}

/// Removes the prefix of the resource: the version, and the project and publisher of Vertex AI.
///
/// A base URL that was copied with too much at its end repeats some of it, as `/v1beta/v1beta/models`
/// or `/v1beta/models/a:generateContent/v1beta/models/b`: the last version counts. A base URL without
/// a version is accepted too, also that of a proxy, such as `/gemini/models/m`.
fn without_base<'a, 's>(segments: &'a [&'s str]) -> &'a [&'s str] {
    let version = segments
        .iter()
        .rposition(|segment| VERSIONS.contains(segment));
    let resource = || {
        segments
            .iter()
            .position(|it| ["projects", "models"].contains(it))
    };
    let start = version.map(|at| at + 1).or_else(resource);
    let mut rest = &segments[start.unwrap_or_default()..];
    if let ["projects", _, "locations", _, after @ ..] = rest {
        rest = after;
    }
    if let ["publishers", "google", after @ ..] = rest {
        rest = after;
    }
    rest
}

/// Reads `{model}:{method}` or `{model}`. Names of other servers contain slashes and colons: `qwen3:4b`.
fn model(http: &Method, path: &str) -> Result<Endpoint, ApiError> {
    let (mut name, mut called) = (path, None);
    // Like the version, the method may be doubled by a base URL.
    while let Some((before, word)) = name.rsplit_once(':')
        && let Some(method) = model_method(word)
    {
        called = called.or(Some(method));
        name = before;
    }
    match called {
        Some(method) => Ok(Endpoint::Call(method, model_name(name)?)),
        // A POST calls a method, so the last word is one that is not served. In a GET it is a part of the model's name.
        None if http == Method::POST && path.contains([':', '/']) => {
            Err(not_served(path.rsplit(':').next().unwrap_or(path)))
        }
        None => Ok(Endpoint::GetModel(model_name(name)?)),
    }
}

/// Reads the method after the colon.
fn model_method(name: &str) -> Option<ModelMethod> {
    Some(match name {
        "generateContent" => ModelMethod::GenerateContent,
        "streamGenerateContent" => ModelMethod::StreamGenerateContent,
        "countTokens" => ModelMethod::CountTokens,
        "embedContent" => ModelMethod::EmbedContent,
        "batchEmbedContents" => ModelMethod::BatchEmbedContents,
        _ => return None,
    })
}

/// Rejects a method that is not in the list.
fn check_method(method: &Method, allowed: &'static str) -> Result<(), ApiError> {
    match allowed.split(", ").any(|name| method == name) {
        true => Ok(()),
        false => Err(ApiError::method_not_allowed(method, allowed)),
    }
}

/// Returns the error for a path or a method that is not served, with what to use instead.
pub(crate) fn not_served(what: &str) -> ApiError {
    let alternative = ALTERNATIVES.iter().find(|(name, _)| {
        let mut words = what.split(['/', ':']);
        words.any(|word| word == *name)
    });
    let alternative = alternative.map_or(
        "use `models/{model}:generateContent`, `:streamGenerateContent`, `:countTokens`, \
         `:embedContent` or `GET models`, under `/v1beta`",
        |(_, alternative)| alternative,
    );
    ApiError::unsupported(format!("`{what}` is not served here: {alternative}"))
}

/// Checks the name of a model: segments of letters, digits and `.`, `_`, `-`, `:`, `@` and `+`, none of which is dots
/// alone.
fn model_name(name: &str) -> Result<String, ApiError> {
    let is_allowed = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':' | b'@' | b'+')
    };
    let is_segment =
        |segment: &str| segment.bytes().all(is_allowed) && segment.bytes().any(|byte| byte != b'.');
    if name.split('/').all(is_segment) {
        Ok(name.to_owned())
    } else {
        Err(ApiError::invalid(format!(
            "invalid model name `{name}`: use letters, digits, `.`, `_`, `-`, `:`, `@`, `+` and `/`"
        )))
    }
}

/// Checks the id of a resource: letters, digits, `.`, `_` and `-`, but not dots alone. So an id is
/// never a path.
fn resource_id(id: &str) -> Result<String, ApiError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if id.bytes().all(is_allowed) && id.bytes().any(|byte| byte != b'.') {
        Ok(id.to_owned())
    } else {
        Err(ApiError::invalid(format!(
            "invalid resource id `{id}`: use letters, digits, `.`, `_` and `-`"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Result<Endpoint, u16> {
        route(&Method::GET, path).map_err(|error| error.code())
    }

    fn post(path: &str) -> Result<Endpoint, u16> {
        route(&Method::POST, path).map_err(|error| error.code())
    }

    fn generate(model: &str) -> Result<Endpoint, u16> {
        Ok(Endpoint::Call(ModelMethod::GenerateContent, model.into()))
    }

    #[test]
    fn all_versions_have_the_same_endpoints() {
        for base in ["/v1", "/v1beta", "/v1alpha", "/v1beta1/publishers/google"] {
            assert_eq!(
                post(&format!("{base}/models/m-1.5:streamGenerateContent")),
                Ok(Endpoint::Call(
                    ModelMethod::StreamGenerateContent,
                    "m-1.5".into()
                ))
            );
            assert_eq!(get(&format!("{base}/models")), Ok(Endpoint::ListModels));
            assert_eq!(
                get(&format!("{base}/models/m")),
                Ok(Endpoint::GetModel("m".into()))
            );
        }
        assert_eq!(
            post("/v1beta/models/m%3AcountTokens"),
            Ok(Endpoint::Call(ModelMethod::CountTokens, "m".into()))
        );
    }

    /// Row 43 of tests/field.md.
    #[test]
    fn a_base_url_may_lack_the_version_or_contain_a_whole_path() {
        for path in [
            "/models/m:generateContent",
            "/v1beta/v1beta/models/m:generateContent",
            "/v1/v1beta/models/m:generateContent",
            "//v1beta//models/m:generateContent",
            "/v1beta/models/v1beta/models/m:generateContent",
            "/v1beta/models/other:generateContent/v1beta/models/m:generateContent",
            "/v1beta/models/models/m:generateContent",
            "/v1beta/models/m:generateContent:generateContent",
            "/v1beta1/projects/p/locations/us-central1/publishers/google/models/m:generateContent",
            "/v1/projects/p/locations/global/publishers/google/models/m:generateContent/",
            "/v1beta/openai/v1beta/models/m:generateContent",
            "/proxy/gemini/v1beta/models/m:generateContent",
            "/proxy/gemini/models/m:generateContent",
            "/vertex_ai/projects/p/locations/l/publishers/google/models/m:generateContent",
            "/publishers/google/models/m:generateContent",
            "/v1/account/gateway/google-ai-studio/v1/models/m:generateContent",
            "/v1beta/publishers/google/models/m:generateContent",
            "/v1beta1/publishers/google/v1beta1/publishers/google/models/m:generateContent",
        ] {
            assert_eq!(post(path), generate("m"), "{path}");
        }
        assert_eq!(get("/models"), Ok(Endpoint::ListModels));
        assert_eq!(get("/v1beta/v1beta/models/"), Ok(Endpoint::ListModels));
    }

    #[test]
    fn names_of_other_servers_contain_slashes_and_colons() {
        for name in [
            "qwen3:4b",
            "Qwen/Qwen3-4B",
            "meta-llama/llama-3.1-8b-instruct:free",
            "ggml-org/gemma-3-4b-it-GGUF:Q4_K_M",
            "qwen2.5-7b@q4_k_m",
        ] {
            let path = format!("/v1beta/models/{name}");
            assert_eq!(get(&path), Ok(Endpoint::GetModel(name.into())));
            assert_eq!(post(&format!("{path}:generateContent")), generate(name));
            let encoded = path.replace(':', "%3A");
            assert_eq!(post(&format!("{encoded}:generateContent")), generate(name));
        }
    }

    #[test]
    fn a_model_name_is_never_a_path() {
        for name in ["a/../b", "a/%2e%2e"] {
            let path = format!("/v1/models/{name}:generateContent");
            assert_eq!(post(&path), Err(400), "{name}");
        }
        for name in ["..", "%2e%2e", "a%5cb", "a%00b", "%20", "a b", "é"] {
            assert_eq!(get(&format!("/v1/models/{name}")), Err(400), "{name}");
        }
        for path in [
            "/v1/models%2Fm",
            "/v1/models/..%2f..%2fetc",
            "/v1/models/%ff",
            "/etc/passwd",
            "/v1/../x",
            "/",
        ] {
            assert_eq!(get(path), Err(404), "{path}");
        }
    }

    /// Row 41 of tests/field.md.
    #[test]
    fn a_path_that_is_not_served_gets_an_alternative_and_a_code_that_is_not_retried() {
        for (path, alternative) in [
            ("/v1beta/files:register", "inlineData"),
            ("/v1beta/files/a:download", "inlineData"),
            ("/upload/v1beta/fileSearchStores", "inlineData"),
            ("/v1beta/interactions", "generateContent"),
            ("/v1beta/tunedModels/t:generateContent", "GET models"),
            ("/v1beta/cachedContents", "repeat the contents"),
            ("/v1beta/openai/chat/completions", "generateContent"),
            ("/v1beta/models/m:batchGenerateContent", "one by one"),
            (
                "/v1beta/models/m:predict",
                "use `models/{model}:embedContent`",
            ),
            (
                "/v1beta1/publishers/google/models/m:computeTokens",
                "use `models/{model}:countTokens`",
            ),
            ("/v1beta/models/m:asyncBatchEmbedContent", ":embedContent"),
            ("/v1alpha/auth_tokens", ":generateContent"),
            ("/v1beta/fileSearchStores", ":generateContent"),
            ("/v1beta/operations/1", ":generateContent"),
            ("/v1beta/batches/1:cancel", "one by one"),
            ("/v1beta/openai/embeddings", ":generateContent"),
            (
                "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
                ":streamGenerateContent",
            ),
            ("/v1/models/m/x", ":generateContent"),
        ] {
            let error = route(&Method::POST, path).expect_err(path);

            let body = String::from_utf8(error.to_json()).expect("JSON");
            assert_eq!(error.code(), 404, "{path}");
            assert!(body.contains(alternative), "{body}");
            assert!(body.contains("UNIMPLEMENTED"), "{body}");
        }
    }

    #[test]
    fn files_are_uploaded_to_a_separate_path() {
        for path in [
            "/upload/v1beta/files",
            "/resumable/upload/v1beta/files",
            "/v1beta/upload/v1beta/files",
            "/v1beta/upload/files",
            "/upload/files",
        ] {
            assert_eq!(
                post(path),
                Ok(Endpoint::Files(FilesEndpoint::Upload)),
                "{path}"
            );
        }
        assert_eq!(
            get("/v1beta/files"),
            Ok(Endpoint::Files(FilesEndpoint::List))
        );
        assert_eq!(
            get("/v1beta/files/a-1"),
            Ok(Endpoint::Files(FilesEndpoint::Get("a-1".into())))
        );
        assert_eq!(
            route(&Method::DELETE, "/v1/files/a").map_err(|error| error.code()),
            Ok(Endpoint::Files(FilesEndpoint::Delete("a".into())))
        );
        for id in ["..", "a%20b", "%C3%A4"] {
            assert_eq!(get(&format!("/v1beta/files/{id}")), Err(400), "{id}");
        }
    }

    #[test]
    fn a_wrong_method_is_rejected_with_the_allowed_methods() {
        let error = route(&Method::GET, "/v1/models/m:countTokens").unwrap_err();

        assert_eq!(error.code(), 405);
        assert_eq!(error.to_response().headers()["allow"], "POST");
        assert_eq!(post("/v1/models"), Err(405));
        assert_eq!(post("/v1/models/m"), Err(405));
    }
}
