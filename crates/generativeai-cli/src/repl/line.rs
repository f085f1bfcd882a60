//! Parsing of a line typed at the prompt: a message, or a slash command.

use crate::suggest::nearest;

/// Delimiter at both ends of a message that is sent unchanged, which may have several lines.
pub(super) const QUOTES: &str = "\"\"\"";

/// A line typed at the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Only whitespace.
    Empty,
    /// A message for the model.
    Message(&'a str),
    /// A command and its argument, which may be empty.
    Command(Command, &'a str),
    /// An unknown command, and the most similar one.
    Unknown(&'a str, Option<&'static str>),
    /// A command that takes no argument, with one.
    UnexpectedArgument(&'static str),
}

/// A slash command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Undo,
    Redo,
    Regenerate,
    Continue,
    Edit,
    Fork,
    New,
    Session,
    Rename,
    Sessions,
    History,
    System,
    Model,
    Tools,
    Attach,
    Tokens,
    Save,
    Export,
    Load,
    Copy,
    Compact,
    Help,
    Quit,
}

/// Names and description of a command.
#[derive(Debug)]
pub(super) struct CommandEntry {
    command: Command,
    /// Its names without the slash, at least one. The help shows the first.
    names: &'static [&'static str],
    /// Its argument, as shown by the help; empty if it takes none.
    pub(super) argument: &'static str,
    /// Its effect, in a few words.
    pub(super) description: &'static str,
}

/// All commands, in the order of the help.
#[rustfmt::skip]
pub(super) const COMMANDS: &[CommandEntry] = &[
    entry(Command::Undo, &["undo", "rewind"], "[COUNT]", "undo the last message and its reply"),
    entry(Command::Redo, &["redo"], "[COUNT]", "restore the last undone turn"),
    entry(Command::Regenerate, &["regenerate", "retry"], "", "replace the last reply by a new one"),
    entry(Command::Continue, &["continue"], "", "continue a reply that was stopped or cut off"),
    entry(Command::Edit, &["edit"], "", "edit the last message and send it again"),
    entry(Command::Fork, &["fork"], "[NAME]", "continue in a copy of this session"),
    entry(Command::New, &["new", "clear"], "[NAME]", "start a new session"),
    entry(Command::Session, &["session", "resume"], "[NAME]", "show this session, or switch to another"),
    entry(Command::Rename, &["rename"], "NAME", "rename this session"),
    entry(Command::Sessions, &["sessions"], "", "list the saved sessions"),
    entry(Command::History, &["history"], "[COUNT]", "show the messages, or only the last ones"),
    entry(Command::System, &["system"], "[TEXT|-]", "show, set or remove (-) the system instruction"),
    entry(Command::Model, &["model"], "[NAME]", "show or change the model"),
    entry(Command::Tools, &["tools"], "", "list the tools the model may call"),
    entry(Command::Attach, &["attach"], "[FILE|-]", "attach a file to the next message; - removes all"),
    entry(Command::Tokens, &["tokens"], "[on|off]", "show token counts, now or after each reply"),
    entry(Command::Save, &["save"], "[FILE]", "write the session as JSON"),
    entry(Command::Export, &["export"], "[FILE]", "write the session as Markdown"),
    entry(Command::Load, &["load"], "FILE", "start a session from a file of /save or another program"),
    entry(Command::Copy, &["copy"], "[code] [osc52]", "copy the last reply or code block (osc52: over SSH)"),
    entry(Command::Compact, &["compact"], "[N|off]", "shorten sessions over N tokens: summarize old messages"),
    entry(Command::Help, &["help", "?"], "", "show this help"),
    entry(Command::Quit, &["quit", "exit"], "", "quit (or Ctrl-D)"),
];

const fn entry(
    command: Command,
    names: &'static [&'static str],
    argument: &'static str,
    description: &'static str,
) -> CommandEntry {
    CommandEntry {
        command,
        names,
        argument,
        description,
    }
}

/// Last lines of the help, if the prompt is a line editor.
pub(super) const NOTES: &str = "\
@FILE in a message attaches the file. //word on a single line sends /word.
Alt-Enter or Ctrl-J starts a new line; \"\"\" surrounds a multi-line message.
Tab completes, Up recalls messages. Ctrl-C stops a reply; its text is kept.
Ctrl-X Ctrl-E edits the message in $EDITOR; Ctrl-Z suspends the program.";

