//! The command line: parsing and dispatch.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;

use anyhow::Context;
use clap::error::{ContextKind, ContextValue};
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::chat::Chat;
use crate::commands::completions::{self, Completions};
use crate::commands::config::Config;
use crate::commands::count::Count;
use crate::commands::embed::Embed;
use crate::commands::engine::Engine;
use crate::commands::files::Files;
use crate::commands::man::Manual;
use crate::commands::models::Models;
use crate::commands::serve::Serve;
use crate::commands::sessions::{Sessions, with_resume};
use crate::exit::{EXIT_CODES, Exit};
use crate::message;
use crate::render::{Color, Printer};
use crate::settings::{self, SETTINGS};
use crate::suggest::{is_misspelling, nearest};

/// Heading of the options that every command has. Without it, the help lists them among the options of the command.
const GLOBAL: &str = "Global options";

/// Chat with a model: of the Gemini API, or offline with the embedded model.
///
/// `genai "Hello"` is short for `genai chat "Hello"`.
#[derive(Debug, Parser)]
#[command(name = "genai", version, after_help = EXIT_CODES)]
#[command(after_long_help = format!("{SETTINGS}\n\n{EXIT_CODES}"))]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Commands,

    /// When to use colors
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = GLOBAL)]
    color: Color,

    /// Omit all hints, such as the one about the model in use; GENAI_QUIET=1 does the same
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Commands {
    Chat(Box<Chat>),
    Sessions(Sessions),
    Serve(Box<Serve>),
    #[command(hide = true)]
    Engine(Engine),
    Models(Models),
    Files(Files),
    Config(Config),
    Count(Count),
    Embed(Embed),
    Completions(Completions),
    Man(Manual),
}

impl Cli {
    /// Parses the command line, with defaults from the environment and the configuration file. Returns
    /// `None` if completions were printed for a shell.
    ///
    /// # Errors
    /// Invalid arguments, and requests for help, are errors of clap.
    pub(crate) fn parse() -> anyhow::Result<Option<Self>> {
        if completions::complete(program)? {
            return Ok(None);
        }
        // First without settings: neither help nor a misspelled option needs a valid configuration file.
        let words = with_command(std::env::args_os().collect());
        let mut cli = Self::from_arg_matches(&Self::matches(program(), &words)?)?;
        if cli.chat().is_none() && !matches!(cli.command, Commands::Serve(_)) {
            return Ok(Some(cli));
        }
        let config = settings::read(&Self::definition())?;
        let with_settings = settings::with_defaults(Self::definition(), config.settings.clone());
        let matches = Self::matches(with_resume(with_settings), &words)?;
        let mut cli = Self::from_arg_matches(&matches)?;
        let place_of_model =
            |command| settings::place_of_model(&config.settings, command, &matches);
        let is_resume = matches!(cli.command, Commands::Sessions(_));
        if let Commands::Serve(serve) = &mut cli.command {
            serve.place_of_model = place_of_model("serve");
        } else if let Some(chat) = cli.chat() {
            chat.session_must_exist = is_resume;
            chat.place_of_model = place_of_model("chat");
            chat.config = config;
        }
        Ok(Some(cli))
    }

    /// Returns the chat of `genai chat` or `genai sessions resume`.
    fn chat(&mut self) -> Option<&mut Chat> {
        match &mut self.command {
            Commands::Chat(chat) => Some(chat),
            Commands::Sessions(sessions) => sessions.resumed(),
            _ => None,
        }
    }

    /// Runs the command.
    pub(crate) fn run(mut self, printer: &mut Printer) -> anyhow::Result<Exit> {
        printer.set_color(self.color);
        printer.set_quiet(self.quiet);
        if self.chat().is_some() || matches!(self.command, Commands::Serve(_)) {
            for warning in settings::unknown_variables(&program()) {
                printer.note(warning);
            }
        }
        match self.command {
            Commands::Chat(chat) => chat.run(printer),
            Commands::Sessions(sessions) => sessions.run(printer),
            Commands::Serve(serve) => serve.run(printer),
            Commands::Engine(engine) => engine.run(printer),
            Commands::Models(models) => models.run(printer),
            Commands::Files(files) => files.run(printer),
            Commands::Config(config) => config.run(program(), printer),
            Commands::Count(count) => count.run(printer),
            Commands::Embed(embed) => embed.run(printer),
            Commands::Completions(completions) => completions.run(printer),
            Commands::Man(manual) => manual.run(program(), printer),
        }
    }

