//! The prompt: reads lines from the terminal, where they can be edited and called back.

use anyhow::Context;
use rustyline::error::ReadlineError;
use rustyline::{Behavior, Config, DefaultEditor};

/// What shows that a message can be typed.
const PROMPT: &str = "> ";

/// Reads lines from the terminal.
pub(super) struct Prompt {
    editor: DefaultEditor,
}

impl Prompt {
    /// Makes the prompt. It is shown on the terminal itself, so that stdout has answers only.
    pub(super) fn new() -> anyhow::Result<Self> {
        let config = Config::builder()
            .behavior(Behavior::PreferTerm)
            .auto_add_history(true)
            .build();
        let editor = DefaultEditor::with_config(config).context("cannot use the terminal")?;
        Ok(Self { editor })
    }

    /// The next line, or `None` after Ctrl-D or Ctrl-C.
    pub(super) fn line(&mut self) -> anyhow::Result<Option<String>> {
        match self.editor.readline(PROMPT) {
            Ok(line) => Ok(Some(line)),
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => Ok(None),
            Err(error) => Err(error).context("cannot read from the terminal"),
        }
    }
}
