//! What is typed at the prompt: a message, or a command.

/// What was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken<'a> {
    /// Nothing.
    Nothing,
    /// Something to say to the model.
    Message(&'a str),
    /// Something to do.
    Command(Command),
    /// A command there is none of.
    Unknown(&'a str),
}

/// What can be done at the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Takes back the last turn.
    Rewind,
    /// Shows what was said.
    History,
    /// Leaves.
    Quit,
    /// Tells the commands.
    Help,
}

/// The commands, as `/help` tells them.
pub(super) const HELP: &str = "\
/rewind   take back the last message and its reply
/history  show what was said
/quit     leave (or Ctrl-D)
/help     show this
Ctrl-C stops a reply; what came of it stays in the conversation.
A message that begins with / is typed with two: //";

impl<'a> Spoken<'a> {
    /// Reads a line.
    pub(super) fn read(line: &'a str) -> Self {
        let line = line.trim();
        let Some(word) = line.strip_prefix('/') else {
            return if line.is_empty() {
                Self::Nothing
            } else {
                Self::Message(line)
            };
        };
        match word {
            "rewind" => Self::Command(Command::Rewind),
            "history" => Self::Command(Command::History),
            "quit" | "exit" => Self::Command(Command::Quit),
            "help" | "?" => Self::Command(Command::Help),
            word if word.starts_with('/') => Self::Message(word),
            _ => Self::Unknown(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_message_or_a_command() {
        assert_eq!(Spoken::read("  Hello \n"), Spoken::Message("Hello"));
        assert_eq!(Spoken::read(" "), Spoken::Nothing);
        assert_eq!(Spoken::read("/rewind"), Spoken::Command(Command::Rewind));
        assert_eq!(Spoken::read("/history "), Spoken::Command(Command::History));
        assert_eq!(Spoken::read("/exit"), Spoken::Command(Command::Quit));
        assert_eq!(Spoken::read("/?"), Spoken::Command(Command::Help));
    }

    #[test]
    fn an_unknown_command_is_no_message() {
        assert_eq!(Spoken::read("/undo it"), Spoken::Unknown("/undo it"));
        assert_eq!(Spoken::read("/"), Spoken::Unknown("/"));
    }

    #[test]
    fn a_message_may_begin_with_a_slash() {
        assert_eq!(
            Spoken::read("//etc is a folder"),
            Spoken::Message("/etc is a folder")
        );
    }
}
