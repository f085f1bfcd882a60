//! Slash commands.

mod copy;
mod files;
mod model_commands;
mod switch;
mod turns;

use super::line::{self, Command};
use super::state::Repl;

/// Runs a command.
pub(super) fn run(repl: &mut Repl<'_>, command: Command, argument: &str) -> anyhow::Result<()> {
    match command {
        Command::Undo => repl.undo_turns(argument),
        Command::Redo => repl.redo_turns(argument),
        Command::Regenerate => return repl.regenerate(),
        Command::Continue => return repl.continue_reply(),
        Command::Edit => return repl.edit_message(),
        Command::Fork => return repl.fork(argument),
        Command::New => return repl.new_session(argument),
        Command::Session => return repl.switch_session(argument),
        Command::Rename => return repl.rename(argument),
        Command::Sessions => return repl.list_sessions(),
        Command::History => return repl.show_history(argument),
        Command::System => return repl.system_instruction(argument),
        Command::Model => return repl.change_model(argument),
        Command::Tools => repl.list_tools(),
        Command::Attach => return repl.attach_argument(argument),
        Command::Tokens => repl.tokens(argument),
        Command::Save => return repl.save_file(argument),
        Command::Export => return repl.export_file(argument),
        Command::Load => return repl.load_file(argument),
        Command::Copy => return repl.copy_reply(argument),
        Command::Compact => repl.compact(argument),
        Command::Help => {
            let notes = match repl.prompt.can_edit() {
                true => line::NOTES,
                false => line::PLAIN_NOTES,
            };
            repl.printer.rows(line::help(notes));
        }
        // The caller ends the session for this command.
        Command::Quit => {}
    }
    Ok(())
}
