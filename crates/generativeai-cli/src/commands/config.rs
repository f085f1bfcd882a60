//! `genai config`: shows the settings.

use std::any::TypeId;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Subcommand};
use toml::Value;

use crate::exit::{Exit, UsageError};
use crate::render::Printer;
use crate::settings::{
    ADDED, COMMANDS_WITH_SETTINGS, Setting, is_setting, key, path, read, with_defaults,
    with_variable,
};

/// Text that is shown instead of a secret.
const HIDDEN: &str = "(hidden)";

/// Show the settings, and where they come from.
#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the settings in the format of the configuration file
    Show(Show),
    /// Show the path of the configuration file, whether or not it exists
    Path,
}

impl Config {
    /// Runs the command.
    pub(crate) fn run(self, program: Command, printer: &mut Printer) -> anyhow::Result<Exit> {
        match self.action {
            Action::Show(show) => show.run(program, printer),
            Action::Path => {
                printer.answer(&format!("{}\n", path()?.display()))?;
                Ok(Exit::Success)
            }
        }
    }
}

/// Show the settings in the format of the configuration file.
#[derive(Debug, Args)]
struct Show {
    /// Show where each setting comes from
    #[arg(long)]
    origin: bool,

    /// A command line, to show the settings in effect for it, as in `genai config show chat --stats`
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<OsString>,
}

impl Show {
    fn run(self, program: Command, printer: &mut Printer) -> anyhow::Result<Exit> {
        let listing = Listing {
            origin: self.origin,
            settings: read(&program)?.settings,
            path: path().map_or_else(|_| String::new(), |path| path.display().to_string()),
        };
        let program = with_defaults(program, listing.settings.clone());
        let mut text = String::new();
        if self.words.is_empty() {
            for name in COMMANDS_WITH_SETTINGS {
                text += &listing.table(&program, vec![name.into()])?;
            }
        } else {
            text = listing.table(&program, self.words)?;
        }
        printer.answer(&text)?;
        Ok(Exit::Success)
    }
}

/// Printed form of the settings.
struct Listing {
    /// Whether each setting is followed by its origin.
    origin: bool,
    /// Settings of the configuration file.
    settings: Vec<Setting>,
    /// Path of the configuration file; empty without a home folder.
    path: String,
}

impl Listing {
    /// Returns the settings in effect for a command line, as the TOML table of its command.
    fn table(&self, program: &Command, words: Vec<OsString>) -> Result<String, UsageError> {
        let words: Vec<OsString> = std::iter::once("genai".into()).chain(words).collect();
        // Parsing builds the command, without which its options cannot be printed.
        let mut built = program.clone();
        let matches = built.try_get_matches_from_mut(&words);
        let matches = matches.map_err(|error| {
            let error = with_variable(error, &built, &words);
            // The message continues with the usage of the inner command line, which would be mistaken for that of
            // `config show`.
            let message = error.to_string();
            let line = message.lines().next().unwrap_or_default();
            UsageError(line.trim_start_matches("error: ").to_owned())
        })?;
        let named = matches
            .subcommand()
            .filter(|(name, _)| COMMANDS_WITH_SETTINGS.contains(name));
        let (name, matches) = named.ok_or_else(|| {
            UsageError(format!(
                "only these commands have settings: {}",
                COMMANDS_WITH_SETTINGS.join(", ")
            ))
        })?;
        let command = program
            .find_subcommand(name)
            .expect("the matched name is a command");
        let mut text = format!("[{name}]\n");
        for option in command.get_arguments().filter(|arg| is_setting(arg)) {
            text += &self.line(name, option, matches).unwrap_or_default();
        }
        Ok(text + "\n")
    }

