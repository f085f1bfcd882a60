//! A pseudo-terminal that runs the program, with keys and a screen.

use std::fs::{self, DirEntry, File};
use std::io::{Read, Write};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};
use vt100::{Callbacks, Parser, Screen};

/// Maximum time of a wait. It is long enough for a busy machine.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Default size of the terminal: rows and columns.
const SIZE: (u16, u16) = (50, 80);

/// Code of Ctrl-Z.
const CTRL_Z: u8 = 0x1a;

/// A terminal that runs the program.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    /// Output of the program that was not processed yet.
    pieces: Receiver<Vec<u8>>,
    parser: Parser<Monitor>,
    /// All processed output.
    shown: Vec<u8>,
    master: Box<dyn MasterPty + Send>,
    /// Terminal settings before the program started.
    initial: String,
    ended: bool,
}

/// State of the terminal after the program exited.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) code: u32,
    /// All output.
    pub(crate) bytes: String,
    /// The screen.
    pub(crate) screen: String,
}

/// Replies to queries of the program, and everything that it did to the terminal besides drawing.
#[derive(Default)]
struct Monitor {
    replies: Vec<String>,
    violations: Vec<String>,
}

impl Terminal {
    /// Starts the command in a new terminal.
    pub(crate) fn start(command: &Command) -> Self {
        Self::sized(command, SIZE)
    }

