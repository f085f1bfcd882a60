//! Choice of the model: one of the Gemini API or of an OpenAI-compatible server, or one that runs on this machine.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use generativeai::protocol::config::GenerationConfig;
use generativeai::{Backend, Fallback, GenerativeModel, Remote};
use generativeai_local::Local;

use crate::catalog::{
    Cache, CacheState, Entry, LOCAL, entry, fetch, fetch_default, is_offline, sampling, similar,
};
use crate::engine_options::EngineOptions;
use crate::environment;
use crate::exit::UsageError;
use crate::openai::ServedModel;
use crate::render::Printer;
use crate::suggest::did_you_mean;

/// The model of the Gemini API that is used unless another is named.
const GEMINI: &str = "gemini-flash-latest";
/// Time after which the loading of a model is shown.
const REPORT_AFTER: Duration = Duration::from_millis(500);
/// Environment variables that select the Gemini API. The last one is the address of another server with this API.
const VARIABLES: &[&str] = &["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"];

/// A model that was opened.
#[derive(Clone, Debug)]
pub(crate) struct OpenModel {
    pub(crate) model: GenerativeModel,
    /// Name with which the user selects it.
    pub(crate) chosen: String,
    /// Client that uploads files for it, if it is a model of the Gemini API.
    pub(crate) uploader: Option<Remote>,
}

/// The model to use.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ModelChoice {
    /// A model of the Gemini API, by name.
    Gemini(String),
    /// A model of an OpenAI-compatible server.
    OpenAi(ServedModel),
    /// The default model, or a smaller one if it cannot be downloaded.
    Embedded,
    /// A model of the catalog.
    Catalog(&'static Entry),
    /// A model file.
    File(PathBuf),
    /// Several models. The next one is asked if one is overloaded or unreachable.
    Several(Vec<Self>),
}

impl ModelChoice {
    /// Chooses the model by its name. Without a name the environment decides, and the choice is printed.
    pub(crate) fn new(name: Option<&str>, printer: &mut Printer) -> anyhow::Result<Self> {
        if let Some(name) = name {
            return Ok(Self::named(name)?);
        }
        let set = VARIABLES
            .iter()
            .copied()
            .find(|name| environment::is_set(name));
        Ok(match set {
            Some(variable) if is_offline() => {
                printer.hint(format_args!(
                    "Using an embedded model, although {variable} is set, since GENAI_OFFLINE is set"
                ));
                Self::Embedded
            }
            Some(variable) => {
                printer.hint(format_args!(
                    "Using {GEMINI}, since {variable} is set. To work offline: --model {LOCAL}"
                ));
                Self::Gemini(GEMINI.to_owned())
            }
            None => {
                printer.hint(
                    "Using an embedded model, offline. \
                     For the Gemini API set GEMINI_API_KEY; for other models: genai models list",
                );
                Self::Embedded
            }
        })
    }

    /// Chooses the model by its name. A name that has no other meaning is that of a Gemini model: the service knows
    /// which ones exist.
    ///
    /// # Errors
    /// The name, or one in a list, is empty or contains white space.
    pub(crate) fn named(name: &str) -> Result<Self, UsageError> {
        let path = Path::new(name);
        let is_gguf = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"));
        if name == LOCAL {
            Ok(Self::Embedded)
        } else if name.contains(',') && !path.exists() {
            // The path of a model file may contain a comma.
            let names = name.split(',');
            let choices: Result<_, _> = names.map(|name| Self::named(name.trim())).collect();
            choices.map(Self::Several)
        } else if let Some(served) = ServedModel::named(name) {
            served.map(Self::OpenAi)
        } else if let Some(entry) = entry(name) {
            Ok(Self::Catalog(entry))
        } else if is_gguf || path.is_absolute() || name.starts_with('.') {
            Ok(Self::File(path.to_owned()))
        } else if name.trim().is_empty() {
            Err(UsageError(format!(
                "the model name is empty: try --model {GEMINI} or --model {LOCAL}"
            )))
        } else if name.contains(|char: char| char.is_whitespace() || char.is_control()) {
            Err(UsageError(format!(
                "the model name `{name}` contains white space: `genai models list` has the names"
            )))
        } else {
            Ok(Self::Gemini(name.to_owned()))
        }
    }