    /// Returns the line of a setting, if it has a value.
    fn line(&self, command: &str, option: &Arg, matches: &ArgMatches) -> Option<String> {
        let id = option.get_id().as_str();
        let raw = matches.get_raw(id)?;
        let mut values: Vec<_> = raw
            .map(|value| value.to_string_lossy().into_owned())
            .collect();
        // clap replaces a default by the value of the command line, but values of this list are added to each other.
        if let Some(setting) = self.setting(command, id).filter(|_| id == ADDED) {
            let added = setting.values.iter();
            let added: Vec<_> = added.filter(|value| !values.contains(value)).collect();
            values.extend(added.into_iter().cloned());
        }
        if option.get_value_parser().type_id() == TypeId::of::<bool>() {
            values = matches
                .get_one::<bool>(id)
                .map(bool::to_string)
                .into_iter()
                .collect();
        }
        let values: Vec<_> = values
            .iter()
            .map(|value| format_value(option, value))
            .collect();
        let value = match option.get_action() {
            ArgAction::Append => format!("[{}]", values.join(", ")),
            _ => values.concat(),
        };
        let mut line = format!("{} = {value}", key(option));
        if self.origin {
            let origin = self.origin(command, option, matches);
            write!(line, "  # {origin}").expect("writing to a string does not fail");
        }
        Some(line + "\n")
    }

    /// Returns the origin of the value of a setting.
    fn origin(&self, command: &str, option: &Arg, matches: &ArgMatches) -> String {
        let id = option.get_id().as_str();
        let overridden = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => Some("command line".to_owned()),
            Some(ValueSource::EnvVariable) => {
                let variable = option.get_env().unwrap_or_default();
                Some(format!("environment: {}", variable.to_string_lossy()))
            }
            _ => None,
        };
        let file = self
            .setting(command, id)
            .filter(|_| overridden.is_none() || id == ADDED);
        let file = file.map(|setting| format!("{}, line {}", self.path, setting.line));
        let origins: Vec<_> = overridden.into_iter().chain(file).collect();
        match origins.is_empty() {
            true => "default".to_owned(),
            false => origins.join("; "),
        }
    }

    /// Returns the setting of an option in the configuration file, if there is one.
    fn setting(&self, command: &str, option: &str) -> Option<&Setting> {
        let is_set = |setting: &&Setting| setting.command == command && setting.option == option;
        self.settings.iter().find(is_set)
    }
}

/// Returns a value in the format of the configuration file.
fn format_value(option: &Arg, value: &str) -> String {
    // The help does not show the values of such options either: they are keys.
    if option.is_hide_env_values_set() {
        return format!("{HIDDEN:?}");
    }
    let kind = option.get_value_parser().type_id();
    let is_text = kind == TypeId::of::<String>() || kind == TypeId::of::<PathBuf>();
    match value.parse() {
        // A number of Rust may be none of TOML, such as `.5`. The file may have it as a string.
        Ok(Value::Integer(_) | Value::Float(_) | Value::Boolean(_)) if !is_text => value.to_owned(),
        _ => Value::from(value).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use clap::value_parser;

    use super::*;

    #[test]
    fn values_have_the_format_of_the_configuration_file() {
        let text = Arg::new("model").long("model");
        let number = Arg::new("top_k")
            .long("top-k")
            .value_parser(value_parser!(i32));
        let tokens = Arg::new("context").value_parser(value_parser!(u64).range(256..));
        let share = Arg::new("top_p").value_parser(value_parser!(f64));
        let file = Arg::new("files").value_parser(value_parser!(PathBuf));
        let host = Arg::new("host").value_parser(value_parser!(IpAddr));
        let secret = Arg::new("api_key").long("api-key").hide_env_values(true);

        assert_eq!(format_value(&text, "a \"b\""), "'a \"b\"'");
        assert_eq!(format_value(&text, "12"), "\"12\"");
        assert_eq!(format_value(&number, "12"), "12");
        assert_eq!(format_value(&tokens, "512"), "512");
        assert_eq!(format_value(&share, "0.5"), "0.5");
        assert_eq!(format_value(&share, ".5"), "\".5\"");
        assert_eq!(format_value(&file, "0x10"), "\"0x10\"");
        assert_eq!(format_value(&host, "127.0.0.1"), "\"127.0.0.1\"");
        assert_eq!(format_value(&secret, "s3cret"), "\"(hidden)\"");
    }
}
