//! Mapping from the model names that clients send to the models of the backend.
//!
//! A program names the model of the service that it was written for. A local backend has one model with another name.
//! If all other names were refused, every program would have to be changed; if all were accepted, misspelt names would
//! go unnoticed. So names of Google's model families are mapped, and others are refused.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use generativeai::protocol::models::{Model, id_of};
use generativeai::{Backend, Error, RequestOptions};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::error::ApiError;

/// Most pages of the backend's model list that are read.
const MAX_PAGES: usize = 16;

/// Time after which the backend is asked again for a list that it refused or that was empty, or for a model that it
/// does not list. Each question is a request if the backend is another service.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// Most answers that are cached. Clients choose the names.
const MAX_ANSWERS: usize = 1_000;
/// Longest name that is cached, in bytes, so that clients cannot fill the memory with long ones.
const MAX_CACHED_NAME: usize = 256;

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

/// Names of the backend's models, listed until the list has one.
#[derive(Default)]
pub(crate) struct ModelNames {
    /// Whether only the backend's own names are accepted, so that published names are not mapped to the default model.
    pub(crate) strict: bool,
    /// The model for names that Google publishes, if it is not the first one of the list.
    pub(crate) default: Option<String>,
    /// The listed names, without `models/`. Not set while the backend lists none.
    listed: OnceCell<Vec<String>>,
    /// Cached answers of the backend: whether it has a list (`models`), and models that it does not list.
    answers: Answers,
}

/// Answers that are cached for a time: whether a resource exists.
#[derive(Default)]
struct Answers(Mutex<HashMap<String, (bool, Instant)>>);

impl Answers {
    fn get(&self, resource: &str) -> Option<bool> {
        let answers = self.lock();
        let (exists, until) = answers.get(resource)?;
        (Instant::now() < *until).then_some(*exists)
    }