    /// Returns whether the model, or one of several, runs on this machine and not on a server.
    pub(crate) fn runs_embedded(&self) -> bool {
        match self {
            Self::Embedded | Self::Catalog(_) | Self::File(_) => true,
            Self::Gemini(_) | Self::OpenAi(_) => false,
            Self::Several(choices) => choices.iter().any(Self::runs_embedded),
        }
    }

    /// Opens the model. The default model and its fallback are downloaded first if they are not cached.
    pub(crate) fn open(
        self,
        options: &EngineOptions,
        printer: &mut Printer,
    ) -> anyhow::Result<OpenModel> {
        let chosen = self.to_string();
        let (name, backend, uploader) = match self {
            // An uploaded file can be read by its own service only. The next model could not answer the same message,
            // so nothing is uploaded.
            Self::Several(choices) => {
                let (mut first, mut fallback) = (None, Fallback::default());
                for choice in choices {
                    let (name, backend, _) = choice.backend(options, printer)?;
                    first.get_or_insert_with(|| name.clone());
                    fallback = fallback.then_model(name, backend);
                }
                let backend: Arc<dyn Backend> = Arc::new(fallback);
                (first.unwrap_or_default(), backend, None)
            }
            one => one.backend(options, printer)?,
        };
        Ok(OpenModel {
            model: GenerativeModel::new(name).backend(backend),
            chosen,
            uploader,
        })
    }

    /// Opens a single model. Returns its name, its backend, and the client that uploads files for it.
    pub(crate) fn backend(
        self,
        options: &EngineOptions,
        printer: &mut Printer,
    ) -> anyhow::Result<(String, Arc<dyn Backend>, Option<Remote>)> {
        Ok(match self {
            Self::Gemini(name) => {
                let remote = gemini(&name)?;
                (name, Arc::new(remote.clone()), Some(remote))
            }
            Self::OpenAi(model) => {
                let client = model.client(printer)?;
                (model.name, Arc::new(client), None)
            }
            local_model => {
                let name = local_model.to_string();
                let path = local_model.file(printer)?;
                let local = thread::scope(|scope| {
                    let (sender, loaded) = mpsc::channel();
                    scope.spawn(move || sender.send(local(&path, options)));
                    let in_time = loaded.recv_timeout(REPORT_AFTER);
                    in_time.unwrap_or_else(|_| {
                        printer.show_loading(&name);
                        loaded.recv().expect("the thread sends before it ends")
                    })
                })?;
                printer.clear_waiting();
                (local.name().to_owned(), Arc::new(local), None)
            }
        })
    }

    /// Returns the path of the model file. The default model and its fallback are downloaded first if they are not
    /// cached; other models of the catalog are not.
    ///
    /// # Errors
    /// The download fails, or the model runs on a service and has no file.
    pub(crate) fn file(self, printer: &mut Printer) -> anyhow::Result<PathBuf> {
        match self {
            Self::File(path) => Ok(path),
            Self::Gemini(name) | Self::OpenAi(ServedModel { name, .. }) => {
                bail!("{name} is not a model file")
            }
            Self::Several(_) => {
                let message = "several models are for `genai chat` only: name one";
                bail!(UsageError(message.to_owned()))
            }
            // Only the default model and its fallback have a known hash. The user downloads other models with
            // `genai models pull`, since they may have gigabytes.
            Self::Catalog(entry) if entry.content.is_some() => fetch(entry, printer),
            Self::Catalog(entry) => cached(entry),
            Self::Embedded => fetch_default(printer),
        }
    }
}