    fn matches(mut program: Command, words: &[OsString]) -> Result<ArgMatches, clap::Error> {
        let matches = program.try_get_matches_from_mut(words);
        matches.map_err(|error| {
            let error = settings::with_variable(error, &program, words);
            with_suggestion(error, &program, words)
        })
    }

    /// Returns the definition of the command line, without `sessions resume`. Its options can also be set by
    /// environment variables.
    fn definition() -> Command {
        let program = settings::with_environment(with_negative_numbers(Self::command()));
        program.mut_arg("quiet", |arg| {
            settings::switch(arg).env("GENAI_QUIET").hide_env(true)
        })
    }
}

/// Adds to an error about an unknown command how to send it as a message. To an error of `genai help`, for which clap
/// suggests nothing, adds the most similar command.
fn with_suggestion(mut error: clap::Error, program: &Command, words: &[OsString]) -> clap::Error {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    match &words[first_word(words)..] {
        [first, ..] if first == word.as_str() => {
            let tip = format!("to send a message that begins with '{word}', use 'genai chat'");
            let tip = ContextValue::StyledStrs(vec![tip.into()]);
            error.insert(ContextKind::Suggested, tip);
        }
        [help, unknown] if help == "help" && unknown == word.as_str() => {
            if let Some(similar) = nearest(word, program.get_subcommands().map(Command::get_name)) {
                let similar = ContextValue::Strings(vec![similar.to_owned()]);
                error.insert(ContextKind::SuggestedSubcommand, similar);
            }
        }
        _ => {}
    }
    error
}

/// Prints help, the version, or an error about the command line. clap returns all three as errors.
pub(crate) fn print(message: &clap::Error) -> anyhow::Result<Exit> {
    let exit = if message.use_stderr() {
        Exit::Usage
    } else {
        Exit::Success
    };
    match message.print() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write the help")
        }
        _ => Ok(exit),
    }
}

/// Returns the definition of the command line.
fn program() -> Command {
    with_resume(Cli::definition())
}

/// Lets the options of a command and of its subcommands have a negative value: the error of a number out of range names
/// the range. By default `-1` would be an unknown option.
fn with_negative_numbers(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let is_option = !arg.is_positional() && arg.get_action().takes_values();
        arg.allow_negative_numbers(is_option)
    });
    command.mut_subcommands(with_negative_numbers)
}

/// Inserts the command `chat` if the words begin with a message or an option of `chat`, or if there are no words and a
/// message is piped in.
fn with_command(mut words: Vec<OsString>) -> Vec<OsString> {
    let at = first_word(&words);
    let is_message = match words.get(at) {
        None => message::is_piped(),
        Some(first) => is_message(first),
    };
    if is_message {
        words.insert(at, "chat".into());
    }
    words
}

/// Returns the index of the first word that is not an option of the program itself, or the number of words.
fn first_word(words: &[OsString]) -> usize {
    let mut at = 1;
    while let Some(option) = words.get(at).and_then(|word| word.to_str()) {
        at += match option {
            "--color" => 2,
            "--quiet" | "-q" => 1,
            _ if option.starts_with("--color=") || option.starts_with("--quiet=") => 1,
            _ => break,
        };
    }
    at.min(words.len())
}

/// Returns whether the first word of a command line belongs to `chat`.
fn is_message(word: &OsStr) -> bool {
    let Some(word) = word.to_str() else {
        // `chat` reports invalid UTF-8. No command has such a name.
        return true;
    };
    let program = Cli::command();
    if let Some(option) = word.strip_prefix('-') {
        let name = option.trim_start_matches('-');
        let name = name.split('=').next().unwrap_or_default();
        return !["help", "h", "version", "V", "color", "quiet", "q"].contains(&name);
    }
    // A misspelled command is left to clap, which suggests the right one. It is not sent as a message.
    let mut commands = program.get_subcommands().map(Command::get_name);
    !(word == "help" || commands.any(|name| is_misspelling(word, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_definitions_are_valid() {
        program().debug_assert();
    }

    /// Finding 32 of tests/newcomer.md.
    #[test]
    fn a_message_needs_no_command() {
        let chats = |word: &str| is_message(OsStr::new(word));

        for word in ["What is Rust?", "Hello", "hello", "-m", "--model=x", "-"] {
            assert!(chats(word), "{word}");
        }
        for word in [
            "chat", "chta", "sesions", "help", "--help", "-V", "engine", "--color",
        ] {
            assert!(!chats(word), "{word}");
        }
    }
}
