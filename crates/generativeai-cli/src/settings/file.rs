//! The configuration file: a table for each command, with a key for each option.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use clap::{Arg, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::options::{COMMANDS_WITH_SETTINGS, is_setting, key};
use crate::exit::UsageError;
use crate::suggest::suggest;

/// A setting of the file.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) command: &'static str,
    /// Identifier of the option.
    pub(crate) option: String,
    /// Its value, or its values if the option can be repeated.
    pub(crate) values: Vec<String>,
    /// Its line in the file, from 1.
    pub(crate) line: usize,
}

/// Strings of a table by name.
pub(crate) type Named = BTreeMap<String, String>;

/// Contents of the configuration file.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConfigFile {
    pub(crate) settings: Vec<Setting>,
    /// Texts for `--template`.
    pub(crate) prompts: Named,
    /// MCP servers for `--tool`.
    pub(crate) servers: Named,
}

/// Tables of the file that contain named strings instead of options.
const NAMED: &[&str] = &["prompts", "servers"];

/// Parses a file, and checks its values in the same way as options on the command line. An error contains the line.
pub(super) fn read(path: &Path, text: &str, program: &Command) -> Result<ConfigFile, UsageError> {
    let file = File { path, text };
    let tables = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        file.wrong(at, error.message())
    })?;
    let mut config = ConfigFile::default();
    for table in in_order(tables.get_ref()) {
        match &**table.0.get_ref() {
            "prompts" => config.prompts = file.strings(table)?,
            "servers" => config.servers = file.strings(table)?,
            _ => config.settings.extend(file.table(table, program)?),
        }
    }
    Ok(config)
}

/// Key and value of a table.
type Entry<'t> = (&'t Spanned<Cow<'t, str>>, &'t Spanned<DeValue<'t>>);

/// Returns the entries of a table in the order of the file, so that the first error in the file is reported.
fn in_order<'t>(table: &'t DeTable<'t>) -> Vec<Entry<'t>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// The file that is parsed, for errors.
struct File<'f> {
    path: &'f Path,
    text: &'f str,
}

impl File<'_> {
    /// Reads the table of a command.
    fn table(
        &self,
        (name, value): Entry<'_>,
        program: &Command,
    ) -> Result<Vec<Setting>, UsageError> {
        let at = name.span().start;
        let word: &str = name.get_ref();
        let Some(command) = COMMANDS_WITH_SETTINGS
            .iter()
            .copied()
            .find(|&command| command == word)
        else {
            let names = COMMANDS_WITH_SETTINGS
                .iter()
                .chain(NAMED)
                .copied()
                .map(ToOwned::to_owned);
            let suggestion = suggest(word, &names.collect::<Vec<_>>());
            return Err(self.wrong(at, format_args!("unknown table `{word}`: {suggestion}")));
        };
        let options = program
            .find_subcommand(command)
            .expect("COMMANDS_WITH_SETTINGS contains names of commands");
        let entries = self.entries((name, value))?.into_iter();
        let set = |entry| self.setting(command, options, entry);
        entries.map(set).collect()
    }

    /// Reads a table of strings.
    fn strings(&self, table: Entry<'_>) -> Result<Named, UsageError> {
        let text_of = |(name, value): Entry<'_>| match value.get_ref().as_str() {
            Some(text) => Ok((name.get_ref().clone().into_owned(), text.to_owned())),
            None => {
                let message = format_args!("`{}` must be a string", name.get_ref());
                Err(self.wrong(name.span().start, message))
            }
        };
        self.entries(table)?.into_iter().map(text_of).collect()
    }

    /// Returns the entries of a table.
    fn entries<'t>(&self, (name, value): Entry<'t>) -> Result<Vec<Entry<'t>>, UsageError> {
        let word = name.get_ref();
        let table = value.get_ref().as_table().map(in_order);
        table.ok_or_else(|| {
            let message = format_args!("`{word}` must be a table: write [{word}]");
            self.wrong(name.span().start, message)
        })
    }

    /// Reads a setting.
    fn setting(
        &self,
        command: &'static str,
        options: &Command,
        (name, value): Entry<'_>,
    ) -> Result<Setting, UsageError> {
        let at = name.span().start;
        let word: &str = name.get_ref();
        let Some(option) = options
            .get_arguments()
            .find(|arg| is_setting(arg) && key(arg) == word)
        else {
            let keys: Vec<_> = options
                .get_arguments()
                .filter(|arg| is_setting(arg))
                .map(key)
                .collect();
            let suggestion = suggest(word, &keys);
            return Err(self.wrong(
                at,
                format_args!("[{command}] has no key `{word}`: {suggestion}"),
            ));
        };
        let Some(values) = values(value.get_ref()) else {
            let message = format_args!(
                "`{word}` has an unsuitable value: use a string, a number, true, false, or a list of these"
            );
            return Err(self.wrong(at, message));
        };
        check(option, &values).map_err(|why| self.wrong(at, format_args!("`{word}`: {why}")))?;
        Ok(Setting {
            command,
            option: option.get_id().to_string(),
            values,
            line: self.line(at),
        })
    }

    /// Creates an error with the path and the line of a byte offset.
    fn wrong(&self, at: usize, what: impl Display) -> UsageError {
        let (path, line) = (self.path.display(), self.line(at));
        UsageError(format!("{path}, line {line}: {what}"))
    }

    /// Returns the line of a byte offset, from 1.
    fn line(&self, at: usize) -> usize {
        let before = self.text.bytes().take(at);
        1 + before.filter(|&byte| byte == b'\n').count()
    }
}

