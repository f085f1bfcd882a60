//! Next request of a session at the terminal, and the user's decisions that lead to one.

use generativeai::Decision;
use generativeai::protocol::content::Content;

/// Next request of a session. Each continues the conversation in another way.
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
    /// The user wants to stop the reply.
    Stop,
    /// The program ends without a decision. The calls continue to wait in the session.
    Later,
}
