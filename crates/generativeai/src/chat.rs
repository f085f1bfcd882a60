//! Conversations with a model: turns that are transactions, undo, context budgets and journals.

mod approval;
mod budget;
mod check;
mod deciding;
mod event;
mod functions;
mod history;
mod journal;
mod opening;
mod reason;
mod round;
mod saved;
mod send;
mod session;
mod shared;
mod snapshot;
mod state;
mod structured;
mod tokens;
mod turn;
mod unfinished;

pub use budget::Compaction;
pub use event::{Entry, Event};
pub use journal::Journal;
pub use reason::{Reason, WaitingCall};
pub use send::{ReplyStream, SendMessage};
pub use session::ChatSession;
pub use structured::SendJson;
pub use unfinished::Unfinished;
