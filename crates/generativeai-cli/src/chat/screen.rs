//! The terminal while the program talks: as it was found, whatever happens.

use std::io::{self, IsTerminal, Write};
use std::panic;
use std::sync::Once;

use crossterm::event::DisableBracketedPaste;
use crossterm::terminal::disable_raw_mode;

/// Gives the terminal back as it was found, if it is drawn on.
pub(super) fn restore() {
    // Where this fails there is no terminal any longer.
    let _ = disable_raw_mode();
    let mut out = io::stdout();
    if out.is_terminal() {
        let _ = crossterm::queue!(out, DisableBracketedPaste, crossterm::cursor::Show);
        let _ = out.flush();
    }
}

/// Sees to it that a panic leaves the terminal as it was found, and can be read.
pub(super) fn restore_on_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |what| {
            restore();
            tell(what);
        }));
    });
}
