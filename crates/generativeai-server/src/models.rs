//! Mapping from the model names that clients send to the models of the backend.
//!
//! A program names the model of the service that it was written for. A local backend has one model with another name.
//! If all other names were refused, every program would have to be changed; if all were accepted, misspelt names would
//! go unnoticed. So names of Google's model families are mapped, and others are refused.

use axum::http::StatusCode;
use generativeai::protocol::models::Model;
use generativeai::{Backend, Error, RequestOptions};
use tokio::sync::OnceCell;

use crate::error::ApiError;

/// Most pages of the backend's model list that are read.
const MAX_PAGES: usize = 16;

/// Beginnings of the names that Google publishes for models of text and embeddings.
///
/// Models that make pictures, video and music are left out: text from another model would only confuse the program.
const PUBLISHED: [&str; 27] = [
    "gemini",
    "gemma",
    "learnlm",
    "aqa",
    "chat-bison",
    "code-bison",
    "codechat-bison",
    "text-bison",
    "text-unicorn",
    "code-gecko",
    "embedding",
    "text-embedding",
    "text-multilingual-embedding",
    "textembedding-gecko",
    "medlm",
    "deep-research",
    "codegemma",
    "medgemma",
    "shieldgemma",
    "functiongemma",
    "translategemma",
    "embeddinggemma",
    "paligemma",
    "recurrentgemma",
    "t5gemma",
    "txgemma",
    "vaultgemma",
];

/// Names of the backend's models, listed once.
#[derive(Debug)]
pub(crate) struct ModelNames {
    /// Whether only the backend's own names are accepted.
    strict: bool,
    /// The model for names that Google publishes, if it is not the first one of the list.
    default: Option<String>,
    /// The listed names, without `models/`. Not set while the backend fails to list them.
    listed: OnceCell<Vec<String>>,
}

/// The model that handles a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResolvedModel {
    /// Resource name, `models/…`.
    pub(crate) name: String,
    /// Whether the backend confirmed that it has this model.
    confirmed: bool,
}

impl ResolvedModel {
    fn new(name: &str, confirmed: bool) -> Self {
        Self {
            name: format!("models/{name}"),
            confirmed,
        }
    }

    /// Returns the value of `modelVersion`, unless the backend may set a more exact one.
    pub(crate) fn version(&self) -> Option<String> {
        self.confirmed
            .then(|| without_prefix(&self.name).to_owned())
    }
}

impl ModelNames {
    /// Creates the names. With `strict`, published names are not mapped to the default model.
    pub(crate) fn new(strict: bool, default: Option<String>) -> Self {
        Self {
            strict,
            default,
            listed: OnceCell::new(),
        }
    }

    /// Finds the model for a name. The first rule that applies:
    ///
    /// 1. A name that the backend lists is that model.
    /// 2. A name that Google publishes is the default model, if one is set.
    /// 3. If the backend lists no models, the name is passed on unchanged.
    /// 4. A name that the backend knows without listing it is that model.
    /// 5. A name that Google publishes is the backend's first model.
    /// 6. The beginning of exactly one listed name is that model: `smollm2` for `smollm2-135m-instruct`.
    ///
    /// With `strict`, rules 2, 5 and 6 are off.
    ///
    /// # Errors
    /// 404: the backend has no such model.
    pub(crate) async fn resolve(
        &self,
        backend: &dyn Backend,
        name: &str,
    ) -> Result<ResolvedModel, ApiError> {
        // A failure is not cached, so the next request asks for the list again. Until then no model counts as listed.
        let listed = self.listed.get_or_try_init(|| list(backend)).await;
        let listed = listed.map(Vec::as_slice).unwrap_or_default();
        let is_listed = |name: &str| listed.iter().any(|model| model == name);
        if is_listed(name) {
            return Ok(ResolvedModel::new(name, true));
        }
        let may_replace = !self.strict && is_published(name);
        if let Some(default) = self.default.as_deref().filter(|_| may_replace) {
            return Ok(ResolvedModel::new(default, is_listed(default)));
        }
        let Some(first) = listed.first() else {
            return Ok(ResolvedModel::new(name, false));
        };
        if has_unlisted(backend, name).await {
            return Ok(ResolvedModel::new(name, true));
        }
        if may_replace {
            return Ok(ResolvedModel::new(first, true));
        }
        if !self.strict
            && let Some(only) = only_abbreviated(listed, name)
        {
            return Ok(ResolvedModel::new(only, true));
        }
        let message = format!(
            "unknown model `models/{name}`: use `{first}`, or another one of the list (`GET models`)"
        );
        Err(ApiError::new(StatusCode::NOT_FOUND, message))
    }
}

