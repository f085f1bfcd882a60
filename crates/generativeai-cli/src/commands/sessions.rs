//! `genai sessions`: lists, shows, searches and changes saved sessions.

mod delete;
mod transfer;

use std::ffi::OsString;

use clap::{Args, Subcommand, ValueEnum};
use clap_complete::ArgValueCandidates;
use generativeai::GenerativeModel;
use generativeai_store::Store;

use crate::exit::{Exit, UsageError, refused};
use crate::render::Printer;
use crate::{completions, session_list, storage, transcript};

/// List, search, show and continue saved sessions.
///
/// Sessions are saved in generativeai/chats.sqlite under $XDG_DATA_HOME or ~/.local/share, readable only by
/// you. Each has a name and a number; commands accept both.
#[derive(Debug, Args)]
pub(crate) struct Sessions {
    #[command(subcommand)]
    action: Action,
}

/// Output format of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each entry
    #[default]
    Text,
    /// A JSON array
    Json,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all sessions, the most recently used first
    #[command(alias = "ls")]
    List {
        /// Output format
        #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
        output: Format,
    },
    /// Show the messages of a session
    Show {
        /// Name or number of the session
        #[arg(add = ArgValueCandidates::new(completions::sessions))]
        name: String,
    },
    /// Find messages that contain all these words
    Search {
        /// The words; case is ignored
        #[arg(required = true)]
        words: Vec<String>,
        /// Output format
        #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
        output: Format,
    },
    /// Continue a session: like `genai chat --session NAME`, but the session must exist
    Resume {
        /// Name or number of the session
        #[arg(add = ArgValueCandidates::new(completions::sessions))]
        name: String,
        /// A message, and options of `genai chat`, such as --model or --tool
        #[arg(
            value_name = "OPTION",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        options: Vec<OsString>,
    },
    /// Rename a session
    Rename {
        /// Name or number of the session
        #[arg(add = ArgValueCandidates::new(completions::sessions))]
        name: String,
        /// The new name
        new: String,
    },
    /// Delete sessions permanently
    ///
    /// A session that another genai has open is not deleted.
    #[command(alias = "delete")]
    Rm(delete::Delete),
    /// Print a session as JSON Lines, for `genai sessions import`
    Export(transfer::Export),
    /// Import a session from a file and print its name
    Import(transfer::Import),
}

impl Sessions {
    /// Returns the command line of `genai chat` for which `genai sessions resume` is a shorthand.
    pub(crate) fn as_chat(&self) -> Option<Vec<OsString>> {
        let Action::Resume { name, options } = &self.action else {
            return None;
        };
        let words = ["genai", "chat", "--session", name].map(OsString::from);
        Some(words.into_iter().chain(options.iter().cloned()).collect())
    }

    /// Runs the command.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        super::runtime()?.block_on(async {
            let store = self.action.store().await?;
            self.action.run(&store, printer).await
        })?;
        Ok(Exit::Success)
    }
}

impl Action {
    /// Opens the user's store. Only an import creates it; any other command treats a missing store as an empty one.
    async fn store(&self) -> generativeai::Result<Store> {
        match self {
            Self::Import(_) => Store::open_default().await,
            _ => match Store::find_default().await? {
                Some(store) => Ok(store),
                None => Store::open("sqlite::memory:").await,
            },
        }
    }

    async fn run(self, store: &Store, printer: &mut Printer) -> anyhow::Result<()> {
        match self {
            Self::List { output } => {
                let sessions = session_list::read(store).await?;
                if output == Format::Json {
                    let json = session_list::json(&sessions);
                    return printer.answer(&format!("{json}\n"));
                }
                if sessions.is_empty() {
                    printer.note("no saved sessions");
                }
                printer.answer(&session_list::lines(&sessions))
            }
            Self::Show { name } => show(store, &name, printer).await,
            Self::Search { words, output } => {
                let hits = store.search(&words.join(" ")).await?;
                if output == Format::Json {
                    let json = session_list::hits_json(&hits);
                    return printer.answer(&format!("{json}\n"));
                }
                if hits.is_empty() {
                    printer.note("nothing found");
                }
                let line = |hit| session_list::hit_line(hit, &words);
                printer.answer(&hits.iter().map(line).collect::<String>())
            }
            // Not reached: the command-line parser has replaced this command by `genai chat`, see `Sessions::as_chat`.
            Self::Resume { .. } => Ok(()),
            Self::Rename { new, .. } if new.trim().is_empty() => {
                Err(UsageError("the new name is empty".to_owned()).into())
            }
            Self::Rename { name, new } => {
                let session = storage::existing(store, &name).await?;
                // `/session` trims its argument, so it would not find a name with a blank at its ends.
                session.rename(new.trim()).await.map_err(refused)
            }
            Self::Rm(delete) => delete.run(store, printer).await,
            Self::Export(export) => export.run(store, printer).await,
            Self::Import(import) => import.run(store, printer).await,
        }
    }
}

/// Prints the messages of a session, with the partial reply of an unfinished turn. The stored session does not change.
async fn show(store: &Store, name: &str, printer: &mut Printer) -> anyhow::Result<()> {
    let session = storage::existing(store, name).await?;
    // The chat sends nothing, so its model needs no backend.
    let no_model = GenerativeModel::new("none");
    let conversation = storage::read(session, &no_model).await?;
    let mut between = "";
    for paragraph in transcript::paragraphs(&conversation) {
        printer.answer(std::mem::replace(&mut between, "\n"))?;
        match paragraph.reply().filter(|_| printer.renders_replies()) {
            Some(reply) => {
                printer.reply(&reply)?;
                printer.end_answer()?;
            }
            None => printer.answer(&format!("{paragraph}\n"))?,
        }
    }
    if let Some(message) = conversation.with_part().unanswered() {
        let text = transcript::text_of(message);
        printer.answer(&format!(
            "{between}you: {} (not answered)\n",
            text.trim_end()
        ))?;
    }
    Ok(())
}
