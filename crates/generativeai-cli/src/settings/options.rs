//! Options of the program that are settings.

use clap::{Arg, ArgAction};

/// Commands whose options are settings.
pub(crate) const COMMANDS: [&str; 2] = ["chat", "serve"];

/// Options that concern a single run, so they are not settings.
const NOT_SETTINGS: [&str; 7] = [
    "code", "continue", "new", "param", "session", "template", "yes",
];

/// Returns whether an argument is a setting: an option, except those for a single run, such as `--help`.
pub(crate) fn is_setting(arg: &Arg) -> bool {
    let is_info = matches!(
        arg.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    );
    let is_option = |long| !NOT_SETTINGS.contains(&long);
    arg.get_long().is_some_and(is_option) && !is_info
}

/// Returns the key of an option in the configuration file.
pub(crate) fn key(arg: &Arg) -> String {
    arg.get_long().unwrap_or_default().replace('-', "_")
}