    /// Starts the command in a terminal with this number of rows and columns.
    pub(crate) fn sized(command: &Command, (rows, cols): (u16, u16)) -> Self {
        let size = PtySize {
            rows,
            cols,
            ..PtySize::default()
        };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        keep_output_on_ctrl_c(&*pair.master);
        let initial = settings(&*pair.master);
        let mut builder = CommandBuilder::new(command.get_program());
        builder.args(command.get_args());
        builder.env("TERM", "xterm-256color");
        for name in ["NO_COLOR", "VISUAL", "EDITOR", "COLUMNS", "LINES"] {
            builder.env_remove(name);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => builder.env(name, value),
                None => builder.env_remove(name),
            }
        }
        if let Some(folder) = command.get_current_dir() {
            builder.cwd(folder);
        }
        let child = pair.slave.spawn_command(builder);
        let child = child.expect("the program starts");
        let mut reader = pair.master.try_clone_reader().expect("a terminal shows");
        let keys = pair.master.take_writer().expect("a terminal has keys");
        let (sender, pieces) = channel();
        thread::spawn(move || {
            let mut piece = [0; 4096];
            // Reading fails once the program has exited.
            while let Ok(length @ 1..) = reader.read(&mut piece) {
                if sender.send(piece[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            keys,
            pieces,
            parser: Parser::new_with_callbacks(rows, cols, 0, Monitor::default()),
            shown: Vec::new(),
            master: pair.master,
            initial,
            ended: false,
        }
    }

    /// Waits until the program has processed all input, and all of its threads wait. On a busy machine, a thread with
    /// work to do may not run for a while, but it is runnable. Without `/proc` this returns at once.
    pub(crate) fn wait_until_idle(&self) {
        let id = self.child.process_id().expect("the program runs");
        let is_runnable = |task: DirEntry| {
            // The state follows the name in parentheses. A thread that has ended has none.
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            stat.rsplit(") ")
                .next()
                .is_some_and(|state| state.starts_with('R'))
        };
        let started = Instant::now();
        while fs::read_dir(format!("/proc/{id}/task"))
            .is_ok_and(|tasks| tasks.flatten().any(is_runnable))
        {
            assert!(started.elapsed() < TIME_LIMIT, "the program stays busy");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the program reads single keys during a reply. Ctrl-Z is such a key.
    pub(crate) fn wait_for_key_mode(&self) {
        let path = self.master.tty_name().expect("a terminal has a name");
        let terminal = File::open(path).expect("it is open");
        let is_set = || {
            let settings = tcgetattr(&terminal).expect("it is a terminal");
            !settings.local_modes.contains(LocalModes::ICANON)
                && settings.special_codes[SpecialCodeIndex::VSUSP] != CTRL_Z
        };
        let started = Instant::now();
        while !is_set() {
            assert!(
                started.elapsed() < TIME_LIMIT,
                "the program does not read keys:\n{}",
                self.screen()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Types keys.
    pub(crate) fn type_keys(&mut self, keys: &str) {
        // An error means that the program has exited.
        let _ = self.keys.write_all(keys.as_bytes());
        let _ = self.keys.flush();
    }

    /// Enters a line at the prompt, and returns the output until the next prompt.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.enter(line);
        self.wait_for_prompt();
        self.after(line)
    }

    /// Waits for the prompt and enters a line.
    pub(crate) fn enter(&mut self, line: &str) {
        self.type_at_prompt(line);
        self.type_keys("\r");
    }

    /// Waits for the prompt, types the text, and waits until it is shown.
    pub(crate) fn type_at_prompt(&mut self, text: &str) {
        self.wait_for_prompt();
        self.type_keys(text);
        self.wait_until(text, |screen| {
            row_of_cursor(screen).ends_with(text.trim_end())
        });
    }

    /// Returns the screen below the last occurrence of an entered line.
    pub(crate) fn after(&self, line: &str) -> String {
        let screen = self.screen();
        let entered = format!("> {}\n", line.trim_end());
        let at = screen.rfind(&entered).map_or(0, |at| at + entered.len());
        screen[at..].trim_end_matches("\n>").to_owned()
    }

    /// Waits for an empty prompt.
    pub(crate) fn wait_for_prompt(&mut self) {
        self.wait_until("the prompt", |screen| {
            row_of_cursor(screen) == ">" && screen.cursor_position().1 == 2
        });
    }

    /// Waits until the screen contains the text.
    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait_until(text, |screen| rows(screen).contains(text));
    }

    /// Waits until the screen satisfies a condition.
    pub(crate) fn wait_until(&mut self, what: &str, is_met: impl Fn(&Screen) -> bool) {
        let started = Instant::now();
        while !is_met(self.parser.screen()) {
            let left = TIME_LIMIT.saturating_sub(started.elapsed());
            let Ok(piece) = self.pieces.recv_timeout(left) else {
                panic!("{what:?} did not appear:\n{}", self.screen());
            };
            self.take(&piece);
        }
    }

    /// Returns the screen as text, without trailing blanks.
    pub(crate) fn screen(&self) -> String {
        rows(self.parser.screen())
    }

    /// Returns the screen with colours and styles.
    pub(crate) fn cells(&self) -> &Screen {
        self.parser.screen()
    }

    /// Resizes the terminal.
    pub(crate) fn resize(&mut self, rows: u16, cols: u16) {
        let size = PtySize {
            rows,
            cols,
            ..PtySize::default()
        };
        self.master.resize(size).expect("a terminal has a size");
        self.parser.screen_mut().set_size(rows, cols);
    }

    /// Sends a signal to the program.
    pub(crate) fn signal(&mut self, name: &str) {
        let id = self.child.process_id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Returns the texts that the program has copied with the terminal since the last call, in base64. They are no
    /// longer violations.
    pub(crate) fn take_clipboard(&mut self) -> Vec<String> {
        let violations = &mut self.parser.callbacks_mut().violations;
        let (copied, others): (Vec<_>, _) = std::mem::take(violations)
            .into_iter()
            .partition(|violation| violation.starts_with("clipboard "));
        *violations = others;
        let base64 = |line: String| line.trim_start_matches("clipboard ").to_owned();
        copied.into_iter().map(base64).collect()
    }

    /// Returns whether the terminal has its initial settings.
    pub(crate) fn is_restored(&self) -> bool {
        settings(&*self.master) == self.initial
    }

    /// Waits until the program exits, and asserts that it restored the terminal and did nothing to it besides
    /// drawing.
    pub(crate) fn end(mut self) -> Left {
        loop {
            match self.pieces.recv_timeout(TIME_LIMIT) {
                Ok(piece) => self.take(&piece),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("the program does not exit:\n{}", self.screen())
                }
            }
        }
        let status = self.child.wait().expect("it ends");
        self.ended = true;
        let screen = self.parser.screen();
        assert!(self.is_restored(), "the terminal is not restored");
        assert!(!screen.bracketed_paste() && !screen.hide_cursor());
        assert!(!screen.alternate_screen());
        let violations = &self.parser.callbacks().violations;
        assert!(
            violations.is_empty(),
            "the terminal was controlled: {violations:?}"
        );
        Left {
            code: status.exit_code(),
            bytes: String::from_utf8_lossy(&self.shown).into_owned(),
            screen: self.screen(),
        }
    }

    /// Quits the session at the prompt, and asserts that the program succeeds.
    pub(crate) fn quit(mut self) {
        self.enter("/quit");
        assert_eq!(self.end().code, 0);
    }

    /// Waits until a killed program has exited. It could not restore the terminal.
    pub(crate) fn wait_until_killed(mut self) {
        self.child.wait().expect("it ends");
        self.ended = true;
    }

    /// Processes output of the program, and answers its queries.
    fn take(&mut self, piece: &[u8]) {
        self.parser.process(piece);
        self.shown.extend(piece);
        let replies = std::mem::take(&mut self.parser.callbacks_mut().replies);
        for reply in replies {
            self.type_keys(&reply);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !self.ended {
            // A failed test must not leave the program running.
            let _ = self.child.kill();
        }
    }
}

/// Returns the rows of a screen.
fn rows(screen: &Screen) -> String {
    let width = screen.size().1;
    let rows: Vec<_> = screen.rows(0, width).collect();
    let rows: Vec<_> = rows.iter().map(|row| row.trim_end()).collect();
    rows.join("\n").trim_end().to_owned()
}

/// Returns the row that contains the cursor.
fn row_of_cursor(screen: &Screen) -> String {
    let (row, _) = screen.cursor_position();
    let mut rows = screen.rows(0, screen.size().1);
    let row = rows.nth(row.into()).unwrap_or_default();
    row.trim_end().to_owned()
}

/// Sets the terminal to keep its output on Ctrl-C.
///
/// By default the kernel sends the signal, and then discards output that was not read yet. That may include output that
/// the program writes because of the signal.
fn keep_output_on_ctrl_c(master: &dyn MasterPty) {
    let path = master.tty_name().expect("a terminal has a name");
    let terminal = File::options().read(true).write(true).open(path);
    let terminal = terminal.expect("it is open");
    let mut settings = tcgetattr(&terminal).expect("it is a terminal");
    settings.local_modes.insert(LocalModes::NOFLSH);
    tcsetattr(&terminal, OptionalActions::Now, &settings).expect("it is a terminal");
}

/// Returns the settings of a terminal, such as echo and line mode.
fn settings(master: &dyn MasterPty) -> String {
    format!(
        "{:?}",
        master.get_termios().expect("a terminal has settings")
    )
}

impl Callbacks for Monitor {
    fn audible_bell(&mut self, _: &mut Screen) {
        self.violations.push("bell".to_owned());
    }

    fn resize(&mut self, _: &mut Screen, size: (u16, u16)) {
        self.violations.push(format!("resized to {size:?}"));
    }

    fn set_window_icon_name(&mut self, _: &mut Screen, name: &[u8]) {
        self.violations.push(format!("icon {name:?}"));
    }

    fn set_window_title(&mut self, _: &mut Screen, title: &[u8]) {
        self.violations.push(format!("title {title:?}"));
    }

    fn copy_to_clipboard(&mut self, _: &mut Screen, _: &[u8], data: &[u8]) {
        let base64 = String::from_utf8_lossy(data);
        self.violations.push(format!("clipboard {base64}"));
    }

    fn paste_from_clipboard(&mut self, _: &mut Screen, _: &[u8]) {
        self.violations.push("clipboard read".to_owned());
    }

    fn unhandled_control(&mut self, _: &mut Screen, byte: u8) {
        self.violations.push(format!("control {byte:#x}"));
    }

    fn unhandled_escape(&mut self, _: &mut Screen, _: Option<u8>, _: Option<u8>, byte: u8) {
        self.violations.push(format!("escape {byte:#x}"));
    }

    fn unhandled_csi(
        &mut self,
        screen: &mut Screen,
        first: Option<u8>,
        _: Option<u8>,
        params: &[&[u16]],
        last: char,
    ) {
        match (first, params, last) {
            // A query of the cursor's position, which the prompt waits for.
            (None, [[6]], 'n') => {
                let (row, column) = screen.cursor_position();
                self.replies
                    .push(format!("\x1b[{};{}R", row + 1, column + 1));
            }
            _ => self
                .violations
                .push(format!("sequence {first:?} {params:?} {last}")),
        }
    }

    fn unhandled_osc(&mut self, _: &mut Screen, params: &[&[u8]]) {
        self.violations.push(format!("string {params:?}"));
    }
}
