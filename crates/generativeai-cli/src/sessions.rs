//! `genai sessions`: the chats that were kept.

mod show;
mod transfer;

use std::ffi::OsString;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::{Args, Subcommand};
use clap_complete::ArgValueCandidates;
use generativeai::GenerativeModel;
use generativeai_store::{SessionInfo, Store};
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::chat;
use crate::completions::names;
use crate::exit::Exit;
use crate::printer::{Printer, harmless};

/// Whoever completes a name waits no longer than this.
const AT_ONCE: Duration = Duration::from_millis(500);

/// List, search, show and go on with the chats that were kept.
///
/// Chats are kept in generativeai/chats.sqlite under $XDG_DATA_HOME or ~/.local/share, which you alone can
/// read. A chat is named by its name or its number.
#[derive(Debug, Args)]
pub(crate) struct Sessions {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all chats, the one spoken in last first
    List,
    /// Show what was said in a chat
    Show {
        /// Its name or number
        #[arg(add = ArgValueCandidates::new(names::chats))]
        name: String,
    },
    /// Find chats in which all these words were said
    Search {
        /// The words
        #[arg(required = true)]
        words: Vec<String>,
    },
    /// Go on with a chat: the same as `genai chat --session NAME`
    Resume {
        /// Its name or number
        #[arg(add = ArgValueCandidates::new(names::chats))]
        name: String,
    },
    /// Give a chat another name
    Rename {
        /// Its name or number
        #[arg(add = ArgValueCandidates::new(names::chats))]
        name: String,
        /// Its new name
        new: String,
    },
    /// Delete chats, for good
    Rm {
        /// Their names or numbers
        #[arg(required = true, value_name = "NAME")]
        #[arg(add = ArgValueCandidates::new(names::chats))]
        names: Vec<String>,
    },
    /// Print a chat: what happened in it, as JSON Lines, for `genai sessions import`
    Export(transfer::Export),
    /// Take a chat in that was exported, and print its name
    Import(transfer::Import),
}

impl Sessions {
    /// The words of the command that this one stands for, if it does.
    pub(crate) fn stands_for(&self) -> Option<Vec<OsString>> {
        let Action::Resume { name } = &self.action else {
            return None;
        };
        let words = ["genai", "chat", "--session", name];
        Some(words.map(OsString::from).into())
    }

    /// Runs the command.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.context("cannot start")?.block_on(async {
            let store = Store::open_default().await?;
            self.action.run(&store, printer).await
        })?;
        Ok(Exit::Done)
    }
}

impl Action {
    async fn run(self, store: &Store, printer: &mut Printer) -> anyhow::Result<()> {
        match self {
            Self::List => {
                let sessions = store.list().await?;
                if sessions.is_empty() {
                    printer.note("no chats are kept yet");
                }
                printer.answer(&sessions.iter().map(line).collect::<String>())
            }
            Self::Show { name } => {
                let session = store.session(&name).await?;
                let nobody = GenerativeModel::new("none");
                let mut conversation = chat::read(session, &nobody).await?;
                // A turn that was left within is shown as far as it came.
                conversation.keep_what_came();
                printer.answer(&show::said(&conversation))
            }
            Self::Search { words } => {
                let hits = store.search(&words.join(" ")).await?;
                if hits.is_empty() {
                    printer.note("nothing was found");
                }
                let lines: String = hits.iter().map(|hit| show::hit(hit, &words)).collect();
                printer.answer(&lines)
            }
            // It was run as the command it stands for.
            Self::Resume { .. } => Ok(()),
            Self::Rename { name, new } => Ok(store.session(&name).await?.rename(&new).await?),
            Self::Rm { names } => {
                for name in names {
                    store.session(&name).await?.delete().await?;
                    printer.note(format_args!("{name} is deleted"));
                }
                Ok(())
            }
            Self::Export(export) => export.run(store, printer).await,
            Self::Import(import) => import.run(store, printer).await,
        }
    }
}

/// The names of all chats, the one spoken in last first; none if they cannot be read at once.
pub(crate) fn names() -> Vec<String> {
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let listed = runtime.block_on(async {
        // To ask for names is no reason to make a store.
        let list = async {
            match Store::find_default().await? {
                Some(store) => store.list().await,
                None => Ok(Vec::new()),
            }
        };
        timeout(AT_ONCE, list).await
    });
    let sessions = listed.ok().and_then(Result::ok).unwrap_or_default();
    let names = sessions.into_iter().map(|session| session.name);
    // A name that could drive the terminal is not shown on it.
    names.filter(|name| harmless(name) == *name).collect()
}

/// The line of a chat in the list.
fn line(session: &SessionInfo) -> String {
    let SessionInfo {
        id,
        name,
        events,
        changed,
        ..
    } = session;
    let ago = show::ago(
        SystemTime::now()
            .duration_since(*changed)
            .unwrap_or_default(),
    );
    format!("{id:>4}  {ago:>8}  {events:>5} events  {name}\n")
}
