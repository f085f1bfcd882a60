//! Exit codes of the program, and the errors that determine them.

use std::process::ExitCode;

use generativeai::{Error, ErrorKind};

/// Exit code of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Success.
    Success = 0,
    /// The model, the service, the network or a file failed.
    Failure = 1,
    /// The arguments, the input or the settings are invalid.
    Usage = 2,
    /// The terminal was closed (128 + SIGHUP).
    HungUp = 129,
    /// Ctrl-C stopped the reply (128 + SIGINT).
    Interrupted = 130,
    /// The program received SIGTERM (128 + 15).
    Terminated = 143,
}

/// Exit codes, as shown by `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes: 0 success, also if the reader closes the pipe early; 1 failure of the model, the \
service, the network or a file; 2 invalid arguments, input or settings; 129 terminal closed; \
130 interrupted by Ctrl-C; 143 terminated.";

impl Exit {
    /// Returns the exit code for an error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if error.is::<UsageError>() {
            Self::Usage
        } else if error.is::<ReaderGone>() {
            Self::Success
        } else {
            Self::Failure
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error in the arguments, the input or the settings. The message contains the problem and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// Converts an error about settings or a name into a usage error, since the arguments caused it. Other errors, such as
/// those of the network, stay.
pub(crate) fn refused(error: Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::Request => UsageError(error.to_string()).into(),
        _ => error.into(),
    }
}

/// Returns whether an error is one of the SDK and has this kind.
pub(crate) fn has_kind(error: &anyhow::Error, kind: ErrorKind) -> bool {
    let error = error.downcast_ref::<Error>();
    error.is_some_and(|error| error.kind() == kind)
}

/// Context of an error of an MCP server. The message contains its name.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the tools of {0}")]
pub(crate) struct ToolServerError(pub(crate) String);

/// Context of an error of the download of a model. The message contains its name.
#[derive(Debug, thiserror::Error)]
#[error("the model {0} is not available")]
pub(crate) struct DownloadError(pub(crate) &'static str);

/// Error of writing to stdout after its reader closed the pipe. The exit code is 0: `genai … | head` ends like this.
#[derive(Debug, thiserror::Error)]
#[error("the reader of the output closed the pipe")]
pub(crate) struct ReaderGone;
