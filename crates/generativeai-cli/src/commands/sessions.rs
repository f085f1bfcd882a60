//! `genai sessions`: lists, shows, searches and changes saved sessions.

mod delete;
mod transfer;

use clap::builder::Resettable;
use clap::{Args, Command, Subcommand, ValueEnum};
use clap_complete::ArgValueCandidates;
use generativeai::GenerativeModel;
use generativeai_store::Store;

use super::chat::Chat;
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
    // Its arguments are replaced by `with_resume`.
    Resume(Box<Chat>),
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
    /// Returns the chat that `genai sessions resume` continues.
    pub(crate) fn resumed(&mut self) -> Option<&mut Chat> {
        match &mut self.action {
            Action::Resume(chat) => Some(chat),
            _ => None,
        }
    }

    /// Runs the command.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        if let Action::Resume(chat) = self.action {
            return chat.run(printer);
        }
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
            Self::Resume(_) => unreachable!("`Sessions::run` runs the chat"),
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

/// Position of `resume` among the actions in the help.
const RESUME_ORDER: usize = 3;

/// Defines `genai sessions resume` as `genai chat` with the session as its first argument.
pub(crate) fn with_resume(program: Command) -> Command {
    let Some(chat) = program.find_subcommand("chat").cloned() else {
        return program;
    };
    let resume = chat
        .name("resume")
        .about("Continue a session: like `genai chat --session NAME`, but the session must exist")
        .long_about(None)
        .display_order(RESUME_ORDER)
        .mut_arg("session", |arg| {
            let name = arg.long(Resettable::Reset).index(1).required(true);
            name.help("Name or number of the session")
        })
        .mut_arg("words", |arg| arg.index(2))
        // Both conflict with the name. clap does not require the name if one of them is present, so the command does.
        .mut_arg("continue_last", |arg| arg.hide(true))
        .mut_arg("new", |arg| arg.conflicts_with("session").hide(true));
    program.mut_subcommand("sessions", |sessions| {
        sessions.mut_subcommand("resume", |_| resume)
    })
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
