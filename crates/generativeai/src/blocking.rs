//! The API without `async`: the same types and methods, with `send()` instead of `.await`.
//!
//! ```
//! use generativeai::{blocking::GenerativeModel, testing::Scripted};
//!
//! let model = GenerativeModel::new("gemini-flash-latest")
//!     .backend(Scripted::default().then_text("Hello!").then_chunks(["Good", "bye!"]));
//! let mut chat = model.start_chat();
//!
//! assert_eq!(chat.send_message("Hello").send()?.text()?, "Hello!");
//! for chunk in chat.send_message("Goodbye").stream() {
//!     // Empty for a chunk without text, such as one with token counts alone.
//!     print!("{}", chunk?.text_lossy());
//! }
//! assert_eq!(chat.history().len(), 4);
//! # Ok::<_, generativeai::Error>(())
//! ```
//!
//! All calls share one tokio runtime with one thread, which also keeps connections alive between calls.
//!
//! Calls work on every thread that does not run a tokio task, including the threads of
//! `tokio::task::spawn_blocking`. In a task every call that waits fails with
//! [`Configuration`](crate::ErrorKind::Configuration), since blocking would stall the runtime.

mod chat;
mod delegate;
#[cfg(feature = "remote")]
mod files;
mod model;
mod runtime;

pub use chat::{ChatSession, ReplyStream, SendJson, SendMessage};
#[cfg(feature = "remote")]
pub use files::{AttachFile, FileList, Remote, UploadFile};
pub use model::{CountTokens, GenerateContent, GenerateJson, GenerateStream, GenerativeModel};
