//! Who answers: the Gemini API, the embedded model, a model that was fetched, or a model file.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use generativeai::{GenerativeModel, Remote};
use generativeai_local::{Local, default_model};

use crate::exit::Usage;
use crate::models::Cache;
use crate::models::catalogue::{self, Entry};
use crate::printer::Printer;

/// The model of the Gemini API that is asked if none is named.
const GEMINI: &str = "gemini-flash-latest";
/// The name of the embedded model.
pub(crate) const LOCAL: &str = "local";
/// Each of these, if it is set, says that the Gemini API is to be asked.
const VARIABLES: [&str; 3] = ["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"];

/// Who is to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// A model of the Gemini API.
    Gemini(String),
    /// The embedded model.
    Embedded,
    /// A model of the catalogue, fetched by `genai models pull`.
    Listed(&'static Entry),
    /// A model file.
    File(PathBuf),
}

impl Choice {
    /// Who answers, by the name that was typed, or else by the environment; tells what was chosen
    /// unasked.
    pub(crate) fn of(asked: Option<&str>, printer: &mut Printer) -> anyhow::Result<Self> {
        if let Some(name) = asked {
            return Ok(Self::named(name)?);
        }
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        Ok(match VARIABLES.into_iter().find(|&name| set(name)) {
            Some(variable) => {
                printer.note(format_args!(
                    "{GEMINI} answers, since {variable} is set. Offline: --model {LOCAL}"
                ));
                Self::Gemini(GEMINI.to_owned())
            }
            None => {
                printer.note(
                    "The small embedded model answers, offline. \
                     For the Gemini API set GEMINI_API_KEY; for another file --model FILE.gguf",
                );
                Self::Embedded
            }
        })
    }

    /// Who answers to that name.
    pub(crate) fn named(name: &str) -> Result<Self, Usage> {
        let path = Path::new(name);
        let ends_in_gguf = path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("gguf"));
        if name == LOCAL {
            Ok(Self::Embedded)
        } else if let Some(entry) = catalogue::entry(name) {
            Ok(Self::Listed(entry))
        } else if ends_in_gguf || path.is_absolute() || name.starts_with('.') {
            Ok(Self::File(path.to_owned()))
        } else if name.trim().is_empty() {
            Err(Usage(format!(
                "the model has no name: try --model {GEMINI} or --model {LOCAL}"
            )))
        } else {
            Ok(Self::Gemini(name.to_owned()))
        }
    }

    /// Makes the model ready; the embedded one is fetched if it is not there.
    pub(crate) fn open(self, printer: &mut Printer) -> anyhow::Result<GenerativeModel> {
        if let Self::Gemini(name) = self {
            let remote = Self::remote(&name)?;
            return Ok(GenerativeModel::new(name).backend(remote));
        }
        let local = Self::local(&self.file(printer)?)?;
        Ok(GenerativeModel::new(local.name()).backend(local))
    }

    /// The Gemini API, to be asked for that model.
    pub(crate) fn remote(name: &str) -> anyhow::Result<Remote> {
        Remote::from_env().with_context(|| {
            format!("cannot ask the Gemini API for {name}; --model {LOCAL} needs no key")
        })
    }

    /// The file of the model; the embedded one is fetched if it is not there.
    ///
    /// # Errors
    ///
    /// It cannot be fetched, or the model is one of the Gemini API, which has no file.
    pub(crate) fn file(self, printer: &mut Printer) -> anyhow::Result<PathBuf> {
        match self {
            Self::File(path) => Ok(path),
            Self::Gemini(name) => bail!("{name} is no model file"),
            Self::Listed(entry) => listed(entry),
            Self::Embedded => fetch_embedded(printer),
        }
    }

    /// The model of a file.
    pub(crate) fn local(path: &Path) -> anyhow::Result<Local> {
        Local::builder()
            .model(path)
            .build()
            .context("cannot load the model")
    }
}

/// The file of a model of the catalogue, if it was fetched.
fn listed(entry: &Entry) -> anyhow::Result<PathBuf> {
    let path = Cache::open()?.path(entry);
    if !path.exists() {
        let (name, megabytes) = (entry.name, entry.megabytes);
        bail!("{name} is not here yet: genai models pull {name} fetches it ({megabytes} MB)");
    }
    Ok(path)
}

/// Fetches the embedded model if it is not there, and gives the path of its file.
pub(crate) fn fetch_embedded(printer: &mut Printer) -> anyhow::Result<PathBuf> {
    let mut progress = printer.progress("fetching the model");
    let path = default_model::fetch(|now| progress.show(now.done, now.total));
    progress.end();
    path.context("cannot fetch the embedded model")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_who_answers() {
        let named = |name| Choice::named(name).expect("a choice");

        assert_eq!(named("local"), Choice::Embedded);
        assert_eq!(
            named("gemini-2.5-pro"),
            Choice::Gemini("gemini-2.5-pro".to_owned())
        );
        assert_eq!(
            named("tunedModels/mine"),
            Choice::Gemini("tunedModels/mine".to_owned())
        );
        assert!(matches!(named("qwen3-4b"), Choice::Listed(entry) if entry.name == "qwen3-4b"));
        assert_eq!(named("big.GGUF"), Choice::File("big.GGUF".into()));
        assert_eq!(named("./model"), Choice::File("./model".into()));
        assert_eq!(named("/models/big"), Choice::File("/models/big".into()));
    }

    #[test]
    fn a_model_without_a_name_is_refused() {
        assert!(Choice::named(" ").is_err());
    }
}
