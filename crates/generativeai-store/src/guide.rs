//! Guide to stored conversations, from the first message to backups. All examples run as tests.
//!
//! # Stores, sessions and chats
//!
//! A [`Store`](crate::Store) is an SQLite file or a PostgreSQL database. It holds sessions. A
//! [`Session`](crate::Session) is one conversation, and [`chat`](crate::Session::chat) opens it.
//!
//! ```
//! use generativeai::GenerativeModel;
//! use generativeai_store::Store;
//! # use generativeai::testing::Scripted;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let address = format!("sqlite:{}", folder.path().join("chats.sqlite").display());
//! let model = GenerativeModel::new("gemini-2.5-flash");
//! # let model = model.backend(Scripted::default().then_text("1,345 metres.").then_text("Snow."));
//! let store = Store::open(&address).await?; // "sqlite:chats.sqlite", for example
//! let session = store.new_session("mountains").await?;
//!
//! let mut chat = session.chat(&model).await?;
//! chat.send_message("How tall is Ben Nevis?").await?;
//! # drop((chat, session, store));
//!
//! // The next day, in another process:
//! let store = Store::open(&address).await?;
//! let mut chat = store.session("mountains").await?.chat(&model).await?;
//! assert_eq!(chat.history().len(), 2);
//! chat.send_message("What lies on its summit in May?").await?;
//! # Ok(()) }
//! ```
//!
//! A missing file is created, readable by its owner alone.
//! [`open_default`](crate::Store::open_default) opens the file in the user's data folder, which the
//! program `genai` uses too. A store at `sqlite::memory:` is deleted with its last handle, which is
//! useful in tests.
//!
//! A session stores the conversation, not the model: pass the model, with its system instruction, tools and settings,
//! each time you open a chat. [`import_contents`](crate::Store::import_contents) creates a session from the history of
//! a conversation that was stored elsewhere.
//!
//! # After a crash
//!
//! A message is written before it is sent, function calls before they run, their results when they
//! arrive, and a reply before `send_message` returns. After a crash or a power cut, a turn without
//! an outcome is [`unfinished`](generativeai::ChatSession::unfinished) when the session is opened
//! again. You can send it again, keep the partial reply, or send another message, which discards
//! it.
//!
//! ```
//! # use generativeai::{GenerativeModel, Reason, testing::Scripted};
//! # use generativeai_store::Store;
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
//! # let store = Store::open("sqlite::memory:").await?;
//! # let session = store.new_session("mountains").await?;
//! # let model = GenerativeModel::new("m").backend(Scripted::default().then_hang(&["1,3"]).then_text("1,345 metres."));
//! # let mut chat = session.chat(&model).await?;
//! # let mut reply = chat.send_message("How tall is Ben Nevis?").stream();
//! # reply.next().await.unwrap()?;
//! # drop(reply);
//! # drop(chat); // as if the process had ended here
//! let mut chat = session.chat(&model).await?;
//! if let Some(turn) = chat.unfinished() {
//!     assert!(matches!(turn.reason, Reason::Interrupted));
//!     assert_eq!(turn.sent.parts[0].as_text(), Some("How tall is Ben Nevis?"));
//!     let reply = chat.retry().await?; // or chat.keep_partial()
//!     assert_eq!(reply.text()?, "1,345 metres.");
//! }
//! assert_eq!(chat.history().len(), 2);
//! # Ok(()) }
//! ```
//!
//! `retry` does not repeat function calls that have results: the results are part of the turn.
//!
//! # Search, names, forks and undo
//!
//! ```
//! # use generativeai::{GenerativeModel, testing::Scripted};
//! # use generativeai_store::Store;
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
//! # let store = Store::open("sqlite::memory:").await?;
//! # let model = GenerativeModel::new("m").backend(Scripted::default().then_text("1,345 metres.").then_text("A walk.").then_text("Skis."));
//! let session = store.new_session("").await?; // without a name it is called by its number
//! let mut chat = session.chat(&model).await?;
//! chat.send_message("How tall is Ben Nevis?").await?;
//! chat.send_message("How do I get there in winter?").await?;
//!
//! session.rename("mountains").await?;
//! let latest = &store.list().await?[0]; // the last written first
//! assert_eq!((latest.name.as_str(), latest.events), ("mountains", 4));
//!
//! let hit = &store.search("winter get").await?[0]; // all words, in any order
//! assert_eq!((hit.session.as_str(), hit.event), ("mountains", 3));
//!
//! // A fork that ends before that message. It shares the earlier events, and copies nothing.
//! let fork = session.fork("on skis", Some(hit.event - 1)).await?;
//! let mut other = fork.chat(&model).await?;
//! other.send_message("Can I ski there?").await?;
//!
//! // In an open chat use `rewind` and `redo`. `save` writes the change at once.
//! chat.rewind();
//! chat.save().await?;
//! assert_eq!(session.contents().await?.len(), 2);
//! // Without an open chat use `undo` and `redo`.
//! drop(chat);
//! assert!(session.redo().await?);
//! assert!(session.undo().await?);
//!
//! session.delete().await?; // keeps the events that the fork shares
//! assert_eq!(fork.contents().await?.len(), 4);
//! # Ok(()) }
//! ```
//!
//! Only `delete` removes events. Undoing a turn adds an event, and [`log`](crate::Session::log)
//! returns all of them.
//!
//! Calls that wait for approval are not part of a fork, nor of an import: an approved call would run in both sessions.
//! In the copy their turn is interrupted, and `retry` asks the model again.
//!
//! # Names from users
//!
//! [`find_or_create`](crate::Store::find_or_create) and [`session`](crate::Store::session) find a session by its name
//! alone. Add a prefix to a name that comes from outside, such as `user-`. They refuse a name that is a number or
//! empty. [`session_by_id`](crate::Store::session_by_id) finds a session by its number, and
//! [`session_by_name_or_id`](crate::Store::session_by_name_or_id) by either, as the program `genai` does. The numbers
//! are those of all users, so do not pass on what a user of a service enters.
//!
//! ```
//! use generativeai::ErrorKind;
//! # use generativeai_store::Store;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
//! # let store = Store::open("sqlite::memory:").await?;
//! let user = "1";
//! let session = store.find_or_create(&format!("user-{user}")).await?;
//! assert_eq!(session.info().await?.name, "user-1");
//!
//! let error = store.find_or_create(user).await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Request);
//! # Ok(()) }
//! ```
//!
//! # Lists and pages
//!
//! [`list`](crate::Store::list) returns the sessions with their numbers of events and the times of their creation and
//! last use, the most recently written first. A service with many users names the sessions of a user with a common
//! prefix, and reads them page by page. The time depends on the number of sessions with the prefix, not on the size of
//! the store, except in an encrypted store.
//!
//! ```
//! # use generativeai_store::Store;
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
//! # let store = Store::open("sqlite::memory:").await?;
//! let user = 17; // from the login, never from a request
//! # for name in ["hills", "lakes", "mountains"] {
//! #     store.new_session(&format!("user-{user}/{name}")).await?;
//! # }
//! let list = store.list().prefix(format!("user-{user}/")).limit(2);
//! let page = list.clone().await?;
//! assert_eq!(page[0].name, "user-17/mountains");
//!
//! // The position of the last session is a number, which a client can send back to get the next page.
//! let position = page[1].position;
//! let next = list.start_after(position).await?;
//! assert_eq!((next.len(), next[0].name.as_str()), (1, "user-17/hills"));
//! # Ok(()) }
//! ```
//!
//! A position is a counter of all writes to the store: it reveals to the client how much other users write. Where that
//! matters, keep the position in the service, or encrypt it.
//!
//! [`search`](crate::Store::search) finds the messages of all users, unless it has the
//! [`prefix`](crate::SearchMessages::prefix) of one. Its time depends on the number of hits in the whole store.
//!
//! # Concurrent writers
//!
//! Several programs may open the same session. The second one to write gets
//! [`Conflict`](generativeai::ErrorKind::Conflict) before its message is sent; nothing is merged
//! and nothing is lost. Reload the session to see what the other program wrote, or fork it to
//! continue from the state you know.
//!
//! ```
//! use generativeai::{ErrorKind, GenerativeModel};
//! # use generativeai::testing::Scripted;
//! # use generativeai_store::Store;
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
//! # let store = Store::open("sqlite::memory:").await?;
//! # let model = GenerativeModel::new("m").backend(Scripted::default().then_text("1,345 metres.").then_text("1,085 metres."));
//! let session = store.new_session("mountains").await?;
//! let mut mine = session.chat(&model).await?;
//! let mut theirs = session.chat(&model).await?;
//! theirs.send_message("How tall is Ben Nevis?").await?;
//!
//! let message = "And Snowdon?";
//! if let Err(error) = mine.send_message(message).await {
//!     assert_eq!(error.kind(), ErrorKind::Conflict);
//!     mine = session.chat(&model).await?;
//!     mine.send_message(message).await?;
//! }
//! assert_eq!(mine.history().len(), 4);
//! # Ok(()) }
//! ```
//!
//! A clone of a chat is a second writer too. Different sessions never conflict.
//!
//! The code above is for programs whose turns do not overlap, such as two terminals of one person. **Do not reload and
//! send again while the other program may be running a turn.** Its turn is stored up to its last result, and looks like
//! one after a crash: a process that opens the session finds it [`unfinished`](generativeai::ChatSession::unfinished), with
//! the reason [`Interrupted`](generativeai::Reason::Interrupted). The next message replaces it. The program that runs
//! it then gets the conflict, and its reply and the results of its functions are lost, although the functions ran.
//!
//! So a service needs one writer of a session at a time:
//!
//! - In one process, a mutex for each user that is held for the whole turn, as in the examples `axum_sse` and
//!   `axum_approval`.
//! - With several processes, the simplest means is a balancer that sends all requests of a user to the same process.
//!   Conflicts then occur only while processes are added or removed.
//! - Otherwise the processes need a common lock for the whole turn: `pg_advisory_lock` with the number of the session,
//!   on a separate connection, or a row with the owner and an expiry that the owner renews. PostgreSQL releases an
//!   advisory lock when the connection breaks.
//!
//! Open the chat after the lock was acquired. After a conflict, open it again before the next message.
//!
//! # When writing fails
//!
//! A full disk or an unreachable server does not stop a conversation. The chat continues in memory,
//! and [`unsaved`](generativeai::ChatSession::unsaved) returns the error. The missing events are
//! written with the next message, or by [`save`](generativeai::ChatSession::save). Check `unsaved`
//! after each message, and warn the user:
//!
//! ```
//! # use generativeai::{GenerativeModel, testing::Scripted};
//! # use generativeai_store::Store;
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
//! # let store = Store::open("sqlite::memory:").await?;
//! # let model = GenerativeModel::new("m").backend(Scripted::default().then_text("1,345 metres."));
//! # let mut chat = store.new_session("").await?.chat(&model).await?;
//! chat.send_message("How tall is Ben Nevis?").await?;
//! if let Some(error) = chat.unsaved() {
//!     eprintln!("not saved: {error}");
//! }
//! # assert!(chat.unsaved().is_none());
//! # Ok(()) }
//! ```
//!
//! A damaged event is an error of kind [`Corrupt`](generativeai::ErrorKind::Corrupt) that names it.
//! Other sessions are not affected.
//!
//! # PostgreSQL
//!
//! Use PostgreSQL when several machines serve the same users. Only the address differs.
//!
//! ```
//! # use generativeai_store::Store;
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
//! # let Ok(address) = std::env::var("GENERATIVEAI_TEST_POSTGRES") else { return Ok(()) };
//! // "postgres://chats:PASSWORD@db.example.com/chats?sslmode=verify-full"
//! let store = Store::open(&address).await?;
//! let session = store.new_session("").await?;
//! # session.delete().await?;
//! # Ok(()) }
//! ```
//!
//! - The first program that opens the database creates or migrates the tables. Programs of an older version cannot open
//!   migrated tables, so make a backup before you update.
//! - After a lost connection, a server restart or a failover, the transaction is retried for up to 10 seconds. A write
//!   whose reply was lost is not applied twice. A write to a server that stays read-only, such as a standby, fails only
//!   after these 10 seconds.
//! - A store has up to four connections, which its clones share. A transaction waits up to 10 seconds for one.
//! - A pooler may switch connections between transactions. PgBouncer needs
//!   `ignore_startup_parameters = extra_float_digits`.
//! - Add `?sslmode=verify-full` to the address of a server on another machine. Without it the
//!   server's certificate is not checked.
//!
//! # Encryption
//!
//! An encrypted store opens only with its [`Key`](crate::Key). Encryption is chosen when a store is created.
//!
//! ```
//! use generativeai::ErrorKind;
//! use generativeai_store::{Key, Store};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let address = format!("sqlite:{}", folder.path().join("chats.sqlite").display());
//! let key = Key::random()?;
//! let hex = key.to_hex(); // put it into the system's keyring: without it the store is lost
//!
//! let store = Store::open_encrypted(&address, &key).await?;
//! store.new_session("mountains").await?;
//! drop(store);
//!
//! let error = Store::open(&address).await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Authentication);
//!
//! // Rotates the key. If it is interrupted, the same call resumes.
//! let (old, new) = (Key::from_hex(&hex)?, Key::random()?);
//! let store = Store::rotate_key(&address, &old, &new).await?;
//! assert_eq!(store.list().await?[0].name, "mountains");
//! # Ok(()) }
//! ```
//!
//! Messages, replies, media and names are encrypted, in SQLite and in PostgreSQL, whose server
//! never sees them. Sizes, times and counts remain visible. Search works without an index: it reads
//! every session, so its time grows with the store.
//!
//! Reading a modified, truncated or swapped value is an error that names it. A damaged name makes `list` and `search`
//! fail; find the session by the number in the error, and `rename` it. `SECURITY.md` lists the limits, such as the
//! undetected restore of an older copy.
//!
//! A store with sessions cannot be encrypted in place, because deleted data would remain readable
//! in its file. Export the sessions, and import them into a new encrypted store.
//!
//! # Backups and export
//!
//! [`export_jsonl`](crate::Session::export_jsonl) writes a session as JSON Lines, with all events
//! and media, not encrypted. [`import_jsonl`](crate::Store::import_jsonl) creates a session from
//! them in any store.
//!
//! ```
//! # use generativeai::{GenerativeModel, testing::Scripted};
//! # use generativeai_store::{Key, Store};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
//! # let store = Store::open("sqlite::memory:").await?;
//! # let model = GenerativeModel::new("m").backend(Scripted::default().then_text("1,345 metres."));
//! # let mut chat = store.new_session("mountains").await?.chat(&model).await?;
//! # chat.send_message("How tall is Ben Nevis?").await?;
//! # let key = Key::random()?;
//! # let address = "sqlite::memory:";
//! let encrypted = Store::open_encrypted(address, &key).await?;
//! for info in store.list().await? {
//!     let mut lines = Vec::new(); // or a file
//!     store.session_by_id(info.id).await?.export_jsonl(&mut lines).await?;
//!     encrypted.import_jsonl(&info.name, &lines[..]).await?;
//! }
//! assert_eq!(encrypted.search("nevis").await?.len(), 1);
//! # Ok(()) }
//! ```
//!
//! A session without a name is called by its number, which is not a valid name: import it with the
//! name `""`.
//!
//! Back up a whole store with the tools of its database, while it is in use: `sqlite3 chats.sqlite
//! "VACUUM INTO 'backup.sqlite'"`, or `pg_dump`. Do not copy the SQLite file alone: the latest
//! commits are in the `-wal` file next to it.
