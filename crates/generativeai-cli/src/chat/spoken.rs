//! What is typed at the prompt: a message, or a command.

/// What was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken<'a> {
    /// Nothing.
    Nothing,
    /// Something to say to the model.
    Message(&'a str),
    /// Something to do, and what was typed behind the command.
    Command(Command, &'a str),
    /// A command there is none of.
    Unknown(&'a str),
    /// A command that takes nothing, and something behind it.
    TooMuch(&'static str),
}

/// What can be done at the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Takes back the last turn.
    Undo,
    /// Says again what was taken back.
    Redo,
    /// Asks for another reply to the last message.
    Regenerate,
    /// Lets the reply that was cut go on.
    Continue,
    /// Changes the last message.
    Edit,
    /// Goes on in a copy.
    Fork,
    /// Which chat goes on.
    Session,
    /// Shows what was said.
    History,
    /// What the model is told before the conversation.
    System,
    /// Who answers.
    Model,
    /// The tools the model may call.
    Tools,
    /// Sends files with the next message.
    Attach,
    /// What was spent.
    Tokens,
    /// Writes the conversation to a file, for programs.
    Save,
    /// Writes the conversation to a file, for people.
    Export,
    /// Tells the commands.
    Help,
    /// Leaves.
    Quit,
}

/// A command as it is typed and told.
#[derive(Debug)]
pub(super) struct Entry {
    command: Command,
    /// Its names, the first of which is told.
    names: &'static [&'static str],
    /// What is typed behind it.
    pub(super) takes: &'static str,
    /// What it does, in a few words.
    pub(super) does: &'static str,
}

/// All commands, in the order in which they are told.
pub(super) const COMMANDS: [Entry; 17] = [
    entry(
        Command::Undo,
        &["undo", "rewind"],
        "",
        "take back the last message and its reply",
    ),
    entry(
        Command::Redo,
        &["redo"],
        "",
        "bring back what was taken back",
    ),
    entry(
        Command::Regenerate,
        &["regenerate", "retry"],
        "",
        "ask for another reply to the last message",
    ),
    entry(
        Command::Continue,
        &["continue"],
        "",
        "let a reply that was stopped or cut go on",
    ),
    entry(
        Command::Edit,
        &["edit"],
        "",
        "change the last message, and send it again",
    ),
    entry(
        Command::Fork,
        &["fork"],
        "[NUMBER]",
        "go on in a copy, or go back to a conversation",
    ),
    entry(
        Command::Session,
        &["session", "resume"],
        "[NAME]",
        "show the chat's name, or go on with another or a new one",
    ),
    entry(Command::History, &["history"], "", "show what was said"),
    entry(
        Command::System,
        &["system"],
        "[TEXT|-]",
        "show or set what the model is told; - takes it back",
    ),
    entry(
        Command::Model,
        &["model"],
        "[NAME]",
        "show or choose who answers",
    ),
    entry(
        Command::Tools,
        &["tools"],
        "",
        "show the tools the model may call",
    ),
    entry(
        Command::Attach,
        &["attach"],
        "[FILE|-]",
        "send a file with the next message; - takes all back",
    ),
    entry(
        Command::Tokens,
        &["tokens"],
        "[on|off]",
        "show the tokens spent, now or after each reply",
    ),
    entry(
        Command::Save,
        &["save"],
        "[FILE]",
        "write the conversation as JSON",
    ),
    entry(
        Command::Export,
        &["export"],
        "[FILE]",
        "write the conversation as Markdown",
    ),
    entry(Command::Help, &["help", "?"], "", "show this"),
    entry(Command::Quit, &["quit", "exit"], "", "leave (or Ctrl-D)"),
];

const fn entry(
    command: Command,
    names: &'static [&'static str],
    takes: &'static str,
    does: &'static str,
) -> Entry {
    Entry {
        command,
        names,
        takes,
        does,
    }
}

/// What is told beside the commands.
const BESIDE: &str = "\
@FILE in a message sends it along. A message that begins with / has two: //
Alt-Enter or Ctrl-J begins a new line; \"\"\" opens and closes a text of many.
Tab completes, Up calls back. Ctrl-C stops a reply; what came of it stays.";

impl Entry {
    /// The name by which the command is told.
    pub(super) fn name(&self) -> &'static str {
        self.names[0]
    }
}

/// The commands, as `/help` tells them.
pub(super) fn help() -> String {
    let typed = |entry: &Entry| format!("/{} {}", entry.name(), entry.takes);
    let widest = COMMANDS.iter().map(|entry| typed(entry).len()).max();
    let width = widest.unwrap_or_default();
    let mut help = String::new();
    for entry in &COMMANDS {
        help += &format!("{:width$}   {}\n", typed(entry), entry.does);
    }
    help + BESIDE
}

impl<'a> Spoken<'a> {
    /// Reads a line.
    pub(super) fn read(line: &'a str) -> Self {
        let line = line.trim();
        let Some(words) = line.strip_prefix('/') else {
            return if line.is_empty() {
                Self::Nothing
            } else {
                Self::Message(line)
            };
        };
        if words.starts_with('/') {
            return Self::Message(words);
        }
        let (name, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
        let known = COMMANDS.iter().find(|entry| entry.names.contains(&name));
        match known {
            Some(entry) if entry.takes.is_empty() && !rest.trim().is_empty() => {
                Self::TooMuch(entry.name())
            }
            Some(entry) => Self::Command(entry.command, rest.trim()),
            None => Self::Unknown(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_message_or_a_command() {
        let command = |line| match Spoken::read(line) {
            Spoken::Command(command, rest) => Some((command, rest)),
            _ => None,
        };
        assert_eq!(Spoken::read("  Hello \n"), Spoken::Message("Hello"));
        assert_eq!(Spoken::read(" "), Spoken::Nothing);
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
    fn an_unknown_command_is_no_message() {
        assert_eq!(Spoken::read("/nonsense"), Spoken::Unknown("/nonsense"));
        assert_eq!(Spoken::read("/undo it"), Spoken::TooMuch("undo"));
        assert_eq!(Spoken::read("/"), Spoken::Unknown("/"));
    }

    #[test]
    fn a_message_may_begin_with_a_slash() {
        assert_eq!(
            Spoken::read("//etc is a folder"),
            Spoken::Message("/etc is a folder")
        );
    }

    #[test]
    fn the_help_fits_a_narrow_terminal() {
        assert!(help().lines().all(|line| line.len() < 80), "{}", help());
    }
}
