//! A terminal with the program in it: what is typed, and what the screen shows.

use std::io::{Read, Write};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use vt100::{Callbacks, Parser, Screen};

/// No answer takes longer than this, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How large the terminal is, unless a test says otherwise.
const SIZE: (u16, u16) = (50, 80);

/// A terminal in which the program runs.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    pieces: Receiver<Vec<u8>>,
    parser: Parser<Watch>,
    shown: Vec<u8>,
    master: Box<dyn MasterPty + Send>,
    /// How the terminal was set before the program came.
    found: String,
    ended: bool,
}

/// How the program left the terminal.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) code: u32,
    /// Every byte that came.
    pub(crate) bytes: String,
    /// The screen.
    pub(crate) screen: String,
}

/// Answers the terminal is asked for, and what was done to it beside drawing.
#[derive(Default)]
struct Watch {
    answers: Vec<String>,
    driven: Vec<String>,
}

impl Terminal {
    /// Starts the command in a terminal of its own.
    pub(crate) fn start(command: &Command) -> Self {
        Self::sized(command, SIZE)
    }

    /// Starts the command in a terminal of so many rows and columns.
    pub(crate) fn sized(command: &Command, (rows, cols): (u16, u16)) -> Self {
        let size = PtySize {
            rows,
            cols,
            ..PtySize::default()
        };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let found = settings(&*pair.master);
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
            // A terminal whose program has ended says so by an error.
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
            parser: Parser::new_with_callbacks(rows, cols, 0, Watch::default()),
            shown: Vec::new(),
            master: pair.master,
            found,
            ended: false,
        }
    }

    /// Types keys.
    pub(crate) fn type_keys(&mut self, keys: &str) {
        // A program that has ended does not read them.
        let _ = self.keys.write_all(keys.as_bytes());
        let _ = self.keys.flush();
    }

    /// Types a line, and gives what is shown for it until the prompt comes again.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.say(line);
        self.wait_for_prompt();
        self.after(line)
    }

    /// Types a line at the prompt, once it is there.
    pub(crate) fn say(&mut self, line: &str) {
        self.type_at_prompt(line);
        self.type_keys("\r");
    }

    /// Types a text at the prompt, once that is there, and waits until it is shown.
    pub(crate) fn type_at_prompt(&mut self, text: &str) {
        self.wait_for_prompt();
        self.type_keys(text);
        self.wait_until(text, |screen| {
            row_of_cursor(screen).ends_with(text.trim_end())
        });
    }

    /// What the screen shows below the line that was typed last as such.
    pub(crate) fn after(&self, line: &str) -> String {
        let screen = self.screen();
        let typed = format!("> {}\n", line.trim_end());
        let at = screen.rfind(&typed).map_or(0, |at| at + typed.len());
        screen[at..].trim_end_matches("\n>").to_owned()
    }

    /// Waits for a prompt at which nothing is typed.
    pub(crate) fn wait_for_prompt(&mut self) {
        self.wait_until("the prompt", |screen| {
            row_of_cursor(screen) == ">" && screen.cursor_position().1 == 2
        });
    }

    /// Waits until the screen shows a text.
    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait_until(text, |screen| rows(screen).contains(text));
    }

    /// Waits until the screen is as it should be.
    pub(crate) fn wait_until(&mut self, what: &str, is_so: impl Fn(&Screen) -> bool) {
        let begun = Instant::now();
        while !is_so(self.parser.screen()) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let Ok(piece) = self.pieces.recv_timeout(left) else {
                panic!("{what:?} was not shown:\n{}", self.screen());
            };
            self.take(&piece);
        }
    }

    /// What the screen shows, without the blanks at the ends.
    pub(crate) fn screen(&self) -> String {
        rows(self.parser.screen())
    }

    /// The screen with its colours and styles.
    pub(crate) fn cells(&self) -> &Screen {
        self.parser.screen()
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&mut self, rows: u16, cols: u16) {
        let size = PtySize {
            rows,
            cols,
            ..PtySize::default()
        };
        self.master.resize(size).expect("a terminal has a size");
        self.parser.screen_mut().set_size(rows, cols);
    }

    /// Sends the program a signal by its name.
    pub(crate) fn signal(&mut self, name: &str) {
        let id = self.child.process_id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Whether the terminal is set as it was found.
    pub(crate) fn is_as_found(&self) -> bool {
        settings(&*self.master) == self.found
    }

    /// Waits until the program has ended, and asserts that it left the terminal as it found it, and
    /// did nothing to it but draw.
    pub(crate) fn end(mut self) -> Left {
        loop {
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => self.take(&piece),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end:\n{}", self.screen()),
            }
        }
        let status = self.child.wait().expect("it ends");
        self.ended = true;
        let screen = self.parser.screen();
        assert!(self.is_as_found(), "the terminal is not restored");
        assert!(!screen.bracketed_paste() && !screen.hide_cursor());
        assert!(!screen.alternate_screen());
        let driven = &self.parser.callbacks().driven;
        assert!(driven.is_empty(), "the terminal was driven: {driven:?}");
        Left {
            code: status.exit_code(),
            bytes: String::from_utf8_lossy(&self.shown).into_owned(),
            screen: self.screen(),
        }
    }

    /// Waits until the program is gone that was killed, which leaves a terminal as it is.
    pub(crate) fn was_killed(mut self) {
        self.child.wait().expect("it ends");
        self.ended = true;
    }

    fn take(&mut self, piece: &[u8]) {
        self.parser.process(piece);
        self.shown.extend(piece);
        let answers = std::mem::take(&mut self.parser.callbacks_mut().answers);
        for answer in answers {
            self.type_keys(&answer);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !self.ended {
            // A test that failed leaves nothing running.
            let _ = self.child.kill();
        }
    }
}

