//! The configuration file: a table for each command, a key for each option.

use std::fmt::Display;
use std::path::Path;

use clap::{Arg, ArgAction, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{COMMANDS, is_setting, key, nearest};
use crate::exit::Usage;

/// An option that the file sets.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) command: &'static str,
    /// The id of the option.
    pub(super) option: String,
    /// Its value, or its values if it may be typed several times.
    pub(super) values: Vec<String>,
    /// The line on which it is set, from 1.
    pub(super) line: usize,
}

/// Reads what a file sets, and checks it as if it were typed.
pub(super) fn read(path: &Path, text: &str, program: &Command) -> Result<Vec<Setting>, Usage> {
    let file = File { path, text };
    let tables = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        file.wrong(at, error.message())
    })?;
    let mut settings = Vec::new();
    for (name, value) in in_order(tables.get_ref()) {
        settings.extend(file.table(name, value, program)?);
    }
    Ok(settings)
}

type Entry<'t> = (
    &'t Spanned<std::borrow::Cow<'t, str>>,
    &'t Spanned<DeValue<'t>>,
);

/// The entries of a table as they stand in the file.
fn in_order<'t>(table: &'t DeTable<'t>) -> Vec<Entry<'t>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// A file that is read.
struct File<'f> {
    path: &'f Path,
    text: &'f str,
}

impl File<'_> {
    fn table(
        &self,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        program: &Command,
    ) -> Result<Vec<Setting>, Usage> {
        let at = name.span().start;
        let word: &str = name.get_ref();
        let Some(command) = COMMANDS.into_iter().find(|&command| command == word) else {
            let advice = nearest::advice(word, &COMMANDS.map(ToOwned::to_owned));
            return Err(self.wrong(at, format_args!("there is no table `{word}`; {advice}")));
        };
        let Some(table) = value.get_ref().as_table() else {
            return Err(self.wrong(at, format_args!("`{word}` is a table: write [{word}]")));
        };
        let options = program
            .find_subcommand(command)
            .expect("each of the commands is one of the program");
        let set = |(key, value)| self.setting(command, options, key, value);
        in_order(table).into_iter().map(set).collect()
    }

    fn setting(
        &self,
        command: &'static str,
        options: &Command,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Setting, Usage> {
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
            let advice = nearest::advice(word, &keys);
            return Err(self.wrong(
                at,
                format_args!("[{command}] has no key `{word}`; {advice}"),
            ));
        };
        let Some(values) = values(value.get_ref()) else {
            let kind = value.get_ref().type_str();
            let message = format_args!(
                "`{word}` cannot be a {kind}: a text, a number, true, false, or a list of such"
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

    fn wrong(&self, at: usize, what: impl Display) -> Usage {
        let (path, line) = (self.path.display(), self.line(at));
        Usage(format!("{path}, line {line}: {what}"))
    }

    fn line(&self, at: usize) -> usize {
        let before = self.text.bytes().take(at);
        1 + before.filter(|&byte| byte == b'\n').count()
    }
}

/// A value as it would be typed; none if it could not be.
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
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some(number.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// Checks values by typing them, and says what is wrong with them.
fn check(option: &Arg, values: &[String]) -> Result<(), String> {
    if matches!(option.get_action(), ArgAction::SetTrue) {
        return match values {
            [value] if value == "true" || value == "false" => Ok(()),
            _ => Err("it is true or false".to_owned()),
        };
    }
    let long = option.get_long().expect("what can be set is an option");
    let words: Vec<_> = values
        .iter()
        .map(|value| format!("--{long}={value}"))
        .collect();
    let alone = Command::new("genai")
        .no_binary_name(true)
        .arg(option.clone().env(None::<&'static str>));
    alone
        .try_get_matches_from(words)
        .map(drop)
        .map_err(|error| {
            let told = error.to_string();
            let line = told.lines().next().unwrap_or_default();
            line.trim_start_matches("error: ").to_owned()
        })
}

#[cfg(test)]
mod tests {
    use clap::value_parser;

    use super::*;

    fn program() -> Command {
        let number = Arg::new("temperature")
            .long("temperature")
            .value_parser(value_parser!(f64));
        let tools = Arg::new("tool").long("tool").action(ArgAction::Append);
        let flag = Arg::new("quiet").long("quiet").action(ArgAction::SetTrue);
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
    fn what_a_file_sets_is_read_with_its_lines() {
        let text = "# mine\n[chat]\ntemperature = 5e-1\n\ntool = [\"a b\", \"c\"]\n";

        let settings = read(Path::new("c.toml"), text, &program()).expect("settings");

        let read: Vec<_> = settings
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
    fn what_is_not_known_is_named_with_its_line_and_what_may_be_meant() {
        assert_eq!(
            wrong("[chat]\n\ntemprature = 1\n"),
            "c.toml, line 3: [chat] has no key `temprature`; did you mean `temperature`?"
        );
        assert_eq!(
            wrong("[chta]\n"),
            "c.toml, line 1: there is no table `chta`; did you mean `chat`?"
        );
        assert!(
            wrong("[chat]\nwords = 1").contains("no key `words`"),
            "only options are set"
        );
        assert!(wrong("temperature = 1").contains("there are: chat, serve"));
        assert!(wrong("chat = 1").contains("write [chat]"));
    }

    #[test]
    fn a_value_that_could_not_be_typed_is_refused_with_its_line() {
        let told = wrong("[chat]\ntemperature = \"warm\"");
        assert!(
            told.starts_with("c.toml, line 2: `temperature`: invalid value 'warm'"),
            "{told}"
        );
        assert!(wrong("[chat]\ntemperature = [1, 2]").contains("cannot be used multiple times"));
        assert!(wrong("[chat]\ntemperature = 1979-05-27").contains("cannot be a"));
        assert!(wrong("[chat]\ntemperature = {a = 1}").contains("cannot be a table"));
    }

    #[test]
    fn a_flag_is_true_or_false() {
        let settings = read(Path::new("c.toml"), "[chat]\nquiet = true\n", &program());

        assert_eq!(settings.expect("settings")[0].values, ["true"]);
        assert!(wrong("[chat]\nquiet = 1").contains("`quiet`: it is true or false"));
    }

    #[test]
    fn a_file_that_is_no_toml_is_refused_with_its_line() {
        assert!(wrong("[chat]\ntemperature = = 1\n").starts_with("c.toml, line 2: "));
        assert!(wrong("\n\n[chat\n").starts_with("c.toml, line 3: "));
    }
}
