//! Conversations with a model: turns that are transactions, undo, context budgets and journals.
//!
//! To read this module, begin with [`session`], which has the public methods, and follow a message:
//!
//! | File | Contents |
//! | --- | --- |
//! | `session` | the conversation: settings, history, undo, journal |
//! | `send`, `reply`, `structured` | a message and its reply, as text or as a Rust type |
//! | `opening` | the turn that a message opens |
//! | `turn` | the loop of requests, replies and function calls |
//! | `running`, `round` | the functions of a reply that run, and the pair of contents that they become |
//! | `steps`, `deciding` | the steps of such a round: calls, decisions, the start, answers |
//! | `budget`, `tokens` | the contents that leave a history that is too long |
//! | `event`, `state` | the changes of a conversation, and the only code that applies them |
//! | `unfinished`, `reason` | the turn that did not complete |
//! | `history`, `check` | rules about contents: roles, ends of turns, empty parts |
//! | `journal` | the interface to storage |
//! | `saved`, `snapshot` | the conversation as one JSON document |

mod budget;
mod check;
mod deciding;
mod event;
mod history;
mod journal;
mod opening;
mod reason;
mod reply;
mod round;
mod running;
mod saved;
mod send;
mod session;
mod snapshot;
mod state;
mod steps;
mod structured;
mod tokens;
mod turn;
mod unfinished;

pub use budget::Compaction;
pub use event::{Entry, Event};
pub use journal::Journal;
pub use reason::{Reason, WaitingCall};
pub use reply::ReplyStream;
pub use send::SendMessage;
pub use session::ChatSession;
pub use structured::SendJson;
pub use unfinished::Unfinished;
