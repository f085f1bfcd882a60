//! Environment variables.

use std::path::PathBuf;

/// Returns whether a variable is set and not empty.
pub(crate) fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Returns whether the terminal can only print text, such as the one of a text editor.
pub(crate) fn is_dumb_terminal() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Returns the folder `generativeai` in the one that an XDG variable names, or else in a folder of the home folder.
/// Ignores relative paths, as the XDG specification requires.
pub(crate) fn folder(variable: &str, in_home: &str) -> Option<PathBuf> {
    let absolute = |path: Option<PathBuf>| path.filter(|path| path.is_absolute());
    let folder = absolute(std::env::var_os(variable).map(PathBuf::from))
        .or_else(|| Some(absolute(std::env::home_dir())?.join(in_home)))?;
    Some(folder.join("generativeai"))
}

/// Parses the value of a switch.
pub(crate) fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("use true or false, 1 or 0, yes or no, or on or off".to_owned()),
    }
}
