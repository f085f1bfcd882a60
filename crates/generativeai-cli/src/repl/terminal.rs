//! Modes of the terminal. They are restored when the program ends, also because of a panic or a signal.

use std::io::{self, IsTerminal};
use std::panic;
use std::sync::Once;

use crossterm::event::DisableBracketedPaste;
#[cfg(unix)]
use crossterm::event::EnableBracketedPaste;
use crossterm::terminal::disable_raw_mode;

/// Restores the terminal, if it was changed. Called before the program ends because of a panic or a signal.
pub(super) fn restore() {
    // An error means that the terminal is gone.
    let _ = disable_raw_mode();
    restore_modes();
    let mut out = io::stdout();
    if out.is_terminal() {
        let _ = crossterm::execute!(out, DisableBracketedPaste, crossterm::cursor::Show);
    }
}

/// Stops the program until the shell continues it (`fg`).
pub(super) fn suspend() {
    let id = std::process::id().to_string();
    // An error is ignored: without the program `kill`, the key has no effect.
    let _ = std::process::Command::new("kill")
        .args(["-s", "TSTP", &id])
        .status();
}

/// Mode in which the terminal delivers single keys without echo, until this is dropped. So keys typed during a reply do
/// not appear in the middle of it. Pasted text is marked. Ctrl-C still sends SIGINT.
#[cfg(unix)]
#[derive(Debug)]
pub(super) struct KeyMode;

#[cfg(unix)]
impl KeyMode {
    /// Sets the mode. Returns `None` if stdin is not a terminal.
    pub(super) fn new() -> Option<Self> {
        modes::set_key_mode().then(|| {
            let _ = crossterm::execute!(io::stdout(), EnableBracketedPaste);
            Self
        })
    }
}

#[cfg(unix)]
impl Drop for KeyMode {
    fn drop(&mut self) {
        restore_modes();
    }
}

/// Ends key mode. Does nothing if the terminal is not in it.
fn restore_modes() {
    #[cfg(unix)]
    if modes::restore() {
        let _ = crossterm::execute!(io::stdout(), DisableBracketedPaste);
    }
}

#[cfg(unix)]
mod modes {
    use std::io;
    use std::sync::Mutex;

    use rustix::termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
    };

    /// Settings of the terminal before key mode. Static, since a panic hook and a signal handler restore them.
    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    /// Sets key mode. Returns `false` if stdin is not a terminal.
    pub(super) fn set_key_mode() -> bool {
        let Ok(found) = tcgetattr(io::stdin()) else {
            return false;
        };
        let mut keys = found.clone();
        keys.local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON);
        // Otherwise Ctrl-C discards output that the terminal has not read yet, and may cut an escape sequence.
        keys.local_modes.insert(LocalModes::NOFLSH);
        // A read returns at once, even if no key was pressed.
        keys.special_codes[SpecialCodeIndex::VMIN] = 0;
        keys.special_codes[SpecialCodeIndex::VTIME] = 0;
        let Ok(mut before) = BEFORE.lock() else {
            return false;
        };
        let is_set = tcsetattr(io::stdin(), OptionalActions::Now, &keys).is_ok();
        *before = is_set.then_some(found);
        is_set
    }

    /// Ends key mode. Returns `false` if the terminal was not in it.
    pub(super) fn restore() -> bool {
        let found = BEFORE.lock().ok().and_then(|mut before| before.take());
        // An error means that the terminal is gone.
        found.is_some_and(|found| tcsetattr(io::stdin(), OptionalActions::Now, &found).is_ok())
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

    /// Variable that makes the test panic. It is set for the process that the test starts in a new terminal.
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
