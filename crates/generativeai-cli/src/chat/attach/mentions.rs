//! Files that are mentioned in a message: `@path`, or `@"path with blanks"`.

use std::borrow::Cow;
use std::path::PathBuf;

/// The files a message mentions, as far as there are such files.
pub(in crate::chat) fn of(message: &str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for (at, _) in message.match_indices('@') {
        if !begins_a_word(message, at) {
            continue;
        }
        let (whole, bare) = path_at(&message[at + 1..]);
        let named = [whole, bare].map(|path| PathBuf::from(&*at_home(path)));
        if let Some(path) = named.into_iter().find(|path| path.is_file())
            && !paths.contains(&path)
        {
            paths.push(path);
        }
    }
    paths
}

/// Whether an `@` begins a word; the one of an address does not.
fn begins_a_word(message: &str, at: usize) -> bool {
    let before = message[..at].chars().next_back();
    before.is_none_or(|char| char.is_whitespace() || "([{,;:\"'".contains(char))
}

/// The path behind an `@`, as it is, and without the punctuation that ends a sentence.
fn path_at(text: &str) -> (&str, &str) {
    if let Some(quoted) = text.strip_prefix('"')
        && let Some(end) = quoted.find('"')
    {
        return (&quoted[..end], &quoted[..end]);
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let whole = &text[..end];
    (
        whole,
        whole.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}', '"', '\'']),
    )
}

/// The mention that is being typed at the end of a text: where it begins, and its path so far.
pub(in crate::chat) fn open(typed: &str) -> Option<(usize, String)> {
    let at = typed.rfind('@').filter(|&at| begins_a_word(typed, at))?;
    let path = &typed[at + 1..];
    match path.strip_prefix('"') {
        Some(quoted) if quoted.contains('"') => None,
        Some(quoted) => Some((at, quoted.to_owned())),
        None if path.contains(char::is_whitespace) => None,
        None => Some((at, path.to_owned())),
    }
}

/// A path as it is mentioned.
pub(in crate::chat) fn mention(path: &str) -> String {
    if !path.contains(char::is_whitespace) {
        format!("@{path}")
    } else if path.ends_with('/') {
        format!("@\"{path}")
    } else {
        format!("@\"{path}\"")
    }
}

/// A path in which `~/` stands for the user's folder.
pub(in crate::chat) fn at_home(path: &str) -> Cow<'_, str> {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest).to_string_lossy().into_owned().into(),
        _ => path.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_there_are_found_in_a_message() {
        let folder = tempfile::tempdir().expect("a folder");
        let [plain, blank] = ["a.txt", "b c.txt"].map(|name| folder.path().join(name));
        for path in [&plain, &blank] {
            std::fs::write(path, "x").expect("a file");
        }
        let (a, b) = (plain.display(), blank.display());

        let found = |message: String| of(&message);
        assert_eq!(
            found(format!("What is in @{a}?")),
            std::slice::from_ref(&plain)
        );
        assert_eq!(
            found(format!("@{a} and (@\"{b}\"), @{a}")),
            [plain.clone(), blank.clone()]
        );
        assert!(found(format!("me@{a} or @{a}.gone or @nobody @")).is_empty());
    }

    #[test]
    fn the_mention_that_is_being_typed_is_found() {
        assert_eq!(open("See @src/m"), Some((4, "src/m".to_owned())));
        assert_eq!(open("See @\"my fi"), Some((4, "my fi".to_owned())));
        assert_eq!(open("See @a.txt and"), None);
        assert_eq!(open("me@home"), None);
    }
}
