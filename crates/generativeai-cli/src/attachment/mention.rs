//! Files mentioned in a message: `@path`, `@"path with blanks"`, `@'…'`, or `@path\ with\ blanks`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::suggest::nearest;

/// Characters that begin a mention. The second one is that of Chinese and Japanese keyboards.
const SIGNS: [char; 2] = ['@', '＠'];

/// Pairs of quotes around a path.
const QUOTES: [(char, char); 4] = [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’')];

/// Maximum length of a path in a message, in bytes; a longer word is not a path.
const MAX_PATH: usize = 4_096;

/// Number of ends that are tried for a path in one word. In a script without spaces, each character may be an end.
const MAX_ENDS: usize = 128;

/// Number of ends that are tried for a path with blanks that is neither quoted nor escaped. Each needs a system call.
const MAX_BLANK_ENDS: usize = 24;

/// A mention of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mention {
    /// The path of an existing file.
    File(PathBuf),
    /// A word that looks like the path of a file that does not exist, as a note for the user.
    Missing(String),
}

/// Finds the files that a message mentions, each once.
pub(crate) fn find(message: &str) -> Vec<Mention> {
    let mut mentions = Vec::new();
    let mut similar = Similar::default();
    for (at, sign) in message.match_indices(SIGNS) {
        if starts_mention(message, at)
            && let Some(mention) = mention_in(&message[at + sign.len()..], &mut similar)
            && !mentions.contains(&mention)
        {
            mentions.push(mention);
        }
    }
    mentions
}

/// Returns whether an `@` starts a mention. The `@` of an e-mail address does not, since a letter precedes it.
fn starts_mention(message: &str, at: usize) -> bool {
    let before = message[..at].chars().next_back();
    before.is_none_or(|char| {
        is_unspaced(char) || !(char.is_alphanumeric() || "_%+-@/".contains(char))
    })
}

/// Returns whether a character belongs to a script that is written without spaces between words, so that text
/// may directly precede or follow a path.
fn is_unspaced(char: char) -> bool {
    matches!(char,
        '\u{0e00}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

/// Returns the mention at the beginning of the text, which follows an `@`.
///
/// A path has no delimiter: `@notes.txt:12` and `@notes.txt.` mention `notes.txt`. So each beginning of the word is
/// tried, and the longest one that is an existing file is the path.
fn mention_in(text: &str, similar: &mut Similar) -> Option<Mention> {
    if let Some(path) = quoted(text) {
        return Some(match existing(path) {
            Some(file) => Mention::File(file),
            None => Mention::Missing(missing(path, similar).0),
        });
    }
    // An opening quote without a closing one is not a part of the path.
    let text = text.trim_start_matches(QUOTES.map(|(open, _)| open));
    let word = unescaped(text);
    if word.len() > MAX_PATH {
        return None;
    }
    let ends = word.char_indices().map(|(at, _)| at).skip(1);
    let ends = ends.filter(|&end| may_end(&word[end..])).take(MAX_ENDS);
    let files = ends.filter_map(|end| existing(&word[..end]));
    let file = existing(&word).or_else(|| files.last());
    if let Some(file) = file.or_else(|| with_blanks(text)) {
        return Some(Mention::File(file));
    }
    let path = trimmed(&word);
    let (note, resembles_entry) = missing(path, similar);
    // Other words with an `@` are names of people or annotations such as `@Override`.
    let is_meant = !path.is_empty() && (resembles_entry || looks_like_path(path));
    is_meant.then_some(Mention::Missing(note))
}

/// Returns the longest existing path with blanks at the beginning of the text, as in `@my file.txt, please`.
fn with_blanks(text: &str) -> Option<PathBuf> {
    let line = text.split('\n').next()?.split(SIGNS).next()?;
    let blank = line.find(char::is_whitespace)?;
    let ends = line[blank..].char_indices().map(|(at, _)| blank + at);
    // The first end is that of the first word, which the caller has tried. The second follows the blank itself.
    let ends = ends.chain([line.len()]).skip(2);
    let ends = ends.take_while(|&end| end <= MAX_PATH);
    let ends =
        ends.filter(|&end| !line[..end].ends_with(char::is_whitespace) && may_end(&line[end..]));
    let files = ends
        .take(MAX_BLANK_ENDS)
        .filter_map(|end| existing(&line[..end]));
    files.last()
}

/// Returns the path in quotes at the beginning of the text.
fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next()?;
    let (_, close) = QUOTES.into_iter().find(|(open, _)| *open == quote)?;
    let inner = &text[quote.len_utf8()..];
    let mut chars = inner.char_indices().take(MAX_PATH);
    let (end, found) = chars.find(|(_, char)| [close, '\n'].contains(char))?;
    (end > 0 && found == close).then(|| &inner[..end])
}

/// Returns the first word of the text, without its escapes. A backslash makes a blank or a punctuation mark a part of
/// the word; before a letter or a digit it is an ordinary character. A word is cut once it is longer than a path.
fn unescaped(text: &str) -> String {
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    while word.len() <= MAX_PATH
        && let Some(char) = chars.next()
    {
        match char {
            '\\' if chars.peek().is_some_and(|next| !next.is_alphanumeric()) => {
                word.extend(chars.next());
            }
            char if char.is_whitespace() => break,
            char => word.push(char),
        }
    }
    word
}

/// Returns whether a path may end before this rest of its word: `'s` and `.` are not part of a path, `.bak` is.
fn may_end(rest: &str) -> bool {
    let mut chars = rest.chars();
    match chars.next() {
        None => true,
        Some('.' | '-' | '/' | '\\' | '~') => chars
            .find(|char| !".-/\\~".contains(*char))
            .is_none_or(|char| !char.is_alphanumeric() || is_unspaced(char)),
        Some('_') => false,
        Some(char) => !char.is_alphanumeric() || is_unspaced(char),
    }
}

/// Returns a word without the punctuation and markup behind it. Asterisks at its beginning are a pattern such as
/// `*.txt`, and the first colon of a URL does not end it.
fn trimmed(word: &str) -> &str {
    let pattern = word.len() - word.trim_start_matches('*').len();
    let is_scheme = |text: &str| {
        let mut chars = text.chars();
        chars.all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char))
    };
    let scheme = word
        .find("://")
        .filter(|&at| is_scheme(&word[..at]))
        .map_or(0, |at| at + "://".len());
    let pattern = pattern.max(scheme);
    let end = word[pattern..]
        .find(|char| is_unspaced(char) || "(),;:!?\"'*`<>[]{}|”’".contains(char))
        .map_or(word.len(), |end| pattern + end);
    word[..end].trim_end_matches('.')
}

