//! Any OpenAI-compatible server as a [`Backend`](generativeai::Backend) of the `generativeai` SDK: vLLM, llama.cpp's
//! `llama-server`, Ollama, LM Studio, SGLang, OpenRouter, OpenAI.
//!
//! ```no_run
//! use generativeai::GenerativeModel;
//! use generativeai_openai::OpenAi;
//!
//! # async fn example() -> generativeai::Result<()> {
//! let server = OpenAi::builder().base_url("http://localhost:8000/v1").build()?;
//! let mut chat = GenerativeModel::new("Qwen/Qwen3-4B").backend(server).start_chat();
//! println!("{}", chat.send_message("Hello").await?.text()?);
//! # Ok(()) }
//! ```
//!
//! # Translation
//!
//! | Gemini API | OpenAI API |
//! | --- | --- |
//! | contents, system instruction | messages with the roles `user`, `assistant` and `system` |
//! | function calls and responses | `tool_calls`, and messages with the role `tool` |
//! | thoughts | `reasoning_content` or `reasoning` |
//! | images, audio, PDFs as inline data; images by URL | `image_url`, `input_audio`, `file` |
//! | a JSON reply with or without a schema | `response_format` |
//! | function declarations, calling mode, allowed names | `tools`, `tool_choice` |
//! | sampling, length, stop sequences, seed, penalties, log probabilities | the members of the same meaning |
//! | thinking level and budget | `reasoning_effort` and what servers have instead |
//! | usage, finish reason, citations | `usage`, `finish_reason`, `annotations` |
//! | embeddings, list of models | `/embeddings`, `/models` |
//!
//! A request that the server cannot express is refused before it is sent, with an error of the kind
//! [`Request`](generativeai::ErrorKind::Request) that names the field. Three things are left out, since they have no
//! meaning for another service. These are thought signatures of the Gemini API itself, metadata that the model does not see
//! (`partMetadata`, `displayName`), and safety thresholds that block nothing. Thoughts in the history are sent if the
//! server takes them. Unknown members of the generation config are sent unchanged, so that settings such as `min_p` or
//! `chat_template_kwargs` can be used. Counting tokens is not part of the API of OpenAI.
//!
//! [`Capabilities`] describes the differences between servers. It is chosen by the base URL unless it is set.
//!
//! # How a reply is read
//!
//! - Pieces of the arguments of a call are joined, and the call is returned when the reply ends. A call whose
//!   arguments are not complete is never returned as one that can run: a chat reports
//!   [`Truncated`](generativeai::ErrorKind::Truncated) or [`Stopped`](generativeai::ErrorKind::Stopped). The same holds
//!   for a call without a name, and for one of a custom tool, which no request declares.
//! - An unknown finish reason is kept. A stream without a finish reason is truncated. One exception: if it ends with
//!   `[DONE]` after calls whose arguments are complete JSON, it ends as with `STOP`, since such calls cannot be cut.
//! - An error is found in each form that servers use, also in the middle of a stream and within a choice.
//! - Web pages that a search found (`citations`, `search_results`) are `groundingMetadata`, and citations of passages
//!   (`annotations`) are `citationMetadata`. Other unknown members are kept.
//! - Encrypted thoughts of OpenRouter and signatures of Google's OpenAI layer become thought signatures, which a history
//!   sends back. A [`Remote`](generativeai::Remote) does not send them to Google, which would refuse the request.
//! - Embeddings are read as numbers, or as packed numbers in base64.

mod backend;
mod builder;
mod capabilities;
mod embeddings;
mod error;
mod lenient;
mod models;
mod opaque;
mod reply;
mod request;

pub use backend::OpenAi;
pub use builder::OpenAiBuilder;
pub use capabilities::{Capabilities, Thinking};

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
