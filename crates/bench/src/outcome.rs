//! The result type and the output of the commands.

use std::error::Error;
use std::fmt::Display;

/// Result of a command.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Prints a line of the result.
#[expect(clippy::print_stdout, reason = "the output of a program")]
pub(crate) fn print(line: impl Display) {
    println!("{line}");
}
