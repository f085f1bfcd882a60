//! Settings: defaults of options from the environment and the configuration file.
//!
//! Settings are not listed anywhere: each option of `chat` and `serve` is one, unless it has the mark [`SingleRun`].

mod allow;
mod file;
mod options;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use anyhow::Context;
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::environment;
use crate::exit::UsageError;
use crate::suggest::nearest;
pub(crate) use file::{ConfigFile, Named, Setting};
pub(crate) use options::{COMMANDS_WITH_SETTINGS, SingleRun, is_setting, key};

/// Environment variable with the path of the configuration file.
const VARIABLE: &str = "GENAI_CONFIG";

/// Option whose values on the command line or in the environment are added to those in the file. For any other option,
/// they replace those in the file.
pub(crate) const ADDED: &str = "allow";

/// Text of the help about settings.
pub(crate) const SETTINGS: &str = "\
Settings: each option of `chat` and `serve`, except those for a single run, can be set in the \
environment, as in GENAI_CHAT_TEMPERATURE=0.2, or in the configuration file:

    [chat]
    temperature = 0.2

The file may also have tables [servers], of MCP servers for --tool NAME, and [prompts], of texts for \
--template NAME.

Options on the command line take precedence over the environment, and that over the file. \
`genai config show --origin` shows all settings and where they are set.";

/// Adds an environment variable to each setting. The help does not show them, since it describes how they are named.
/// Flags get a value.
pub(crate) fn with_environment(program: Command) -> Command {
    COMMANDS_WITH_SETTINGS
        .iter()
        .fold(program, |program, name| {
            program.mut_subcommand(name, |command| {
                command.mut_args(|arg| match variable(name, &arg) {
                    Some(variable) => switch(arg).env(variable).hide_env(true),
                    None => switch(arg),
                })
            })
        })
}

/// Lets a flag that is a setting have a value, so that `--stats=false` overrides the environment and the file.
pub(crate) fn switch(arg: Arg) -> Arg {
    if !is_setting(&arg) || !matches!(arg.get_action(), ArgAction::SetTrue) {
        return arg;
    }
    arg.action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .value_name("true|false")
        .value_parser(environment::truth)
        .default_value("false")
        .default_missing_value("true")
        .hide_default_value(true)
        .hide_possible_values(true)
}

/// Returns a warning about each environment variable that looks like a setting of a command and is not one.
pub(crate) fn unknown_variables(program: &Command) -> Vec<String> {
    let arguments = program.get_subcommands().flat_map(Command::get_arguments);
    let known = arguments.filter_map(Arg::get_env).filter_map(OsStr::to_str);
    let known: Vec<_> = known.collect();
    let is_prefixed = |variable: &String| {
        let rest = variable.strip_prefix("GENAI_");
        rest.is_some_and(|rest| {
            COMMANDS_WITH_SETTINGS
                .iter()
                .any(|name| rest.starts_with(&prefix(name)))
        })
    };
    let set = std::env::vars_os().filter_map(|(variable, _)| variable.into_string().ok());
    let unknown = set
        .filter(is_prefixed)
        .filter(|set| !known.contains(&set.as_str()));
    let warning = |variable: String| {
        let similar = nearest(&variable.to_uppercase(), known.iter().copied());
        let remedy = match similar {
            Some(similar) => format!("did you mean `{similar}`?"),
            None => "`genai config show` lists all settings".to_owned(),
        };
        format!("(the environment variable `{variable}` is not a setting: {remedy})")
    };
    unknown.map(warning).collect()
}

/// Returns the beginning of the environment variables of a command, after `GENAI_`.
fn prefix(command: &str) -> String {
    format!("{}_", command.to_uppercase())
}

/// Adds the name of the environment variable to the error about its invalid value. clap names only the option, which is
/// not on the command line.
pub(crate) fn with_variable(
    mut error: clap::Error,
    program: &Command,
    words: &[OsString],
) -> clap::Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let (option, value) = (
        text(ContextKind::InvalidArg),
        text(ContextKind::InvalidValue),
    );
    let (Some(option), Some(value)) = (option, value) else {
        return error;
    };
    // As in `--model <MODEL>`. clap has not built the commands that are not used, and cannot format their options.
    let long = option.strip_prefix("--");
    let long = long.and_then(|long| long.split([' ', '[']).next());
    let used = COMMANDS_WITH_SETTINGS.iter().filter(|name| {
        // `sessions resume` has the options of `chat`.
        let is_resume = |word: &OsString| word == "resume" && **name == "chat";
        words.iter().any(|word| word == **name || is_resume(word))
    });
    let set = used
        .filter_map(|name| program.find_subcommand(name))
        .flat_map(Command::get_arguments)
        .filter(|arg| arg.get_long() == long)
        .filter_map(Arg::get_env)
        .find(|variable| std::env::var_os(variable).is_some_and(|set| set == *value));
    if let Some(variable) = set {
        let named = format!("{option} (from {})", variable.display());
        error.insert(ContextKind::InvalidArg, ContextValue::String(named));
    }
    error
}

