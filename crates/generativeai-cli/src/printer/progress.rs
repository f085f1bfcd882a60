//! How far something has come: a bar on a terminal, else a line now and then.

use std::io::{self, Write};

/// How many cells the bar has.
const CELLS: u64 = 30;
/// Where there is no terminal, a line is written each time this many percent are done.
const STEP: u64 = 10;

/// Something that takes its time, shown on stderr as it goes on.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    terminal: bool,
    shown: Option<u64>,
}

impl Progress {
    pub(super) fn new(what: &'static str, terminal: bool) -> Self {
        Self {
            what,
            terminal,
            shown: None,
        }
    }

    /// Shows that `done` of `total` bytes are there.
    pub(crate) fn show(&mut self, done: u64, total: u64) {
        if let Some(line) = self.line(done, total) {
            let mut err = io::stderr().lock();
            // If nobody listens to stderr, there is nobody to tell.
            let _ = err.write_all(line.as_bytes()).and_then(|()| err.flush());
        }
    }

    /// Ends the bar's line.
    pub(crate) fn end(self) {
        if self.terminal && self.shown.is_some() {
            let _ = io::stderr().lock().write_all(b"\n");
        }
    }

    /// What is written, if what is shown changes.
    fn line(&mut self, done: u64, total: u64) -> Option<String> {
        let percent = (done.min(total) * 100).checked_div(total)?;
        let shown = if self.terminal {
            percent
        } else {
            percent / STEP
        };
        if self.shown.replace(shown) == Some(shown) {
            return None;
        }
        let what = self.what;
        let of = format!("{} of {} MB", megabytes(done), megabytes(total));
        if !self.terminal {
            return Some(format!("{what}: {of}\n"));
        }
        let full = percent * CELLS / 100;
        let bar: String = (0..CELLS)
            .map(|cell| if cell < full { '#' } else { '.' })
            .collect();
        Some(format!("\r{what} [{bar}] {percent:>3} % {of}\x1b[K"))
    }
}

fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn a_terminal_gets_one_line_that_grows() {
        let mut progress = Progress::new("fetching", true);

        let half = progress.line(45 * MB, 90 * MB).expect("a line");
        assert_eq!(
            half,
            "\rfetching [###############...............]  50 % 45 of 90 MB\x1b[K"
        );
        assert_eq!(progress.line(45 * MB + 1, 90 * MB), None, "nothing changed");
    }

    #[test]
    fn without_a_terminal_a_line_comes_every_ten_percent() {
        let mut progress = Progress::new("fetching", false);

        let lines: Vec<_> = (0..=90)
            .filter_map(|done| progress.line(done * MB, 90 * MB))
            .collect();

        assert_eq!(lines.len(), 11);
        assert_eq!(lines[10], "fetching: 90 of 90 MB\n");
    }

    #[test]
    fn an_unknown_total_shows_nothing() {
        assert_eq!(Progress::new("fetching", true).line(5, 0), None);
    }
}
