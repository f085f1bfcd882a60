//! Settings: defaults of options, from the environment and the configuration file.

mod allow;
mod file;
mod options;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Arg, Command};

use crate::exit::UsageError;
pub(crate) use file::Setting;
pub(crate) use options::{COMMANDS, is_setting, key};

/// Environment variable with the path of the configuration file.
const VARIABLE: &str = "GENAI_CONFIG";

/// The option whose values on the command line or in the environment are added to the values in the file. The values
/// of any other option replace them.
pub(crate) const ADDED: &str = "allow";

/// Help about settings.
pub(crate) const SETTINGS: &str = "\
Settings: each option of `chat` and `serve`, except those for a single run, can be set in the \
environment, as in GENAI_CHAT_TEMPERATURE=0.2, or in the configuration file:

    [chat]
    temperature = 0.2

The file may also have tables [servers], of MCP servers for --tool NAME, and [prompts], of texts for \
--template NAME.

Options on the command line take precedence over the environment, and that over the file. \
`genai config show --origin` shows all settings and where they are set.";

/// Lets each setting be read from its environment variable.
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

/// Reads the configuration file; without one there are no settings.
pub(crate) fn settings(program: &Command) -> anyhow::Result<Vec<Setting>> {
    let Ok(path) = path() else {
        // Without a home folder there is no file to read.
        return Ok(Vec::new());
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(file::read(&path, &text, program)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_explicit() => {
            Ok(Vec::new())
        }
        Err(error) => {
            let message = format!("cannot read the configuration file {}", path.display());
            Err(error).context(UsageError(message))
        }
    }
}

/// Reads a table of named strings from the configuration file: `servers` or `prompts`.
pub(crate) fn named(table: &'static str) -> anyhow::Result<BTreeMap<String, String>> {
    match path().map(std::fs::read_to_string) {
        // An unreadable file was reported when the options were parsed.
        Err(_) | Ok(Err(_)) => Ok(BTreeMap::new()),
        Ok(Ok(text)) => Ok(file::named(&path()?, &text, table)?),
    }
}

/// Uses settings as the defaults of options.
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

/// Returns the tools that the configuration file allows. They are allowed whatever the command line adds.
pub(crate) fn allowed(settings: &[Setting]) -> Vec<String> {
    let lists = settings.iter().filter(|setting| setting.option == ADDED);
    lists.flat_map(|list| list.values.clone()).collect()
}

/// Returns the path of the configuration file: `$GENAI_CONFIG`, or `generativeai/config.toml` in `$XDG_CONFIG_HOME` or
/// `~/.config`.
pub(crate) fn path() -> Result<PathBuf, UsageError> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    if let Some(path) = variable(VARIABLE).filter(|path| !path.as_os_str().is_empty()) {
        return Ok(path);
    }
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    let folder = folder.ok_or_else(|| {
        let message = "there is no folder for settings: set HOME, XDG_CONFIG_HOME or GENAI_CONFIG";
        UsageError(message.to_owned())
    })?;
    Ok(folder.join("generativeai").join("config.toml"))
}

/// Adds a tool to the list `allow` of the configuration file, and returns the path of the file. The file is created
/// if it does not exist; its comments and other settings stay as they are.
pub(crate) fn allow(tool: &str) -> anyhow::Result<PathBuf> {
    let path = path()?;
    // The file may be a link into a folder of dotfiles, and stays one.
    let file = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
    let written = allow::add(&file, tool);
    written.with_context(|| format!("cannot change the settings {}", path.display()))?;
    Ok(path)
}

/// Returns whether `GENAI_CONFIG` names the file, which must exist then.
fn is_explicit() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|path| !path.is_empty())
}

/// Returns the environment variable of a setting, unless clap has another one for it.
fn variable(command: &str, arg: &Arg) -> Option<String> {
    if !is_setting(arg) || arg.get_env().is_some() {
        return None;
    }
    let name = format!("GENAI_{command}_{}", key(arg));
    Some(name.to_uppercase())
}
