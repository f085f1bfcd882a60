//! Next request of a session at the terminal.

use generativeai::Decision;
use generativeai::protocol::content::Content;

/// Next request of a session.
pub(super) enum Next {
    Message(Content),
    /// The rest of an unfinished reply.
    Retry,
    /// Decisions on calls that wait, by their id.
    Decide(Vec<(String, Decision)>),
}

/// Decisions of the user about calls that wait.
pub(super) enum Decisions {
    Made(Vec<(String, Decision)>),
    /// The reply is to be stopped.
    Stop,
    /// Nothing: the program ends, and the calls continue to wait.
    Later,
}
