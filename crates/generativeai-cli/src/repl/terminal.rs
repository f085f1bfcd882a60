//! The state of the terminal: restored whenever the program ends.

use std::io::{self, IsTerminal, Write};
use std::panic;
use std::sync::Once;

use crossterm::event::DisableBracketedPaste;
use crossterm::terminal::disable_raw_mode;

/// Restores the terminal, if it was changed.
pub(super) fn restore() {
    // If this fails, the terminal is gone.
    let _ = disable_raw_mode();
    restore_echo();
    let mut out = io::stdout();
    if out.is_terminal() {
        let _ = crossterm::queue!(out, DisableBracketedPaste, crossterm::cursor::Show);
        let _ = out.flush();
    }
}

/// Turns echo off while it lives: keys typed during a reply would appear in the middle of it. They stay
/// in the input queue of the terminal, for the next prompt.
#[derive(Debug)]
pub(super) struct EchoOff;

impl EchoOff {
    pub(super) fn new() -> Self {
        #[cfg(unix)]
        echo::off();
        Self
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        restore_echo();
    }
}

fn restore_echo() {
    #[cfg(unix)]
    echo::restore();
}

#[cfg(unix)]
mod echo {
    use std::io;
    use std::sync::Mutex;

    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

    /// Settings of the terminal before echo was turned off.
    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    pub(super) fn off() {
        // Fails if stdin is not a terminal, which has no echo to turn off.
        if let Ok(found) = tcgetattr(io::stdin()) {
            let mut without = found.clone();
            without.local_modes.remove(LocalModes::ECHO);
            if tcsetattr(io::stdin(), OptionalActions::Now, &without).is_ok()
                && let Ok(mut before) = BEFORE.lock()
            {
                *before = Some(found);
            }
        }
    }

    pub(super) fn restore() {
        if let Ok(mut before) = BEFORE.lock()
            && let Some(found) = before.take()
        {
            // If this fails, the terminal is gone.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &found);
        }
    }
}

/// Installs a panic hook that restores the terminal before the panic is reported.
pub(super) fn restore_on_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            restore();
            report(info);
        }));
    });
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read;

    use portable_pty::{CommandBuilder, PtySize, native_pty_system};

    use super::*;

    /// Set for the process that the test starts in a new terminal, which then panics.
    const MUST_PANIC: &str = "GENAI_TEST_MUST_PANIC";

    fn panic_in_raw_mode() -> ! {
        restore_on_panic();
        crossterm::terminal::enable_raw_mode().expect("a terminal");
        crossterm::execute!(io::stdout(), crossterm::event::EnableBracketedPaste)
            .expect("a terminal");
        panic!("deliberate panic");
    }

    #[test]
    fn a_panic_restores_the_terminal() {
        if std::env::var_os(MUST_PANIC).is_some() {
            panic_in_raw_mode();
        }
        let pair = native_pty_system()
            .openpty(PtySize::default())
            .expect("a terminal");
        let settings = || format!("{:?}", pair.master.get_termios().expect("settings"));
        let found = settings();
        let mut tests = CommandBuilder::new(std::env::current_exe().expect("the test binary"));
        let name = concat!(module_path!(), "::a_panic_restores_the_terminal");
        let name = name.split_once("::").expect("a path").1;
        tests.args(["--exact", name, "--nocapture", "--test-threads=1"]);
        tests.env(MUST_PANIC, "1");

        let mut child = pair.slave.spawn_command(tests).expect("the tests start");
        drop(pair.slave);
        let mut shown = Vec::new();
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        // Reading from a terminal fails once its program has exited.
        let _ = reader.read_to_end(&mut shown);
        let shown = String::from_utf8_lossy(&shown);

        assert!(!child.wait().expect("the tests exit").success());
        assert!(shown.contains("\x1b[?2004h"), "raw mode was on: {shown}");
        let (before, after) = shown.split_once("\x1b[?2004l").expect("it is restored");
        assert!(
            !before.contains("deliberate panic") && after.contains("deliberate panic"),
            "{shown}"
        );
        // Carriage returns are added only by a terminal that is not in raw mode.
        assert!(after.contains("deliberate panic\r\n"), "{shown:?}");
        assert_eq!(settings(), found);
    }
}