/// Returns whether a word is probably meant as a path: it contains a folder or a file extension.
fn looks_like_path(word: &str) -> bool {
    let extension = word.rsplit_once('.').map(|(_, extension)| extension);
    let has_extension = extension.is_some_and(|extension| {
        (1..=8).contains(&extension.len())
            && extension.chars().all(|char| char.is_ascii_alphanumeric())
    });
    word.contains('/') || has_extension
}

/// Returns the path if it is an existing file.
fn existing(path: &str) -> Option<PathBuf> {
    let path = expand_home(path);
    path.is_file().then_some(path)
}

/// Files with similar names. Pasted code may contain the same annotation a thousand times, so each folder is read and
/// each path compared only once.
#[derive(Debug, Default)]
struct Similar {
    /// Names of the files of each folder.
    folders: HashMap<PathBuf, Vec<String>>,
    /// The most similar file of each path.
    files: HashMap<PathBuf, Option<String>>,
}

impl Similar {
    /// Returns the file of the same folder with the most similar name.
    fn to(&mut self, path: &Path) -> Option<String> {
        if let Some(known) = self.files.get(path) {
            return known.clone();
        }
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new("."));
        let names = self.folders.entry(folder.to_owned());
        let names = names.or_insert_with_key(|folder| files_of(folder));
        let name = path.file_name().map(|name| name.to_string_lossy());
        let similar = name.and_then(|name| nearest(&name, names.iter().map(String::as_str)));
        let similar = similar.map(str::to_owned);
        self.files.insert(path.to_owned(), similar.clone());
        similar
    }
}

