//! Which model a name stands for.

use generativeai::protocol::Model;
use generativeai::{Backend, RequestOptions};
use tokio::sync::OnceCell;

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

    /// Tells which model is meant: the one of that name; else, for `gemini-…`, the first there is;
    /// else the backend shall say what it thinks of the name.
    pub(crate) async fn meant(&self, backend: &dyn Backend, asked: &str) -> Meant {
        let known = self.known.get_or_try_init(|| listed(backend)).await;
        let known = known.map(Vec::as_slice).unwrap_or_default();
        let full = |name: &str| format!("models/{name}");
        if known.iter().any(|name| name == asked) {
            return Meant {
                name: full(asked),
                known: true,
            };
        }
        match known.first() {
            Some(first) if !self.strict && asked.starts_with("gemini-") => Meant {
                name: full(first),
                known: true,
            },
            _ => Meant {
                name: full(asked),
                known: false,
            },
        }
    }
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
