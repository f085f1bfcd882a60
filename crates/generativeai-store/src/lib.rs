//! Conversations that survive a restart: chats stored in SQLite or PostgreSQL as they happen.
//!
//! A [`Store`] is a database of sessions, and a [`Session`] is one conversation. [`Session::chat`] opens it as a
//! [`ChatSession`](generativeai::ChatSession) that works like any other. It writes each message before it is sent, and
//! each outcome before it is returned.
//!
//! ```
//! use generativeai::{GenerativeModel, testing::Scripted};
//! use generativeai_store::Store;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let file = folder.path().join("chats.sqlite");
//! # let address = format!("sqlite:{}", file.display());
//! let model = GenerativeModel::new("gemini-2.5-flash")
//!     .backend(Scripted::default().then_text("1,345 metres.").then_text("Yes."));
//!
//! let store = Store::open(&address).await?; // "sqlite:chats.sqlite", for example
//! let session = store.new_session("mountains").await?;
//! let mut chat = session.chat(&model).await?;
//! chat.send_message("How tall is Ben Nevis?").await?;
//! drop((chat, session, store)); // the program ends
//!
//! let store = Store::open(&address).await?;
//! let mut chat = store.session("mountains").await?.chat(&model).await?;
//! assert_eq!(chat.history().len(), 2);
//! chat.send_message("Is that the highest one?").await?;
//!
//! assert_eq!(store.search("nevis").await?[0].session, "mountains");
//! # Ok(()) }
//! ```
//!
//! | You want to | Look at |
//! | --- | --- |
//! | open a database | [`Store::open`], [`Store::open_default`], [`Store::open_encrypted`] |
//! | start or continue a conversation | [`Store::new_session`], [`Store::session`], [`Session::chat`] |
//! | list and search conversations | [`Store::list`], [`Store::search`], for one user [`ListSessions::prefix`], [`SearchMessages::prefix`] |
//! | branch, undo, rename, delete | [`Session::fork`], [`Session::undo`], [`Session::rename`], [`Session::delete`] |
//! | move conversations between stores | [`Session::export_jsonl`], [`Store::import_jsonl`] |
//! | encrypt a store | [`Store::open_encrypted`], [`Key`], [`Store::rotate_key`] |
//! | read about all of it | the [guide] |
//!
//! # Guarantees
//!
//! - **Durable.** A message is on the disk before it is sent, and a reply before `send_message` returns.
//!   If a write fails, the chat continues in memory, and
//!   [`unsaved`](generativeai::ChatSession::unsaved) returns the reason: check it after each message. A
//!   turn that a crash interrupted is [`unfinished`](generativeai::ChatSession::unfinished) when the
//!   session is opened again.
//! - **One writer.** A chat whose session was modified by another writer gets
//!   [`Conflict`](generativeai::ErrorKind::Conflict) before its message is sent. It can reload the session
//!   or [fork](Session::fork) it; nothing is merged.
//! - **Append-only.** Undoing a turn is an event like any other. Only [`Session::delete`] removes events.
//! - **Checked.** Each event has a checksum. A damaged event is an error of kind
//!   [`Corrupt`](generativeai::ErrorKind::Corrupt) that names it, for its session alone; it is never
//!   skipped.
//! - **Ordered by number.** Clocks of different machines differ, so no order depends on them.
//! - **Encrypted on request.** [`Store::open_encrypted`] encrypts contents and names, and detects
//!   modified rows.

// The files, lowest layer first. A file uses its own layer and lower ones; `scripts/layers` checks it.
//
//   1  error, random, contents    errors of transactions, random bytes, what an event contains
//   2  key, cipher, encryption    the key, encryption of a value, plain or encrypted
//   3  transaction, retry         a transaction of either database, retries and time limits
//   4  location, schema, connect  the address, tables and migrations, the connection pool
//   5  key_table, names, session_row, media, record, info
//                                 one table or value each; all run inside a transaction
//   6  events, append, delete     reading and changing the log of a session
//   7  database                   runs work in transactions
//   8  create, journal            a new session, a chat that writes
//   9  session, store             the public handles
//  10  list, search, rotate, transfer
//                                 further methods of the handles
mod append;
mod cipher;
mod connect;
mod contents;
mod create;
mod database;
mod delete;
mod encryption;
mod error;
mod events;
pub mod guide;
mod info;
mod journal;
mod key;
mod key_table;
mod list;
mod location;
mod media;
mod names;
mod random;
mod record;
mod retry;
mod rotate;
mod schema;
mod search;
mod session;
mod session_row;
mod store;
mod transaction;
mod transfer;

pub use info::{SessionDetails, SessionInfo};
pub use key::Key;
pub use list::ListSessions;
pub use search::{Hit, SearchMessages};
pub use session::Session;
pub use store::Store;