/// Returns whether a name belongs to one of Google's model families: `gemma-3n-e4b-it`, `gemini`. Gateways and hubs put
/// the publisher in front: `google/gemma-3-4b-it`.
fn is_published(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let mut publishers = ["google/", "vertex_ai/", "googleai/", "vertexai/"].into_iter();
    let name = publishers
        .find_map(|it| name.strip_prefix(it))
        .unwrap_or(&name);
    let rest = PUBLISHED
        .iter()
        .find_map(|family| name.strip_prefix(family));
    // `gemini2` and `gemini/x` are of the family, `geminix` is another word.
    rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphabetic()))
}

/// Returns the listed name of which `name` is the beginning, if there is exactly one.
fn only_abbreviated<'a>(listed: &'a [String], name: &str) -> Option<&'a str> {
    let is_abbreviated = |model: &&String| {
        let rest = model.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['-', '.', ':', '@']))
    };
    let mut matching = listed.iter().filter(is_abbreviated);
    let only = matching.next()?;
    matching.next().is_none().then_some(only)
}

/// Asks the backend for a model that its list does not contain. The answer is not cached.
async fn has_unlisted(backend: &dyn Backend, name: &str) -> bool {
    let model = backend.get_model(format!("models/{name}"), RequestOptions::default());
    let model = model.await.ok();
    model.is_some_and(|model| name_of(&model).as_deref() == Some(name))
}

/// Reads the backend's list of models.
async fn list(backend: &dyn Backend) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    let mut token = None;
    for _ in 0..MAX_PAGES {
        let page = backend
            .list_models(token.take(), RequestOptions::default())
            .await?;
        names.extend(page.models.iter().filter_map(name_of));
        token = page.next_page_token.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    Ok(names)
}

fn name_of(model: &Model) -> Option<String> {
    model
        .name
        .as_deref()
        .map(|name| without_prefix(name).to_owned())
}

fn without_prefix(name: &str) -> &str {
    name.strip_prefix("models/").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_one_name_stands_for_it() {
        let listed = ["smollm2-135m-instruct.q4_1", "qwen3-4b", "qwen3-8b"].map(String::from);
        for (name, expected) in [
            ("smollm2", Some("smollm2-135m-instruct.q4_1")),
            ("smollm2-135m-instruct", Some("smollm2-135m-instruct.q4_1")),
            ("qwen3-4b", None),
            ("qwen3", None),
            ("smol", None),
            ("", None),
        ] {
            assert_eq!(only_abbreviated(&listed, name), expected, "{name}");
        }
    }

    /// Row 35 of tests/field.md.
    #[test]
    fn published_names_are_recognised_by_their_family() {
        for name in [
            "gemini-2.5-flash",
            "gemini-flash-latest",
            "gemma-3n-e4b-it",
            "gemma2-9b-it",
            "learnlm-2.0-flash-experimental",
            "Gemini-3-Pro-Preview",
            "text-embedding-004",
            "chat-bison-001",
            "aqa",
            "google/gemini-2.5-flash",
            "gemini/gemini-2.5-flash",
            "vertex_ai/gemini-2.5-pro",
            "txgemma-9b-chat",
            "text-unicorn@001",
            "textembedding-gecko@003",
            "medgemma-27b-text-it",
            "gemini-2.5-computer-use-preview-10-2025",
            "deep-research-pro-preview-12-2025",
        ] {
            assert!(is_published(name), "{name}");
        }
        for name in ["llama-3", "geminix", "my-gemini", "smollm2", ""] {
            assert!(!is_published(name), "{name}");
        }
    }
}
