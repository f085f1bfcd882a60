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
    echo_again();
    let mut out = io::stdout();
    if out.is_terminal() {
        let _ = crossterm::queue!(out, DisableBracketedPaste, crossterm::cursor::Show);
        let _ = out.flush();
    }
}

/// While it lives, what is typed is not shown: it would stand in the middle of the reply. It waits
/// for the prompt.
#[derive(Debug)]
pub(super) struct Quiet;

impl Quiet {
    pub(super) fn begin() -> Self {
        #[cfg(unix)]
        echo::off();
        Self
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        echo_again();
    }
}

fn echo_again() {
    #[cfg(unix)]
    echo::again();
}

#[cfg(unix)]
mod echo {
    use std::io;
    use std::sync::Mutex;

    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

    /// How the terminal was set before what is typed was not shown.
    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    pub(super) fn off() {
        // Where there is no terminal, nothing is typed.
        if let Ok(found) = tcgetattr(io::stdin()) {
            let mut quiet = found.clone();
            quiet.local_modes.remove(LocalModes::ECHO);
            if tcsetattr(io::stdin(), OptionalActions::Now, &quiet).is_ok()
                && let Ok(mut before) = BEFORE.lock()
            {
                *before = Some(found);
            }
        }
    }

    pub(super) fn again() {
        if let Ok(mut before) = BEFORE.lock()
            && let Some(found) = before.take()
        {
            // Where this fails there is no terminal any longer.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &found);
        }
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

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read;

    use portable_pty::{CommandBuilder, PtySize, native_pty_system};

    use super::*;

    /// Set for the process that the test below starts in a terminal of its own.
    const TO_PANIC: &str = "GENAI_TEST_TO_PANIC";

    fn panic_in_raw_mode() -> ! {
        restore_on_panic();
        crossterm::terminal::enable_raw_mode().expect("a terminal");
        crossterm::execute!(io::stdout(), crossterm::event::EnableBracketedPaste)
            .expect("a terminal");
        panic!("on purpose");
    }

    #[test]
    fn a_panic_leaves_the_terminal_as_it_was_found() {
        if std::env::var_os(TO_PANIC).is_some() {
            panic_in_raw_mode();
        }
        let pair = native_pty_system()
            .openpty(PtySize::default())
            .expect("a terminal");
        let settings = || format!("{:?}", pair.master.get_termios().expect("settings"));
        let found = settings();
        let mut tests = CommandBuilder::new(std::env::current_exe().expect("these tests"));
        let name = concat!(
            module_path!(),
            "::a_panic_leaves_the_terminal_as_it_was_found"
        );
        let name = name.split_once("::").expect("a path").1;
        tests.args(["--exact", name, "--nocapture", "--test-threads=1"]);
        tests.env(TO_PANIC, "1");

        let mut child = pair.slave.spawn_command(tests).expect("they start");
        drop(pair.slave);
        let mut shown = Vec::new();
        let mut reader = pair.master.try_clone_reader().expect("it shows");
        // A terminal whose program has ended says so by an error.
        let _ = reader.read_to_end(&mut shown);
        let shown = String::from_utf8_lossy(&shown);

        assert!(!child.wait().expect("they end").success());
        assert!(
            shown.contains("\x1b[?2004h"),
            "the terminal was changed: {shown}"
        );
        let (before, after) = shown.split_once("\x1b[?2004l").expect("it is changed back");
        assert!(
            !before.contains("on purpose") && after.contains("on purpose"),
            "{shown}"
        );
        // The lines of what is told begin at the left, as they do in a terminal that is not raw.
        assert!(after.contains("on purpose\r\n"), "{shown:?}");
        assert_eq!(settings(), found);
    }
}
