//! Settings: what is typed, or else the environment, or else the configuration file.

mod file;
mod nearest;
mod show;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Arg, ArgAction, Args, Command, Subcommand};

use crate::exit::{Exit, Usage};
use crate::printer::Printer;
use file::Setting;

/// The variable that names another configuration file.
const VARIABLE: &str = "GENAI_CONFIG";
/// The commands whose options can be set.
const COMMANDS: [&str; 2] = ["chat", "serve"];

/// The options that say what one run is for, which is no setting.
const OF_ONE_RUN: [&str; 2] = ["continue", "session"];

/// What the help says of settings.
pub(crate) const SETTINGS: &str = "\
Settings: each option of `chat` and `serve`, but --continue and --session, can be set in the
environment, as in GENAI_CHAT_TEMPERATURE=0.2, or in the configuration file, as in

    [chat]
    temperature = 0.2

What is typed counts before the environment, and that before the file.
`genai config show --origin` tells what is set where.";

/// Show the settings, and where they come from.
#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what is set, in the form of the configuration file
    Show(show::Show),
    /// Show where the configuration file is, whether or not it exists
    Path,
}

impl Config {
    /// Runs the command.
    pub(crate) fn run(self, program: Command, printer: &mut Printer) -> anyhow::Result<Exit> {
        match self.action {
            Action::Show(show) => show.run(program, printer),
            Action::Path => {
                printer.answer(&format!("{}\n", path()?.display()))?;
                Ok(Exit::Done)
            }
        }
    }
}

/// Gives the options of the program the values of the configuration file, for as long as nothing else
/// is typed or in the environment.
pub(crate) fn apply(program: Command) -> anyhow::Result<Command> {
    let settings = settings(&program)?;
    Ok(with(program, settings))
}

/// Lets each option that can be set be read from the environment as well.
pub(crate) fn with_environment(program: Command) -> Command {
    COMMANDS.into_iter().fold(program, |program, name| {
        program.mut_subcommand(name, |command| {
            command.mut_args(|arg| match variable(name, &arg) {
                Some(variable) => arg.env(variable).hide_env(true),
                None => arg,
            })
        })
    })
}

/// What the configuration file sets; nothing if there is none.
fn settings(program: &Command) -> anyhow::Result<Vec<Setting>> {
    let path = path()?;
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(file::read(&path, &text, program)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named() => Ok(Vec::new()),
        Err(error) => {
            let message = format!("cannot read the configuration file {}", path.display());
            Err(error).context(Usage(message))
        }
    }
}

fn with(program: Command, settings: Vec<Setting>) -> Command {
    settings.into_iter().fold(program, |program, setting| {
        program.mut_subcommand(setting.command, |command| {
            command.mut_arg(setting.option, |arg| {
                // The defaults of an option with a default value are replaced, too.
                arg.default_values(setting.values)
            })
        })
    })
}

/// Where the configuration file is: as `GENAI_CONFIG` says, or under `$XDG_CONFIG_HOME`, or else
/// `~/.config`.
fn path() -> Result<PathBuf, Usage> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    if let Some(path) = variable(VARIABLE).filter(|path| !path.as_os_str().is_empty()) {
        return Ok(path);
    }
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    let folder = folder.ok_or_else(|| {
        let message = "there is no place for settings: set HOME, XDG_CONFIG_HOME or GENAI_CONFIG";
        Usage(message.to_owned())
    })?;
    Ok(folder.join("generativeai").join("config.toml"))
}

/// Whether the configuration file was named, and so must be there.
fn is_named() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|path| !path.is_empty())
}

/// Whether an argument of a command can be set: it is an option, and not one that ends the program or
/// says what this run of it is for.
fn is_setting(arg: &Arg) -> bool {
    let ends = matches!(
        arg.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    );
    let of_one_run = |long| OF_ONE_RUN.contains(&long);
    arg.get_long().is_some_and(|long| !of_one_run(long)) && !ends
}

/// The variable that sets an option, unless it has one of its own.
fn variable(command: &str, arg: &Arg) -> Option<String> {
    if !is_setting(arg) || arg.get_env().is_some() {
        return None;
    }
    let name = format!("GENAI_{command}_{}", key(arg));
    Some(name.to_uppercase())
}

/// The name of an option in the configuration file.
fn key(arg: &Arg) -> String {
    arg.get_long().unwrap_or_default().replace('-', "_")
}