    fn insert(&self, resource: &str, exists: bool) {
        if resource.len() > MAX_CACHED_NAME {
            return;
        }
        let mut answers = self.lock();
        if answers.len() >= MAX_ANSWERS {
            answers.clear();
        }
        let until = Instant::now() + ANSWER_TIME;
        answers.insert(resource.to_owned(), (exists, until));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (bool, Instant)>> {
        // A panic between two changes leaves a valid cache, which may lack entries.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ModelNames {
    /// Returns the resource name, `models/…`, of the model for a name. The first rule that applies:
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
    ) -> Result<String, ApiError> {
        let resource = format!("models/{name}");
        let listed = self.listed(backend).await;
        if listed.iter().any(|model| model == name) {
            return Ok(resource);
        }
        let may_replace = !self.strict && is_published(name);
        if let Some(default) = self.default.as_deref().filter(|_| may_replace) {
            return Ok(format!("models/{default}"));
        }
        let Some(first) = listed.first() else {
            return Ok(resource);
        };
        if self.has_unlisted(backend, &resource).await {
            return Ok(resource);
        }
        if may_replace {
            return Ok(format!("models/{first}"));
        }
        if !self.strict
            && let Some(only) = only_abbreviated(listed, name)
        {
            return Ok(format!("models/{only}"));
        }
        // Not cached: a client that gets this error may repeat its request as soon as the backend has the model.
        self.answers.lock().remove(&resource);
        let message = format!(
            "unknown model `{resource}`: use `{first}`, or another one of the list (`GET models`)"
        );
        Err(ApiError::not_found(message))
    }

    /// Returns the names that the backend lists; none while it fails to list them.
    async fn listed(&self, backend: &dyn Backend) -> &[String] {
        if self.answers.get("models") == Some(false) {
            return &[];
        }
        let listed = self
            .listed
            .get_or_try_init(async || match list(backend).await {
                // Models may be installed while the server runs.
                Ok(names) if names.is_empty() => Err(false),
                Ok(names) => Ok(names),
                Err(error) => Err(error.is_retryable()),
            });
        match listed.await {
            Ok(names) => names,
            Err(is_retryable) => {
                // A retryable failure is not cached, since the next request may succeed.
                if !is_retryable {
                    self.answers.insert("models", false);
                }
                &[]
            }
        }
    }

    /// Returns whether the backend has a model that its list does not contain.
    async fn has_unlisted(&self, backend: &dyn Backend, resource: &str) -> bool {
        if let Some(exists) = self.answers.get(resource) {
            return exists;
        }
        let found = backend.get_model(resource.to_owned(), RequestOptions::default());
        let exists = match found.await {
            Ok(model) => name_of(&model).as_deref() == Some(id_of(resource)),
            Err(error) if error.is_retryable() => return false,
            Err(_) => false,
        };
        self.answers.insert(resource, exists);
        exists
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
    model.name.as_deref().map(|name| id_of(name).to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use generativeai::protocol::models::ListModelsResponse;
    use generativeai::protocol::request::GenerateContentRequest;
    use generativeai::protocol::response::GenerateContentResponse;
    use generativeai::{BoxFuture, ErrorKind, Result};

    use super::*;

    /// Backend that counts the requests for its list and for a model. It lists one model, unless it fails or is empty.
    #[derive(Debug, Default)]
    struct Counting {
        failure: Option<ErrorKind>,
        is_empty: bool,
        lists: AtomicUsize,
        models: AtomicUsize,
    }

    impl Backend for Counting {
        fn generate_content(
            &self,
            _: GenerateContentRequest,
            _: RequestOptions,
        ) -> BoxFuture<Result<GenerateContentResponse>> {
            Box::pin(async { Err(Error::new(ErrorKind::Unsupported, "cannot reply")) })
        }

        fn list_models(
            &self,
            _: Option<String>,
            _: RequestOptions,
        ) -> BoxFuture<Result<ListModelsResponse>> {
            self.lists.fetch_add(1, Ordering::SeqCst);
            let mut list = ListModelsResponse::default();
            let mut model = Model::default();
            model.name = Some("models/tiny".to_owned());
            list.models = if self.is_empty { vec![] } else { vec![model] };
            let failure = self.failure.map(|kind| Error::new(kind, "no list"));
            Box::pin(async { failure.map_or(Ok(list), Err) })
        }

        fn get_model(&self, _: String, _: RequestOptions) -> BoxFuture<Result<Model>> {
            self.models.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Err(Error::new(ErrorKind::NotFound, "unknown model")) })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_backend_is_asked_once_a_minute_for_a_missing_list_or_model() {
        // For each minute: the number of requests, and the counts of lists and models after them.
        for (failure, minutes) in [
            (None, [(3, 1, 1), (1, 1, 2)]),
            (Some(ErrorKind::Unsupported), [(3, 1, 0), (1, 2, 0)]),
            (Some(ErrorKind::Unreachable), [(3, 3, 0), (1, 4, 0)]),
        ] {
            let backend = Counting {
                failure,
                ..Counting::default()
            };
            let names = ModelNames::default();
            for (requests, lists, models) in minutes {
                for _ in 0..requests {
                    let resolved = names.resolve(&backend, "gemini-2.5-flash").await;
                    assert!(resolved.is_ok());
                }
                assert_eq!(backend.lists.load(Ordering::SeqCst), lists, "{failure:?}");
                assert_eq!(backend.models.load(Ordering::SeqCst), models, "{failure:?}");
                tokio::time::advance(ANSWER_TIME).await;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn models_that_are_installed_later_are_found_after_a_minute() {
        let mut backend = Counting {
            is_empty: true,
            ..Counting::default()
        };
        let names = ModelNames::default();
        let resolve = async |backend: &Counting| {
            let resolved = names.resolve(backend, "gemini-2.5-flash").await;
            resolved.expect("a model")
        };

        assert_eq!(resolve(&backend).await, "models/gemini-2.5-flash");
        assert_eq!(resolve(&backend).await, "models/gemini-2.5-flash");
        assert_eq!(backend.lists.load(Ordering::SeqCst), 1);
        backend.is_empty = false;
        tokio::time::advance(ANSWER_TIME).await;
        assert_eq!(resolve(&backend).await, "models/tiny");
    }

    #[tokio::test]
    async fn an_unknown_name_is_asked_for_again_by_the_next_request() {
        let backend = Counting::default();
        let names = ModelNames {
            strict: true,
            ..ModelNames::default()
        };
        for models in 1..3 {
            assert!(names.resolve(&backend, "qwen3:4b").await.is_err());
            assert_eq!(backend.models.load(Ordering::SeqCst), models);
        }
    }

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

    #[test]
    fn several_answers_are_cached() {
        let answers = Answers::default();
        answers.insert("models/a", true);
        answers.insert("models/b", false);

        assert_eq!(answers.get("models/a"), Some(true));
        assert_eq!(answers.get("models/b"), Some(false));
    }
}
