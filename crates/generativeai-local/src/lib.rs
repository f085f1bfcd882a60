//! The embedded model of the `generativeai` SDK: any GGUF file, through llama.cpp, as a
//! [`Backend`](generativeai::Backend). No key, no network, the same API.
//!
//! ```no_run
//! use generativeai::GenerativeModel;
//! use generativeai_local::{Local, default_model};
//!
//! # async fn example() -> generativeai::Result<()> {
//! let path = default_model::fetch(|progress| eprintln!("{} of {}", progress.done, progress.total))?;
//! let local = Local::builder().model(path).chats(8).build()?;
//! let mut chat = GenerativeModel::new("local").backend(local).start_chat();
//! println!("{}", chat.send_message("Hello").await?.text()?);
//! # Ok(()) }
//! ```
//!
//! # The road of a request
//!
//! ```text
//! GenerateContentRequest
//!   │ asked/        all of it is understood, or it is refused with 400
//!   ▼
//! Asked
//!   │ template      the chat template of the file, in Jinja, makes one text of the conversation
//!   │ prompt        the text becomes tokens; what is said cannot pass for the template's marks
//!   │ grammar/      a schema or functions become a grammar
//!   ▼
//! Job ──inbox──▶ engine/      one thread owns the context and decodes all chats in one batch
//!   ▼
//! Events
//!   │ speech/       pieces of text become chunks, calls are told from text
//!   ▼
//! GenerateContentResponse
//! ```
//!
//! # Decisions
//!
//! - **One thread, one batch.** llama.cpp's context belongs to one thread. A batch holds the next
//!   token of every chat that is speaking and then pieces of prompts, at most 128 tokens in all and
//!   32 beside chats that speak; so a request that is dropped costs one piece, and a long prompt
//!   slows the others a little instead of stopping them.
//! - **A chat is its tokens.** What the context does not hold yet of them is decoded next. A long
//!   prompt, a token just produced, and a chat that had to give up its room are the same case.
//! - **One cache for all.** The context is unified: a prefix that two chats share is held and read
//!   once, and one chat may have all of it. Chats that ended stay remembered until their room is
//!   needed, those used longest ago go first. If the running chats fill the context together, the
//!   youngest waits and is read again later; nobody's reply is cut short by somebody else's.
//! - **The reader sets the pace.** Events pass through a bounded channel with a place kept for the
//!   last; a chat whose reader does not keep up is not decoded, and holds up no one.
//! - **Sampling in Rust.** Penalties, top-k, top-p, temperature, in this order; log-probabilities
//!   are those of the model's own logits. llama.cpp's samplers would need a second copy of the
//!   logits, and its constraint sampler lets everything through when it fails.
//! - **Constraints fail closed.** A token is chosen under the mask of the grammar or not at all. A
//!   keyword of a schema that cannot be kept to is a 400, never ignored.
//! - **The template by a Jinja engine**, since llama.cpp knows templates by their looks and has no
//!   word for one it does not know. It runs with bounded steps: it came with a file.
//! - **In this process; `genai serve` puts a process around it.** What is left to guard against is an
//!   abort in C++: files are looked at before llama.cpp reads them, batches and sequences are bounded
//!   here, grammars are in Rust, and errors of llama.cpp end the chats of one batch only. A library
//!   cannot ship a second program, and a chat of one user loses nothing that was said, because a turn
//!   enters a history whole. A server answers many: it keeps the model in a child that it can start
//!   again, for two milliseconds a request.

mod asked;
pub mod default_model;
mod engine;
mod gguf;
mod grammar;
mod local;
mod model;
mod prompt;
mod refusal;
mod sampler;
mod speech;
mod template;

pub use local::{Builder, Local};

/// The examples of the README, compiled and run: here, since some ask the embedded model.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
