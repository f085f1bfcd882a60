//! `genai config show`: what is set, and where.

use std::any::TypeId;
use std::ffi::OsString;
use std::fmt::Write;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command};

use super::file::Setting;
use super::{COMMANDS, is_setting, key, path, settings, with};
use crate::exit::{Exit, Usage};
use crate::printer::Printer;

/// What is shown in place of a secret.
const HIDDEN: &str = "(hidden)";

/// Show what is set, in the form of the configuration file.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Tell where each setting comes from
    #[arg(long)]
    origin: bool,

    /// What would be typed, to see what would count then, as in `genai config show chat --stats`
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    typed: Vec<OsString>,
}

impl Show {
    /// Shows what would count for each command, or for the one that is typed.
    pub(super) fn run(self, program: Command, printer: &mut Printer) -> anyhow::Result<Exit> {
        let shown = Shown {
            origin: self.origin,
            settings: settings(&program)?,
            path: path()?.display().to_string(),
        };
        let program = with(program, shown.settings.clone());
        let mut text = String::new();
        if self.typed.is_empty() {
            for name in COMMANDS {
                text += &shown.table(&program, vec![name.into()])?;
            }
        } else {
            text = shown.table(&program, self.typed)?;
        }
        printer.answer(&text)?;
        Ok(Exit::Done)
    }
}

struct Shown {
    origin: bool,
    settings: Vec<Setting>,
    path: String,
}

impl Shown {
    /// The table of the command that is typed.
    fn table(&self, program: &Command, typed: Vec<OsString>) -> Result<String, Usage> {
        let words = std::iter::once("genai".into()).chain(typed);
        let matches = program.clone().try_get_matches_from(words);
        let matches = matches.map_err(|error| {
            let told = error.to_string();
            let line = told.lines().next().unwrap_or_default();
            Usage(line.trim_start_matches("error: ").to_owned())
        })?;
        let named = matches
            .subcommand()
            .filter(|(name, _)| COMMANDS.contains(name));
        let (name, matches) = named
            .ok_or_else(|| Usage(format!("only these have settings: {}", COMMANDS.join(", "))))?;
        let command = program
            .find_subcommand(name)
            .expect("what was matched is a command");
        let mut text = format!("[{name}]\n");
        for option in command.get_arguments().filter(|arg| is_setting(arg)) {
            text += &self.line(name, option, matches).unwrap_or_default();
        }
        Ok(text + "\n")
    }

    /// The line of an option, if it has a value.
    fn line(&self, command: &str, option: &Arg, matches: &ArgMatches) -> Option<String> {
        let raw = matches.get_raw(option.get_id().as_str())?;
        let values: Vec<_> = raw
            .map(|value| written(option, &value.to_string_lossy()))
            .collect();
        let value = match option.get_action() {
            ArgAction::Append => format!("[{}]", values.join(", ")),
            _ => values.concat(),
        };
        let mut line = format!("{} = {value}", key(option));
        if self.origin {
            let origin = self.origin(command, option, matches);
            write!(line, "  # {origin}").expect("a text takes all");
        }
        Some(line + "\n")
    }

    /// Where the value of an option comes from.
    fn origin(&self, command: &str, option: &Arg, matches: &ArgMatches) -> String {
        let id = option.get_id().as_str();
        let set = |setting: &&Setting| setting.command == command && setting.option == id;
        match (matches.value_source(id), self.settings.iter().find(set)) {
            (Some(ValueSource::CommandLine), _) => "typed".to_owned(),
            (Some(ValueSource::EnvVariable), _) => {
                let variable = option.get_env().unwrap_or_default();
                format!("environment: {}", variable.to_string_lossy())
            }
            (_, Some(setting)) => format!("{}, line {}", self.path, setting.line),
            _ => "default".to_owned(),
        }
    }
}

/// A value as the configuration file has it.
fn written(option: &Arg, value: &str) -> String {
    if option.is_hide_env_values_set() {
        return format!("{HIDDEN:?}");
    }
    let kind = option.get_value_parser().type_id();
    let bare = [
        TypeId::of::<bool>(),
        TypeId::of::<f64>(),
        TypeId::of::<i32>(),
        TypeId::of::<u16>(),
    ];
    if bare.iter().any(|bare| kind == *bare) {
        value.to_owned()
    } else {
        toml::Value::from(value).to_string()
    }
}

#[cfg(test)]
mod tests {
    use clap::value_parser;

    use super::*;

    #[test]
    fn values_are_written_as_the_file_has_them() {
        let text = Arg::new("model").long("model");
        let number = Arg::new("top_k")
            .long("top-k")
            .value_parser(value_parser!(i32));
        let secret = Arg::new("api_key").long("api-key").hide_env_values(true);

        assert_eq!(written(&text, "a \"b\""), "'a \"b\"'");
        assert_eq!(written(&text, "12"), "\"12\"");
        assert_eq!(written(&number, "12"), "12");
        assert_eq!(written(&secret, "s3cret"), "\"(hidden)\"");
    }
}
