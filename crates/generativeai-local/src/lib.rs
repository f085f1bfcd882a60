//! The embedded model of the `generativeai` SDK: any GGUF file, through llama.cpp, as a
//! [`Backend`](generativeai::Backend). No key, no network, the same API.
//!
//! ```no_run
//! use generativeai::GenerativeModel;
//! use generativeai_local::{Local, default_model};
//!
//! # async fn example() -> generativeai::Result<()> {
//! let path = default_model::fetch(|progress| {
//!     eprintln!("{} of {} bytes", progress.done, progress.total);
//! })?;
//! let local = Local::builder().model(path).chats(8).build()?;
//! let mut chat = GenerativeModel::new("local").backend(local).start_chat();
//! println!("{}", chat.send_message("Hello").await?.text()?);
//! # Ok(()) }
//! ```
//!
//! # How a request is processed
//!
//! ```text
//! GenerateContentRequest
//!   │ request    parses it; members that are not supported are rejected, or ignored and logged
//!   ▼
//! Request
//!   │ template   renders the conversation with the chat template of the file
//!   │ prompt     tokenizes it; text in messages cannot forge control tokens
//!   │ grammar    compiles the response schema or the functions to a grammar
//!   ▼
//! Job ──queue──▶ engine   one thread owns the context and decodes all chats in one batch
//!   ▼
//! Events
//!   │ reply      text becomes chunks, and function calls are parsed
//!   ▼
//! GenerateContentResponse
//! ```
//!
//! # Decisions
//!
//! - **One thread, one batch.** One thread owns llama.cpp's contexts, because two calls into one must never overlap.
//!   A batch holds the next token of every chat that is generating, then pieces of prompts: at most 128 prompt tokens,
//!   and 32 while other chats are generating. So a cancelled request costs at most one batch, and a long prompt
//!   slows other chats instead of stopping them.
//! - **A chat is its list of tokens.** The tokens that the context does not hold yet are decoded next. This one rule
//!   covers a long prompt, a token that was just sampled, and a preempted chat.
//! - **One cache for all chats.** The key-value cache is unified: a prefix that two chats share is stored
//!   and evaluated once, and one chat may use all of it. Finished chats stay cached until their cells are
//!   needed; the least recently used one is evicted first. If the running chats together fill the context,
//!   the youngest is preempted and evaluated again later, so no chat cuts off another one.
//! - **The reader sets the pace.** Events pass through a bounded channel with a reserved place for the last event. A
//!   chat whose channel is full is not decoded, and does not delay other chats.
//! - **Sampling in Rust.** Penalties, top-k, top-p, temperature, in this order; log-probabilities come
//!   from the unmodified logits. llama.cpp's samplers need a second copy of the logits, and its grammar
//!   sampler allows every token after it has failed.
//! - **Constraints fail closed.** A token is sampled under the mask of the grammar; if the mask cannot be computed, the
//!   reply ends with an error.
//! - **Templates run in a Jinja engine.** llama.cpp has no Jinja engine behind its C API: it recognizes
//!   known templates and rejects others. A template comes from a file, so the number of its steps is limited.
//! - **Embeddings have a separate context.** It exists while a request is embedded, has the length of its longest text,
//!   and needs as much memory per token as the [context](Builder::context) of the chats. A text is decoded in batches of
//!   32 tokens, which alternate with those of the chats. So it slows them like the prompt of another chat, and equal
//!   texts have equal vectors whatever else runs. llama.cpp also computes logits after every token, which
//!   nothing reads. So a text costs more than a prompt of its length, and the logits of a batch need 128 bytes of memory
//!   for each token of the vocabulary. The states of the tokens are pooled in Rust: llama.cpp pools only within a
//!   batch, and a whole text as one batch would stop the chats.
//! - **In the process of the caller.** The remaining risk is an abort in C++. Therefore files are checked before
//!   llama.cpp reads them, batches and sequences are bounded here, and grammars are compiled in Rust. An error of
//!   llama.cpp fails the chats of one batch only. A library cannot ship a second program, and a chat loses nothing,
//!   because a turn enters its history as a whole. `genai serve` answers many users, so it runs the model in a child
//!   process that it can restart, at a cost of two milliseconds a request.

mod builder;
mod call_syntax;
mod conversation;
pub mod default_model;
#[doc(hidden)]
pub mod download;
mod engine;
mod error;
mod gguf;
mod grammar;
mod ignored;
mod local;
mod machine;
mod model;
pub mod package;
mod prompt;
mod reply;
mod request;
mod sampler;
mod schema;
mod segments;
mod template;

pub use builder::Builder;
pub use local::Local;
pub use schema::check_schema;
