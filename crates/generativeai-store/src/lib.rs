//! Chats that last: conversations kept in SQLite or PostgreSQL while they go on.
//!
//! A [`Store`] is a database of sessions, a [`Session`] is a conversation in it, and
//! [`Session::chat`] opens that conversation: a
//! [`ChatSession`](generativeai::ChatSession) like any other, which writes each message before it is
//! sent and the outcome after.
//!
//! ```
//! use generativeai::{GenerativeModel, testing::Scripted};
//! use generativeai_store::Store;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let file = folder.path().join("chats.sqlite");
//! let model = GenerativeModel::new("gemini-2.5-flash")
//!     .backend(Scripted::default().then_text("1,345 metres.").then_text("Yes."));
//!
//! let store = Store::open(&format!("sqlite:{}", file.display())).await?;
//! let session = store.new_session("mountains").await?;
//! let mut chat = session.chat(&model).await?;
//! chat.send_message("How tall is Ben Nevis?").await?;
//! drop((chat, session, store)); // the program ends
//!
//! let store = Store::open(&format!("sqlite:{}", file.display())).await?;
//! let mut chat = store.session("mountains").await?.chat(&model).await?;
//! assert_eq!(chat.history().len(), 2);
//! chat.send_message("Is that all?").await?;
//!
//! assert_eq!(store.search("nevis").await?[0].session, "mountains");
//! # Ok(()) }
//! ```
//!
//! What holds:
//!
//! - **What is acknowledged stays.** Each message is written before it is sent, and each reply before
//!   `send_message` returns. If a write fails, the chat goes on in memory and
//!   [`unsaved`](generativeai::ChatSession::unsaved) says why. So what you were told is on the disk as long
//!   as `unsaved()` is `None`: check it after each message. A turn without an outcome is
//!   [`unfinished`](generativeai::ChatSession::unfinished): it was interrupted.
//! - **One writer.** Whoever goes on with a session that somebody else went on with gets
//!   [`Conflict`](generativeai::ErrorKind::Conflict) before anything is sent, and opens the session anew
//!   or [forks](Session::fork) it. Nothing is merged.
//! - **Nothing is taken away but by [`delete`](Session::delete).** Undoing is an event like saying.
//! - **Damage is named, never skipped**: each event has a checksum, and one that is damaged is an error of
//!   kind [`Corrupt`](generativeai::ErrorKind::Corrupt) for its session alone.
//! - **Order is counted, never read from a clock.**
//! - **Encrypted if you wish**: [`Store::open_encrypted`] writes nothing that was said in the clear, and
//!   notices if that was changed.
//!
//! The [guide] goes through all of it, from the first line to backups.
//!
//! The store works on the tokio runtime it was opened in; its chats can be used from any.

mod append;
mod database;
mod fault;
#[doc = include_str!("guide.md")]
pub mod guide {}
mod key;
mod keys;
mod names;
mod place;
mod read;
mod record;
mod rotate;
mod scan;
mod schema;
mod seal;
mod search;
mod session;
mod store;
mod transaction;
mod transfer;

pub use key::Key;
pub use search::Hit;
pub use session::{Session, SessionInfo};
pub use store::Store;
