//! Options of the program that are settings.

use clap::builder::ArgExt;
use clap::{Arg, ArgAction};

/// Commands whose options are settings.
pub(crate) const COMMANDS_WITH_SETTINGS: &[&str] = &["chat", "serve"];

/// Mark of an option that concerns a single run, so it is not a setting: `#[arg(add = SingleRun)]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SingleRun;

impl ArgExt for SingleRun {}

/// Returns whether an argument is a setting: an option, except those for a single run, such as `--help`.
pub(crate) fn is_setting(arg: &Arg) -> bool {
    let is_info = matches!(
        arg.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    );
    arg.get_long().is_some() && !is_info && arg.get::<SingleRun>().is_none()
}

/// Returns the key of an option in the configuration file.
pub(crate) fn key(arg: &Arg) -> String {
    arg.get_long().unwrap_or_default().replace('-', "_")
}
