//! Modes of the terminal. They are restored when the program ends, also because of a panic or a signal.

use std::io::{self, IsTerminal};
use std::sync::Once;
use std::time::Duration;
use std::{panic, thread};

use crossterm::event::DisableBracketedPaste;
use crossterm::terminal::disable_raw_mode;

use crate::environment;

/// Time between two checks for a signal, while a line is read.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

/// Returns whether the user can be asked a question. Stdout may be a pipe: questions go to stderr, and answers come from
/// stdin.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Restores the terminal, if it was changed. Called before the program ends because of a panic or a signal.
pub(crate) fn restore() {
    // An error means that the terminal is gone.
    let _ = disable_raw_mode();
    modes::restore();
    let mut out = io::stdout();
    if out.is_terminal() && !environment::is_dumb_terminal() {
        let _ = crossterm::execute!(out, DisableBracketedPaste, crossterm::cursor::Show);
    }
}

/// Restores the terminal for the shell, and stops the program until the shell continues it (`fg`).
pub(crate) fn suspend() {
    modes::restore();
    // To the process group, as the terminal does for Ctrl-Z: a script that runs the program stops as well. The default
    // action has no effect if no shell could continue the program.
    let _ = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
}

/// Waits for the first line of a message. The signal of a Ctrl-C before the line may not be recorded yet, so this waits a
/// little longer than for the line.
pub(crate) fn wait_for_line(is_stopped: impl Fn() -> bool) {
    while !is_stopped() && !modes::wait_for_input(SIGNAL_INTERVAL) {}
    thread::sleep(SIGNAL_INTERVAL);
}

/// Reads a line from the terminal, which is empty at the end of the input (Ctrl-D). Returns `None` if the reading is
/// stopped by a signal.
///
/// # Errors
/// The terminal was closed.
pub(crate) fn read_line(is_stopped: impl Fn() -> bool) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        modes::wait_for_input(SIGNAL_INTERVAL);
        if is_stopped() {
            return Ok(None);
        }
        // A read cannot be interrupted, so it begins when there is input. A Ctrl-C may have discarded it.
        if !modes::wait_for_input(Duration::ZERO) {
            continue;
        }
        // A single byte: the next line is left for its own call.
        let mut byte = [0];
        match rustix::io::read(io::stdin(), &mut byte)? {
            // A closed terminal does not behave like one.
            0 if !io::stdin().is_terminal() => return Err(io::ErrorKind::UnexpectedEof.into()),
            0 => break,
            _ => line.extend(byte),
        }
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

/// Mode in which the terminal delivers single keys without echo, until this is dropped. So keys typed during a reply do
/// not appear in the middle of it. Pasted text is marked. Ctrl-C still sends SIGINT. Ctrl-Z is delivered as a key, so
/// that the program can restore the terminal before it stops.
#[derive(Debug)]
pub(crate) struct KeyMode;

impl KeyMode {
    /// Sets the mode. Returns `None` if stdin is not a terminal.
    pub(crate) fn new() -> Option<Self> {
        modes::set_key_mode().then_some(Self)
    }

    /// Sets the mode if the terminal has input that can be read now. In line mode, this is an entered line.
    pub(crate) fn if_input() -> Option<Self> {
        modes::wait_for_input(Duration::ZERO)
            .then(Self::new)
            .flatten()
    }

    /// Reads pressed keys. Returns `None` if there are none, and if the program runs in the background.
    ///
    /// Sets the mode again if it has changed: the shell sets its own modes while the program is stopped.
    pub(crate) fn read(&self, keys: &mut [u8]) -> Option<usize> {
        // In the background, a read or a change of the mode would stop the program.
        if !modes::is_foreground() {
            return None;
        }
        modes::set_key_mode();
        modes::read(keys)
    }
}

impl Drop for KeyMode {
    fn drop(&mut self) {
        modes::restore();
    }
}

mod modes {
    use std::io;
    use std::sync::Mutex;
    use std::time::Duration;

    use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::getpgrp;
    use rustix::termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr,
    };

    /// Value of a special code that no key has (`_POSIX_VDISABLE`).
    const DISABLED: u8 = if cfg!(target_os = "linux") { 0 } else { 0xff };

    /// Settings of the terminal before key mode. Static, since a panic hook and a signal handler restore them.
    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    /// Sets key mode. Returns `false` if stdin is not a terminal, or is in key mode already.
    pub(super) fn set_key_mode() -> bool {
        let Ok(found) = tcgetattr(io::stdin()) else {
            return false;
        };
        let Ok(mut before) = BEFORE.lock() else {
            return false;
        };
        if before.is_some() && is_key_mode(&found) {
            return false;
        }
        let mut keys = found.clone();
        keys.local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON);
        // Otherwise Ctrl-C discards output that the terminal has not read yet, and may cut an escape sequence.
        keys.local_modes.insert(LocalModes::NOFLSH);
        // Not zero, which some shells treat as the end of their input if the program is killed in key mode.
        keys.special_codes[SpecialCodeIndex::VMIN] = 1;
        keys.special_codes[SpecialCodeIndex::VTIME] = 0;
        keys.special_codes[SpecialCodeIndex::VSUSP] = DISABLED;
        let is_set = tcsetattr(io::stdin(), OptionalActions::Now, &keys).is_ok();
        if is_set {
            before.get_or_insert(found);
            // Writing may block, and a signal that ends the program needs the lock.
            drop(before);
            let _ = crossterm::execute!(io::stdout(), EnableBracketedPaste);
        }
        is_set
    }

    /// Returns whether a terminal with these settings delivers single keys.
    fn is_key_mode(found: &Termios) -> bool {
        let is_line_mode = LocalModes::ECHO | LocalModes::ICANON;
        !found.local_modes.intersects(is_line_mode)
            && found.special_codes[SpecialCodeIndex::VSUSP] == DISABLED
    }

    /// Returns whether the program may read from the terminal.
    pub(super) fn is_foreground() -> bool {
        // An error means that there is no job control.
        tcgetpgrp(io::stdin()).map_or(true, |group| group == getpgrp())
    }

    /// Waits until the terminal has input, at most this long. A signal ends the wait. Also returns `true` if the terminal
    /// is gone.
    pub(super) fn wait_for_input(limit: Duration) -> bool {
        let stdin = io::stdin();
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        let limit = Timespec::try_from(limit).ok();
        poll(&mut ready, limit.as_ref()).is_ok_and(|count| count > 0)
    }

    /// Reads input of the terminal without waiting. Returns `None` if there is none.
    pub(super) fn read(input: &mut [u8]) -> Option<usize> {
        // The read alone would wait for Enter if the shell has set line mode since.
        let length =
            wait_for_input(Duration::ZERO).then(|| rustix::io::read(io::stdin(), input).ok())??;
        (length > 0).then_some(length)
    }

    /// Ends key mode. Does nothing if the terminal is not in it.
    pub(super) fn restore() {
        let found = BEFORE.lock().ok().and_then(|mut before| before.take());
        // An error means that the terminal is gone.
        if let Some(found) = found
            && tcsetattr(io::stdin(), OptionalActions::Now, &found).is_ok()
        {
            let _ = crossterm::execute!(io::stdout(), DisableBracketedPaste);
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

#[cfg(test)]
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