/// Returns the names of the files of a folder.
fn files_of(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// Describes a path that is not a file. Suggests a file of the same folder with a similar name. Also returns whether there
/// is such a file, or something else than a file at the path.
fn missing(path: &str, similar: &mut Similar) -> (String, bool) {
    let whole = expand_home(path);
    match (whole.metadata(), similar.to(&whole)) {
        (Ok(found), _) if found.is_dir() => (format!("(`{path}` is a folder: sent as text)"), true),
        // A pipe, a socket or a device. Reading it may never end.
        (Ok(found), _) if !found.is_file() => (
            format!("(`{path}` is not a regular file: sent as text)"),
            true,
        ),
        (_, Some(name)) => (
            format!("(no file `{path}`: sent as text; did you mean `{name}`?)"),
            true,
        ),
        (_, None) => (format!("(no file `{path}`: sent as text)"), false),
    }
}

/// Returns the incomplete mention at the end of the typed text: the position of its `@`, and its path so far.
pub(crate) fn incomplete(typed: &str) -> Option<(usize, String)> {
    let (at, sign) = typed.rmatch_indices(SIGNS).next()?;
    if !starts_mention(typed, at) {
        return None;
    }
    let path = &typed[at + sign.len()..];
    match path.strip_prefix('"') {
        Some(quoted) if quoted.contains('"') => None,
        Some(quoted) => Some((at, quoted.to_owned())),
        None if path.contains(char::is_whitespace) => None,
        None => Some((at, path.to_owned())),
    }
}

/// Returns the mention of a path, in quotes if it contains blanks. A folder has no closing quote, since completion
/// continues with a file name.
pub(crate) fn mention(path: &str) -> String {
    if !path.contains(char::is_whitespace) {
        format!("@{path}")
    } else if path.ends_with('/') {
        format!("@\"{path}")
    } else {
        format!("@\"{path}\"")
    }
}

/// Returns the path in an argument, which may be quoted, escaped, or begin with `@` like a mention.
pub(crate) fn path_of_argument(argument: &str) -> PathBuf {
    let path = argument.strip_prefix(SIGNS).unwrap_or(argument);
    // Tried unchanged first: quotes and backslashes may be a part of a file name.
    if let Some(file) = existing(path) {
        return file;
    }
    match quoted(path) {
        Some(inner) if path.len() == inner.len() + 2 => expand_home(inner),
        _ if path.contains('\\') => expand_home(&unescaped(path)),
        _ => expand_home(path),
    }
}

/// Replaces a leading `~/` by the home folder. A shell does not expand a `~` in quotes or after an `@`.
pub(crate) fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => path.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for name in names {
            std::fs::write(folder.path().join(name), "x").expect("a file");
        }
        folder
    }

    /// Returns the names of the files that a message mentions; `{}` in it is the folder.
    fn files(message: &str, folder: &tempfile::TempDir) -> Vec<String> {
        let message = message.replace("{}", folder.path().to_str().expect("text"));
        let name = |path: PathBuf| path.file_name()?.to_str().map(str::to_owned);
        let files = find(&message)
            .into_iter()
            .filter_map(|mention| match mention {
                Mention::File(path) => name(path),
                Mention::Missing(note) => Some(note),
            });
        files.collect()
    }

    #[test]
    fn files_are_found_in_a_sentence_each_once() {
        let folder = folder(&["a.txt", "b c.txt"]);

        assert_eq!(files("What is in @{}/a.txt?", &folder), ["a.txt"]);
        assert_eq!(
            files("@{}/a.txt and (@\"{}/b c.txt\"), @{}/a.txt", &folder),
            ["a.txt", "b c.txt"]
        );
        assert!(files("me@{}/a.txt or @nobody or @ alone", &folder).is_empty());
    }

    /// Row 21 of tests/field.md.
    #[test]
    fn text_quotes_and_escapes_may_surround_a_path() {
        let folder = folder(&["notes.txt", "my file.txt"]);

        for message in [
            "请阅读@{}/notes.txt并总结",
            "请阅读＠{}/notes.txt并总结",
            "（@{}/notes.txt）",
            "@{}/notes.txt's lines",
            "**@{}/notes.txt**",
            "`@{}/notes.txt`",
            "see @{}/notes.txt...",
            "lines of @{}/notes.txt:12",
            "<@{}/notes.txt>",
            "lines of @{}/notes.txt:12:3",
            "lines of @{}/notes.txt#L3-L5",
            "[the notes](@{}/notes.txt)",
            "«@{}/notes.txt»",
            "a\n@{}/notes.txt\r\nb",
            "@{}/notes.txt—all of it",
            "@{}/notes.txt,@{}/notes.txt",
            "@{}/./notes.txt",
            "{\"file\": @{}/notes.txt}",
        ] {
            assert_eq!(files(message, &folder), ["notes.txt"], "{message}");
        }
        for message in [
            r"@{}/my\ file.txt",
            "@'{}/my file.txt'",
            "@“{}/my file.txt”",
            "@\"{}/my file.txt\"'s",
            "@{}/my file.txt",
            "Read @{}/my file.txt, please.",
            "**@{}/my file.txt**",
            "@\"{}/my file.txt",
        ] {
            assert_eq!(files(message, &folder), ["my file.txt"], "{message}");
        }
    }

    #[test]
    fn the_search_for_a_path_is_bounded() {
        let punctuation = "!".repeat(MAX_ENDS + 1);
        let folder = folder(&["notes.txt", &punctuation]);

        let message = format!("@{{}}/notes.txt{punctuation}");
        assert_eq!(files(&message, &folder), ["notes.txt"]);
        let message = format!("@{{}}/{punctuation}");
        assert_eq!(files(&message, &folder), [&*punctuation]);
        let found = files(&format!("{message}?"), &folder);
        assert_ne!(found, [&*punctuation]);

        assert!(unescaped(&r"\@".repeat(MAX_PATH)).len() <= MAX_PATH + 1);
        assert_eq!(quoted(&format!("“{}”", "a".repeat(MAX_PATH))), None);
    }

    /// Row 21 of tests/field.md, finding 2 of tests/newcomer.md.
    #[test]
    fn a_mention_that_finds_no_file_is_reported() {
        let folder = folder(&["notes.txt"]);
        let path = folder.path().to_str().expect("text");

        for (message, note) in [
            (
                "What is in @holiday.png?",
                "(no file `holiday.png`: sent as text)".to_owned(),
            ),
            (
                "see @{}/nots.txt.",
                format!("(no file `{path}/nots.txt`: sent as text; did you mean `notes.txt`?)"),
            ),
            (
                "@{}/notes.txt.bak",
                format!(
                    "(no file `{path}/notes.txt.bak`: sent as text; did you mean `notes.txt`?)"
                ),
            ),
            (
                "@'no such file'",
                "(no file `no such file`: sent as text)".to_owned(),
            ),
            ("in @{}/", format!("(`{path}/` is a folder: sent as text)")),
            ("all @*.txt", "(no file `*.txt`: sent as text)".to_owned()),
            (
                "What is in @https://a.example/b.png?",
                "(no file `https://a.example/b.png`: sent as text)".to_owned(),
            ),
            (
                "see @gone.txt,https://a.example",
                "(no file `gone.txt`: sent as text)".to_owned(),
            ),
            (
                "@\"no-such.txt, please",
                "(no file `no-such.txt`: sent as text)".to_owned(),
            ),
        ] {
            assert_eq!(files(message, &folder), [note], "{message}");
        }
        for message in ["@Override", "me@home.org", "a @ b", "@", "@\"", "@**bold**"] {
            assert!(files(message, &folder).is_empty(), "{message}");
        }
    }

    #[test]
    fn a_mention_of_a_socket_is_reported() {
        let folder = folder(&[]);
        let path = folder.path().join("socket");
        let _socket = std::os::unix::net::UnixListener::bind(&path).expect("a socket");

        let note = format!("(`{}` is not a regular file: sent as text)", path.display());
        assert_eq!(files("Read @{}/socket", &folder), [note]);
    }

    #[test]
    fn the_files_of_a_folder_are_compared_once_for_each_word() {
        let folder = folder(&["notes"]);
        let mut similar = Similar::default();
        for _ in 0..2 {
            let found = similar.to(&folder.path().join("nots"));
            assert_eq!(found.as_deref(), Some("notes"));
            // A second look would not find the file again.
            let _ = std::fs::remove_file(folder.path().join("notes"));
        }
        let other = similar.to(&folder.path().join("ntes"));
        assert_eq!(other.as_deref(), Some("notes"));
    }

    #[test]
    fn the_mention_being_typed_is_found() {
        assert_eq!(incomplete("See @src/m"), Some((4, "src/m".to_owned())));
        assert_eq!(incomplete("See @\"my fi"), Some((4, "my fi".to_owned())));
        assert_eq!(incomplete("See @a.txt and"), None);
        assert_eq!(incomplete("看＠a.t"), Some((3, "a.t".to_owned())));
        assert_eq!(incomplete("me@home"), None);
    }

    #[test]
    fn an_argument_may_be_quoted_or_escaped() {
        for argument in [
            "my file.txt",
            "'my file.txt'",
            r"my\ file.txt",
            "@my file.txt",
        ] {
            assert_eq!(path_of_argument(argument), Path::new("my file.txt"));
        }
    }
}