impl CommandEntry {
    /// Returns the name that the help shows.
    pub(super) fn name(&self) -> &'static str {
        self.names[0]
    }
}

/// Last lines of the help, if the terminal delivers lines.
pub(super) const PLAIN_NOTES: &str = "\
@FILE in a message attaches the file. //word on a single line sends /word.
\"\"\" surrounds a multi-line message. Ctrl-C stops a reply; its text is kept.";

/// Returns the help: a row for each command, and notes about keys.
pub(super) fn help(notes: &str) -> String {
    let usage = |entry: &CommandEntry| format!("/{} {}", entry.name(), entry.argument);
    let width = COMMANDS.iter().map(|entry| usage(entry).len()).max();
    let width = width.unwrap_or_default();
    let mut help = String::new();
    for entry in COMMANDS {
        help += &format!("{:width$}   {}\n", usage(entry), entry.description);
    }
    help + notes
}

impl<'a> Line<'a> {
    /// Parses a line. Text in quotes is a message, even if it begins like a command. Several lines that begin with two
    /// slashes, or whose first word is not a command, are a message: it may be pasted code, such as `//export` of Go or
    /// commented out code.
    pub(super) fn parse(line: &'a str) -> Self {
        let line = line.trim();
        if let Some(inner) = unquoted(line) {
            return match inner.trim() {
                "" => Self::Empty,
                message => Self::Message(message),
            };
        }
        // Users know these words from other prompts. A message to a model rarely consists of one of them.
        if let ("exit" | "quit" | "help", Some(entry)) = (line, find(line)) {
            return Self::Command(entry.command, "");
        }
        let Some(words) = line.strip_prefix('/') else {
            return if line.is_empty() {
                Self::Empty
            } else {
                Self::Message(line)
            };
        };
        // Only names that the help shows.
        let suggestion = |name| nearest(name, COMMANDS.iter().map(CommandEntry::name));
        let (name, argument) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
        let argument = argument.trim();
        let has_slashes = name.starts_with('/');
        let is_command = !has_slashes && (find(name).is_some() || suggestion(name).is_some());
        let is_code = line.contains('\n') && !is_command;
        if is_code || is_comment(words) {
            return Self::Message(line);
        }
        if has_slashes {
            return Self::Message(words);
        }
        match find(name) {
            Some(entry) if entry.argument.is_empty() && !argument.is_empty() => {
                Self::UnexpectedArgument(entry.name())
            }
            Some(entry) => Self::Command(entry.command, argument),
            None => Self::Unknown(name, suggestion(name)),
        }
    }
}

/// Returns the line that is parsed as this message: the message, with a second slash if it begins like a command, or in
/// quotes.
pub(super) fn line_of(message: &str) -> String {
    let lines = [message.to_owned(), format!("/{message}")];
    let mut lines = lines.into_iter();
    let line = lines.find(|line| Line::parse(line) == Line::Message(message.trim()));
    line.unwrap_or_else(|| format!("{QUOTES}\n{message}\n{QUOTES}"))
}

/// Returns the text between quotes.
fn unquoted(line: &str) -> Option<&str> {
    line.strip_prefix(QUOTES)?.strip_suffix(QUOTES)
}

/// Returns whether a slash and this text begin a comment in pasted code, such as `// one`, `/// one` or `/* one */`, or
/// other text that is not a command, such as `/ one`.
fn is_comment(words: &str) -> bool {
    let text = words.trim_start_matches('/');
    let slashes = words.len() - text.len();
    text.starts_with(|char: char| char.is_whitespace() || char == '!')
        || slashes == 0 && text.starts_with('*')
        || slashes > 1 && text.is_empty()
}

