//! How the program ends: its exit codes, and which error leads to which.

use std::fmt;
use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was done.
    Done = 0,
    /// The model, the service, the network or a file failed.
    Failed = 1,
    /// What was typed, piped in or set makes no sense.
    Usage = 2,
    /// The terminal went away.
    HungUp = 129,
    /// The reply was stopped by Ctrl-C.
    Interrupted = 130,
    /// The program was told to end.
    Terminated = 143,
}

/// The exit codes, as the help tells them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes: 0 done, also if whoever reads the answer has read enough; 1 failed: the model, the
service, the network or a file; 2 wrong usage: what was typed, piped in or set makes no sense;
129 terminal gone; 130 interrupted by Ctrl-C; 143 terminated.";

impl Exit {
    /// How the program ends after an error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if error.is::<Usage>() {
            Self::Usage
        } else if error.is::<ReaderGone>() {
            Self::Done
        } else {
            Self::Failed
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Something that was typed or piped in and makes no sense: what, and what to do.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An MCP server whose tools cannot be used.
#[derive(Debug)]
pub(crate) struct NoTools(pub(crate) String);

impl fmt::Display for NoTools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot use the tools of {}", self.0)
    }
}

/// Whoever read the answers has read enough: nothing to complain of.
#[derive(Debug)]
pub(crate) struct ReaderGone;

impl fmt::Display for ReaderGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads the answer any longer")
    }
}

impl std::error::Error for ReaderGone {}