/// What a screen shows, row by row.
fn rows(screen: &Screen) -> String {
    let width = screen.size().1;
    let rows: Vec<_> = screen.rows(0, width).collect();
    let rows: Vec<_> = rows.iter().map(|row| row.trim_end()).collect();
    rows.join("\n").trim_end().to_owned()
}

fn row_of_cursor(screen: &Screen) -> String {
    let (row, _) = screen.cursor_position();
    let mut rows = screen.rows(0, screen.size().1);
    let row = rows.nth(row.into()).unwrap_or_default();
    row.trim_end().to_owned()
}

/// How a terminal is set: whether it echoes, waits for whole lines, and so on.
fn settings(master: &dyn MasterPty) -> String {
    format!(
        "{:?}",
        master.get_termios().expect("a terminal has settings")
    )
}

impl Callbacks for Watch {
    fn audible_bell(&mut self, _: &mut Screen) {
        self.driven.push("bell".to_owned());
    }

    fn resize(&mut self, _: &mut Screen, size: (u16, u16)) {
        self.driven.push(format!("resized to {size:?}"));
    }

    fn set_window_icon_name(&mut self, _: &mut Screen, name: &[u8]) {
        self.driven.push(format!("icon {name:?}"));
    }

    fn set_window_title(&mut self, _: &mut Screen, title: &[u8]) {
        self.driven.push(format!("title {title:?}"));
    }

    fn copy_to_clipboard(&mut self, _: &mut Screen, _: &[u8], data: &[u8]) {
        self.driven.push(format!("clipboard {data:?}"));
    }

    fn paste_from_clipboard(&mut self, _: &mut Screen, _: &[u8]) {
        self.driven.push("clipboard read".to_owned());
    }

    fn unhandled_control(&mut self, _: &mut Screen, byte: u8) {
        self.driven.push(format!("control {byte:#x}"));
    }

    fn unhandled_escape(&mut self, _: &mut Screen, _: Option<u8>, _: Option<u8>, byte: u8) {
        self.driven.push(format!("escape {byte:#x}"));
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
            (None, [[6]], 'n') => {
                let (row, column) = screen.cursor_position();
                self.answers
                    .push(format!("\x1b[{};{}R", row + 1, column + 1));
            }
            _ => self
                .driven
                .push(format!("sequence {first:?} {params:?} {last}")),
        }
    }

    fn unhandled_osc(&mut self, _: &mut Screen, params: &[&[u8]]) {
        self.driven.push(format!("string {params:?}"));
    }
}
