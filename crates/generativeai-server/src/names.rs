//! Which model a name stands for.

use generativeai::protocol::models::Model;
use generativeai::{Backend, RequestOptions};
use tokio::sync::OnceCell;

use crate::failure::{Code, Failure};

/// How many pages of models are looked at.
const MOST_PAGES: usize = 16;

/// The names of the models there are, looked up once.
#[derive(Debug, Default)]
pub(crate) struct Names {
    strict: bool,
    known: OnceCell<Vec<String>>,
}

/// The model that a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meant {
    /// Its name, `models/` in front.
    pub(crate) name: String,
    /// Whether it is certain that there is such a model.
    pub(crate) known: bool,
}

impl Meant {
    /// The name for `modelVersion`, if it is certain.
    pub(crate) fn version(&self) -> Option<String> {
        self.known.then(|| bare(&self.name).to_owned())
    }
}

impl Names {
    /// With `strict`, a name stands for the model of that name alone.
    pub(crate) fn new(strict: bool) -> Self {
        Self {
            strict,
            known: OnceCell::new(),
        }
    }

    /// Tells which model is meant: the one of that name, if there is one; else, for `gemini-…`, the
    /// first there is. A backend that tells nothing of its models judges names itself.
    pub(crate) async fn meant(&self, backend: &dyn Backend, asked: &str) -> Result<Meant, Failure> {
        let asked_for = |known| Meant {
            name: format!("models/{asked}"),
            known,
        };
        let known = match self.known.get_or_try_init(|| listed(backend)).await {
            Ok(known) if !known.is_empty() => known,
            _ => return Ok(asked_for(false)),
        };
        if known.iter().any(|name| name == asked) || exists(backend, asked).await {
            return Ok(asked_for(true));
        }
        if !self.strict && asked.starts_with("gemini-") {
            return Ok(Meant {
                name: format!("models/{}", known[0]),
                known: true,
            });
        }
        let message = format!("models/{asked} is not found: `GET models` lists those there are");
        Err(Failure::new(Code::NOT_FOUND, message))
    }
}

/// Whether there is a model that the list does not name.
async fn exists(backend: &dyn Backend, asked: &str) -> bool {
    let model = backend
        .get_model(format!("models/{asked}"), RequestOptions::default())
        .await;
    model.is_ok_and(|model| name_of(&model).as_deref() == Some(asked))
}

async fn listed(backend: &dyn Backend) -> Result<Vec<String>, generativeai::Error> {
    let mut names = Vec::new();
    let mut token = None;
    for _ in 0..MOST_PAGES {
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
    model.name.as_deref().map(|name| bare(name).to_owned())
}

fn bare(name: &str) -> &str {
    name.strip_prefix("models/").unwrap_or(name)
}