/// Reads the configuration file. It is empty if it does not exist.
///
/// # Errors
/// The file is invalid or cannot be read, or `GENAI_CONFIG` names a missing one.
pub(crate) fn read(program: &Command) -> anyhow::Result<ConfigFile> {
    let Ok(path) = path() else {
        // Without a home folder there is no file to read.
        return Ok(ConfigFile::default());
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(file::read(&path, &text, program)?),
        // A file that `GENAI_CONFIG` names must exist.
        Err(error)
            if error.kind() == std::io::ErrorKind::NotFound && !environment::is_set(VARIABLE) =>
        {
            Ok(ConfigFile::default())
        }
        Err(error) => {
            let message = format!("cannot read the configuration file {}", path.display());
            Err(error).context(UsageError(message))
        }
    }
}

/// Makes settings of the file the defaults of options. clap then applies the order of precedence: the command line, the
/// environment, the default.
pub(crate) fn with_defaults(program: Command, settings: Vec<Setting>) -> Command {
    settings.into_iter().fold(program, |program, setting| {
        program.mut_subcommand(setting.command, |command| {
            command.mut_arg(setting.option, |arg| {
                // Replaces the default value of the option, if it has one.
                arg.default_values(setting.values)
            })
        })
    })
}

/// Returns the place of the model in the configuration file, if the parsed command line uses that one.
pub(crate) fn place_of_model(
    settings: &[Setting],
    command: &str,
    matches: &ArgMatches,
) -> Option<String> {
    let mut used = matches;
    while let Some((_, subcommand)) = used.subcommand() {
        used = subcommand;
    }
    let is_set = |setting: &&Setting| setting.command == command && setting.option == "model";
    let setting = settings.iter().find(is_set)?;
    let is_used = used.value_source(&setting.option) == Some(ValueSource::DefaultValue);
    let path = path().ok().filter(|_| is_used)?;
    Some(format!("{}, line {}", path.display(), setting.line))
}

/// Adds the place of the model in the configuration file to an error about it, since the command line does not name it.
pub(crate) fn with_place<T>(result: anyhow::Result<T>, place: Option<&str>) -> anyhow::Result<T> {
    match place {
        Some(place) => result.with_context(|| format!("cannot use the model of {place}")),
        None => result,
    }
}

/// Returns the tools that the configuration file allows. The command line can add to them, but not remove any.
pub(crate) fn allowed(settings: &[Setting]) -> Vec<String> {
    let lists = settings.iter().filter(|setting| setting.option == ADDED);
    lists.flat_map(|list| list.values.clone()).collect()
}

/// Returns the path of the configuration file: `$GENAI_CONFIG`, or `generativeai/config.toml` in `$XDG_CONFIG_HOME` or
/// `~/.config`.
pub(crate) fn path() -> Result<PathBuf, UsageError> {
    if let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let folder = environment::folder("XDG_CONFIG_HOME", ".config").ok_or_else(|| {
        let message = "there is no folder for settings: set HOME, XDG_CONFIG_HOME or GENAI_CONFIG";
        UsageError(message.to_owned())
    })?;
    Ok(folder.join("config.toml"))
}

/// Adds a tool to the list `allow` of the configuration file, and returns the path of the file. The file is created if
/// it does not exist. Comments and other settings in it do not change.
pub(crate) fn allow(tool: &str) -> anyhow::Result<PathBuf> {
    let path = path()?;
    // The file may be a symbolic link into a folder of dotfiles. Renaming a new file to the path of the link would
    // replace the link.
    let file = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
    let written = allow::add(&file, tool);
    written.with_context(|| format!("cannot change the settings {}", path.display()))?;
    Ok(path)
}

/// Returns the environment variable of a setting, unless its definition already has one.
fn variable(command: &str, arg: &Arg) -> Option<String> {
    if !is_setting(arg) || arg.get_env().is_some() {
        return None;
    }
    let name = format!("GENAI_{command}_{}", key(arg));
    Some(name.to_uppercase())
}
