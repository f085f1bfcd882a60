//! A terminal with the program in it: what is typed, and what is shown.

use std::io::{Read, Write};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// No answer takes longer than this, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A terminal in which the program runs.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    pieces: Receiver<Vec<u8>>,
    unread: Vec<u8>,
    shown: Vec<u8>,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Starts the command in a terminal of its own.
    pub(crate) fn start(command: &Command) -> Self {
        let pair = native_pty_system()
            .openpty(PtySize::default())
            .expect("a terminal");
        let mut builder = CommandBuilder::new(command.get_program());
        builder.args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => builder.env(name, value),
                None => builder.env_remove(name),
            }
        }
        let child = pair
            .slave
            .spawn_command(builder)
            .expect("the program starts");
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
        let (unread, shown) = (Vec::new(), Vec::new());
        Self {
            child,
            keys,
            pieces,
            unread,
            shown,
            _master: pair.master,
        }
    }

    /// Types keys.
    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.keys
            .write_all(keys.as_bytes())
            .expect("the terminal is there");
        self.keys.flush().expect("the terminal is there");
    }

    /// Waits until a text is shown, and gives what was shown before it since the last wait.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            let found = self
                .unread
                .windows(text.len())
                .position(|at| at == text.as_bytes());
            if let Some(at) = found {
                let rest = self.unread.split_off(at + text.len());
                let before = std::mem::replace(&mut self.unread, rest);
                return String::from_utf8_lossy(&before[..at]).into_owned();
            }
            let Ok(piece) = self.pieces.recv_timeout(PATIENCE) else {
                panic!(
                    "{text:?} was not shown: {}",
                    String::from_utf8_lossy(&self.shown)
                );
            };
            self.unread.extend_from_slice(&piece);
            self.shown.extend(piece);
        }
    }

    /// Waits until the program has ended, and gives its exit code and all that was shown.
    pub(crate) fn end(mut self) -> (u32, String) {
        while let Ok(piece) = self.pieces.recv_timeout(PATIENCE) {
            self.shown.extend(piece);
        }
        let status = self.child.wait().expect("it ends");
        (
            status.exit_code(),
            String::from_utf8_lossy(&self.shown).into_owned(),
        )
    }
}