/// The name with which the user selects the model.
impl fmt::Display for ModelChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gemini(name) => f.write_str(name),
            Self::OpenAi(served) => served.fmt(f),
            Self::Embedded => f.write_str(LOCAL),
            Self::Catalog(entry) => f.write_str(entry.name),
            Self::File(path) => path.display().fmt(f),
            Self::Several(choices) => {
                let names: Vec<_> = choices.iter().map(Self::to_string).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

/// Creates a client of the Gemini API for a model.
pub(crate) fn gemini(name: &str) -> anyhow::Result<Remote> {
    let question = did_you_mean(&similar(name)).map(|question| format!("; {question}"));
    let question = question.unwrap_or_default();
    let alternatives = format!(", or use the embedded model: --model {LOCAL}{question}");
    remote(name, &alternatives)
}

/// Creates a client of the Gemini API from the environment. Errors name `what` the client is for, such as a model.
/// Without a key, the error also suggests `alternatives`.
pub(crate) fn remote(what: &str, alternatives: &str) -> anyhow::Result<Remote> {
    match Remote::from_env() {
        // The client's own error suggests a call of its builder, which helps a programmer but not a user.
        Err(_) if !VARIABLES.iter().copied().any(environment::is_set) => {
            let message =
                format!("cannot use {what} of the Gemini API: set GEMINI_API_KEY{alternatives}");
            bail!(UsageError(message))
        }
        created => {
            created.with_context(|| UsageError(format!("cannot use {what} of the Gemini API")))
        }
    }
}

/// Loads a model file, and prints settings that it ignores. Requests that do not set their sampling get the one that the
/// makers of the model recommend.
pub(crate) fn local(path: &Path, options: &EngineOptions) -> anyhow::Result<Local> {
    let mut defaults = GenerationConfig::default();
    if let Some(sampling) = sampling(path) {
        defaults.temperature = Some(sampling.temperature);
        defaults.top_p = Some(sampling.top_p);
        defaults.top_k = Some(sampling.top_k);
    }
    options
        .builder()
        .model(path)
        .sampling(&defaults)
        .on_ignored(|reason| Printer::new().note(format_args!("ignored: {reason}")))
        .build()
        .context("cannot load the model")
}

/// Returns the path of a model of the catalog, if it was downloaded.
fn cached(entry: &Entry) -> anyhow::Result<PathBuf> {
    let cache = Cache::open()?;
    if !matches!(cache.state(entry), CacheState::Complete(_)) {
        let (name, megabytes) = (entry.name, entry.megabytes);
        bail!("{name} is not downloaded: run `genai models pull {name}` ({megabytes} MB)");
    }
    Ok(cache.path(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_name_selects_the_kind_of_model() {
        let named = |name| ModelChoice::named(name).expect("a choice");

        assert_eq!(named("local"), ModelChoice::Embedded);
        assert_eq!(
            named("gemini-2.5-pro"),
            ModelChoice::Gemini("gemini-2.5-pro".to_owned())
        );
        assert_eq!(
            named("tunedModels/mine"),
            ModelChoice::Gemini("tunedModels/mine".to_owned())
        );
        assert!(
            matches!(named("qwen3-4b"), ModelChoice::Catalog(entry) if entry.name == "qwen3-4b")
        );
        assert_eq!(named("big.GGUF"), ModelChoice::File("big.GGUF".into()));
        assert_eq!(named("./model"), ModelChoice::File("./model".into()));
        assert_eq!(
            named("/models/big"),
            ModelChoice::File("/models/big".into())
        );
    }

    #[test]
    fn a_choice_is_shown_with_the_name_that_selects_it() {
        for name in [
            "local",
            "smollm2",
            "gemini-2.5-pro",
            "openai:x",
            "ollama:qwen3:4b",
            "./big.gguf",
            "gemini-x,openai:y",
        ] {
            let choice = ModelChoice::named(name).expect("a choice");
            assert_eq!(choice.to_string(), name);
        }
    }

    #[test]
    fn commas_separate_the_models_that_are_asked_in_order() {
        let gemini = ModelChoice::Gemini("gemini-flash-latest".to_owned());

        let several = ModelChoice::named("gemini-flash-latest, local").expect("a choice");

        assert_eq!(
            several,
            ModelChoice::Several(vec![gemini.clone(), ModelChoice::Embedded])
        );
        let several = ModelChoice::named("ollama:qwen3:4b,gemini-flash-latest").expect("a choice");
        let ollama = ModelChoice::named("ollama:qwen3:4b").expect("a choice");
        assert_eq!(several, ModelChoice::Several(vec![ollama, gemini]));
    }

    #[test]
    fn an_empty_model_name_is_refused() {
        for name in [" ", "local,", ",", "local,ollama:"] {
            assert!(ModelChoice::named(name).is_err(), "{name}");
        }
    }
}