/// Returns the words of a value on the command line. Returns `None` for a table, a date or a nested list.
fn values(value: &DeValue<'_>) -> Option<Vec<String>> {
    if let Some(list) = value.as_array() {
        return list.iter().map(|item| scalar(item.get_ref())).collect();
    }
    Some(vec![scalar(value)?])
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) => {
            // A number that is too large stays unchanged: the option refuses it.
            let (text, radix) = (number.as_str(), number.radix());
            let number = i64::from_str_radix(text, radix).map(|number| number.to_string());
            Some(number.unwrap_or_else(|_| text.to_owned()))
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// Checks values by parsing them as options.
fn check(option: &Arg, values: &[String]) -> Result<(), String> {
    let long = option.get_long().expect("a setting has a long option");
    let words: Vec<_> = values
        .iter()
        .map(|value| format!("--{long}={value}"))
        .collect();
    // With its variable, the option could get its value from the environment instead of the file.
    let alone = Command::new("genai")
        .no_binary_name(true)
        .arg(option.clone().env(None::<&'static str>));
    alone
        .try_get_matches_from(words)
        .map(drop)
        .map_err(|error| {
            let message = error.to_string();
            let line = message.lines().next().unwrap_or_default();
            line.trim_start_matches("error: ").to_owned()
        })
}

#[cfg(test)]
mod tests {
    use clap::{ArgAction, value_parser};

    use super::super::switch;
    use super::*;

    fn program() -> Command {
        let number = Arg::new("temperature")
            .long("temperature")
            .value_parser(value_parser!(f64));
        let tools = Arg::new("tool").long("tool").action(ArgAction::Append);
        let flag = switch(Arg::new("quiet").long("quiet").action(ArgAction::SetTrue));
        let words = Arg::new("words");
        let chat = Command::new("chat").args([number, tools, flag, words]);
        Command::new("genai")
            .subcommand(chat)
            .subcommand(Command::new("serve"))
    }

    fn wrong(text: &str) -> String {
        let read = read(Path::new("c.toml"), text, &program());
        read.expect_err(text).to_string()
    }

    #[test]
    fn settings_are_read_with_their_lines() {
        let text = "# mine\n[chat]\ntemperature = 5e-1\n\ntool = [\"a b\", \"c\"]\n";

        let settings = read(Path::new("c.toml"), text, &program()).expect("settings");

        let read: Vec<_> = settings
            .settings
            .iter()
            .map(|set| {
                (
                    set.command,
                    set.option.as_str(),
                    set.values.join("|"),
                    set.line,
                )
            })
            .collect();
        assert_eq!(
            read,
            [
                ("chat", "temperature", "5e-1".to_owned(), 3),
                ("chat", "tool", "a b|c".to_owned(), 5),
            ]
        );
    }

    #[test]
    fn an_unknown_name_is_reported_with_its_line_and_a_suggestion() {
        assert_eq!(
            wrong("[chat]\n\ntemprature = 1\n"),
            "c.toml, line 3: [chat] has no key `temprature`: did you mean `temperature`?"
        );
        assert_eq!(
            wrong("[chta]\n"),
            "c.toml, line 1: unknown table `chta`: did you mean `chat`?"
        );
        assert!(
            wrong("[chat]\nwords = 1").contains("no key `words`"),
            "only options are settings"
        );
        assert!(wrong("temperature = 1").contains("available: chat, serve"));
        assert!(wrong("chat = 1").contains("write [chat]"));
    }

    #[test]
    fn an_invalid_value_is_refused_with_its_line() {
        let message = wrong("[chat]\ntemperature = \"warm\"");
        assert!(
            message.starts_with("c.toml, line 2: `temperature`: invalid value 'warm'"),
            "{message}"
        );
        assert!(wrong("[chat]\ntemperature = [1, 2]").contains("cannot be used multiple times"));
        assert!(wrong("[chat]\ntemperature = 1979-05-27").contains("unsuitable value"));
        assert!(wrong("[chat]\ntemperature = {a = 1}").contains("unsuitable value"));
    }

    #[test]
    fn a_flag_is_true_or_false() {
        let settings = read(Path::new("c.toml"), "[chat]\nquiet = true\n", &program());

        assert_eq!(settings.expect("settings").settings[0].values, ["true"]);
        assert!(wrong("[chat]\nquiet = 2").contains("`quiet`: invalid value '2' for '--quiet"));
    }

    #[test]
    fn named_strings_are_read_and_checked() {
        let text = "[prompts]\nfix = \"Fix:\"\n[servers]\nnotes = \"notes-server\"\n";

        let config = read(Path::new("c.toml"), text, &program()).expect("settings");

        assert_eq!(config.prompts["fix"], "Fix:");
        assert_eq!(config.servers["notes"], "notes-server");
        assert!(wrong("\n[servers]\nnotes = 1").contains("line 3: `notes` must be a string"));
        assert!(wrong("prompts = 1").contains("write [prompts]"));
    }

    #[test]
    fn invalid_toml_is_refused_with_its_line() {
        assert!(wrong("[chat]\ntemperature = = 1\n").starts_with("c.toml, line 2: "));
        assert!(wrong("\n\n[chat\n").starts_with("c.toml, line 3: "));
    }
}
