//! Output: answers on stdout, everything else on stderr, both safe for a terminal.

mod markdown;
mod printer;
mod progress;
mod sanitizer;

pub(crate) use printer::{Colour, Printer, print_server_log};
pub(crate) use progress::Progress;
pub(crate) use sanitizer::{sanitize, visible};
