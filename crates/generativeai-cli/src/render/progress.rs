//! Progress of downloads and uploads: a bar on a terminal, and otherwise a line for every ten percent.

use std::io::{self, Write};
use std::sync::Mutex;

use generativeai::remote::UploadProgress;

/// Maximum width of the bar, in characters.
const WIDTH: usize = 30;
/// Step between two lines in percent, if stderr is not a terminal.
const STEP: u64 = 10;

/// Progress of a long operation, shown on stderr.
#[derive(Debug)]
pub(crate) struct Progress {
    label: &'static str,
    /// Returns the current width of the terminal. `None` if stderr is not a terminal.
    width: Option<fn() -> usize>,
    /// Last percentage that the bar showed, or last step that was written as a line.
    shown: Option<u64>,
}

impl Progress {
    pub(super) fn new(label: &'static str, width: Option<fn() -> usize>) -> Self {
        Self {
            label,
            width,
            shown: None,
        }
    }

    /// Shows that `done` of `total` bytes are complete.
    pub(crate) fn show(&mut self, done: u64, total: u64) {
        if let Some(line) = self.line(done, total) {
            let mut err = io::stderr().lock();
            // A closed stderr is ignored: there is nowhere left to report it.
            let _ = err.write_all(line.as_bytes()).and_then(|()| err.flush());
        }
    }

    /// Returns a function that shows the progress of an upload. The line of the bar ends when all bytes are sent, or
    /// when the function is dropped.
    pub(crate) fn of_upload(self) -> impl Fn(UploadProgress) + Send + Sync {
        // The callback is an `Fn`, and showing progress changes its state.
        let progress = Mutex::new(Some(self));
        move |state| {
            let mut progress = progress.lock().expect("nothing panics while it is locked");
            if let Some(bar) = &mut *progress {
                bar.show(state.sent, state.total);
            }
            if state.sent == state.total {
                *progress = None;
            }
        }
    }

    /// Returns the text to write, or `None` if the display does not change or the total is unknown (0).
    fn line(&mut self, done: u64, total: u64) -> Option<String> {
        let percent = (done.min(total) * 100).checked_div(total)?;
        let shown = match self.width {
            Some(_) => percent,
            None => percent / STEP,
        };
        if self.shown.replace(shown) == Some(shown) {
            return None;
        }
        let label = self.label;
        let (unit, bytes) = match total {
            ..1_000 => ("B", 1),
            1_000..1_000_000 => ("kB", 1_000),
            _ => ("MB", 1_000_000),
        };
        let rounded = |count: u64| (count + bytes / 2) / bytes;
        let of = format!("{} of {} {unit}", rounded(done), rounded(total));
        let Some(width) = self.width else {
            return Some(format!("{label}: {of}\n"));
        };
        let numbers = format!("{percent:>3} % {of}");
        // The last column stays empty: some terminals wrap after it, and the next bar would be on another line.
        let room = width().saturating_sub(numbers.len() + "[] ".len() + 1);
        let (label, room) = match room.checked_sub(label.len() + 1) {
            Some(room) if room >= WIDTH => (format!("{label} "), WIDTH),
            _ => (String::new(), room.min(WIDTH)),
        };
        let full = usize::try_from(percent).unwrap_or_default() * room / 100;
        let bar = format!("{}{}", "#".repeat(full), ".".repeat(room - full));
        Some(format!("\r{label}[{bar}] {numbers}\x1b[K"))
    }
}

/// Ends the line of the bar, even if the operation was stopped.
impl Drop for Progress {
    fn drop(&mut self) {
        if self.width.is_some() && self.shown.is_some() {
            // A closed stderr is ignored: there is nowhere left to report it.
            let _ = io::stderr().lock().write_all(b"\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn a_terminal_shows_one_line_that_is_updated() {
        let mut progress = Progress::new("fetching", Some(|| 80));

        let half = progress.line(45 * MB, 90 * MB).expect("a line");
        assert_eq!(
            half,
            "\rfetching [###############...............]  50 % 45 of 90 MB\x1b[K"
        );
        assert_eq!(progress.line(45 * MB + 1, 90 * MB), None, "unchanged");
    }

    #[test]
    fn a_narrow_terminal_shows_a_shorter_bar_without_a_label() {
        let mut progress = Progress::new("fetching", Some(|| 40));

        let half = progress.line(245 * MB, 491 * MB).expect("a line");
        assert_eq!(half, "\r[########.........]  49 % 245 of 491 MB\x1b[K");
    }

    #[test]
    fn without_a_terminal_a_line_is_written_every_ten_percent() {
        let mut progress = Progress::new("fetching", None);

        let lines: Vec<_> = (0..=90)
            .filter_map(|done| progress.line(done * MB, 90 * MB))
            .collect();

        assert_eq!(lines.len(), 11);
        assert_eq!(lines[10], "fetching: 90 of 90 MB\n");
    }

    #[test]
    fn the_unit_fits_the_size() {
        for (total, shown) in [
            (27, "sending: 27 of 27 B\n"),
            (3_400, "sending: 3 of 3 kB\n"),
            (1_600_000, "sending: 2 of 2 MB\n"),
        ] {
            let line = Progress::new("sending", None).line(total, total);
            assert_eq!(line.as_deref(), Some(shown));
        }
    }

    #[test]
    fn without_a_total_nothing_is_shown() {
        assert_eq!(Progress::new("fetching", Some(|| 80)).line(5, 0), None);
    }
}