/// Finds a command by one of its names.
fn find(name: &str) -> Option<&'static CommandEntry> {
    COMMANDS.iter().find(|entry| entry.names.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_message_or_a_command() {
        let command = |line| match Line::parse(line) {
            Line::Command(command, argument) => Some((command, argument)),
            _ => None,
        };
        assert_eq!(Line::parse("  Hello \n"), Line::Message("Hello"));
        assert_eq!(Line::parse(" "), Line::Empty);
        assert_eq!(command("/undo"), Some((Command::Undo, "")));
        assert_eq!(command("/rewind"), Some((Command::Undo, "")));
        assert_eq!(command("/history "), Some((Command::History, "")));
        assert_eq!(command("/exit"), Some((Command::Quit, "")));
        assert_eq!(command("/?"), Some((Command::Help, "")));
        assert_eq!(
            command("/system  Be  brief. "),
            Some((Command::System, "Be  brief."))
        );
        assert_eq!(
            command("/system Be brief.\nBe kind."),
            Some((Command::System, "Be brief.\nBe kind."))
        );
    }

    #[test]
    fn an_unknown_command_is_not_sent_and_gets_a_suggestion() {
        assert_eq!(Line::parse("/unod it"), Line::Unknown("unod", Some("undo")));
        assert_eq!(
            Line::parse("/sytem Be brief.\nBe kind."),
            Line::Unknown("sytem", Some("system"))
        );
        assert_eq!(Line::parse("/xyz"), Line::Unknown("xyz", None));
        assert_eq!(Line::parse("/resum"), Line::Unknown("resum", None));
        assert_eq!(Line::parse("/edit it"), Line::UnexpectedArgument("edit"));
        assert_eq!(Line::parse("/"), Line::Unknown("", None));
    }

    #[test]
    fn two_slashes_start_a_message_with_one() {
        assert_eq!(
            Line::parse("//etc is a folder"),
            Line::Message("/etc is a folder")
        );
        assert_eq!(Line::parse("//"), Line::Message("/"));
        assert_eq!(Line::parse("//undo"), Line::Message("/undo"));
        assert_eq!(Line::parse("///etc"), Line::Message("//etc"));
    }

    #[test]
    fn a_comment_in_code_is_a_message() {
        for code in [
            "// One.\nfn one()",
            "//! One.",
            "/// One.",
            "/////",
            "/* One. */",
            "/ One.",
            "/!one",
            "//go:build linux\npackage main",
            "//nolint\nfn one()",
            "//export callback\nfunc callback() {}",
            "//continue;\nreturn;",
            "/usr/bin/one\n/usr/bin/two",
        ] {
            assert_eq!(Line::parse(code), Line::Message(code));
        }
    }

    #[test]
    fn text_in_quotes_is_a_message() {
        assert_eq!(
            Line::parse("\"\"\"\na\n  b\n\"\"\"\n"),
            Line::Message("a\n  b")
        );
        assert_eq!(Line::parse("\"\"\"/undo\"\"\""), Line::Message("/undo"));
        assert_eq!(Line::parse("\"\"\"\n\"\"\""), Line::Empty);
        for unquoted in ["as it \"\"\" is", "\"\"\""] {
            assert_eq!(Line::parse(unquoted), Line::Message(unquoted));
        }
    }

    #[test]
    fn the_line_of_a_message_is_parsed_as_this_message() {
        assert_eq!(line_of("Hello"), "Hello");
        assert_eq!(line_of("/etc is a folder"), "//etc is a folder");
        assert_eq!(line_of("/undo it\nnow"), "\"\"\"\n/undo it\nnow\n\"\"\"");
        for message in [
            "/undo",
            "//",
            "//etc",
            "//export it",
            "exit",
            "/export the table\nas CSV",
            "//export callback\nfunc callback() {}",
            "\"\"\"Doc.\"\"\"",
            "/quote \"\"\"\nit\"\"\"",
        ] {
            assert_eq!(Line::parse(&line_of(message)), Line::Message(message));
        }
    }

    #[test]
    fn exit_quit_and_help_alone_are_commands() {
        assert_eq!(Line::parse("exit"), Line::Command(Command::Quit, ""));
        assert_eq!(Line::parse(" help "), Line::Command(Command::Help, ""));
        assert_eq!(Line::parse("help me"), Line::Message("help me"));
    }

    #[test]
    fn the_help_fits_a_terminal_of_80_columns() {
        for notes in [NOTES, PLAIN_NOTES] {
            let help = help(notes);
            assert!(help.lines().all(|line| line.len() < 80), "{help}");
        }
    }
}
