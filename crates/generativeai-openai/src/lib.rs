//! A [`Backend`](generativeai::Backend) of the `generativeai` SDK for servers with the API of OpenAI: vLLM, llama.cpp's
//! `llama-server`, Ollama, LM Studio, SGLang, OpenRouter, OpenAI.
//!
//! A program keeps the types of the Gemini API. This crate translates each request into the API of OpenAI and each
//! reply back, so chats, function calls, storage and `generativeai-server` work unchanged.
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
//! | thoughts | `reasoning_content`, `reasoning`, `reasoning_text`, `reasoning_details` or `thinking_blocks` |
//! | images, videos, audio, PDFs as data; images, videos by URL | `image_url`, `video_url`, `input_audio`, `file` |
//! | text files, such as Markdown and JSON, in UTF-8 | their text |
//! | a JSON reply with or without a schema | `response_format` |
//! | function declarations, calling mode, allowed names | `tools`, `tool_choice` |
//! | sampling, length, stop sequences, seed, penalties, log probabilities | the members of the same meaning |
//! | thinking level and budget | `reasoning_effort`, or the member of the server: see [`Thinking`] |
//! | usage, finish reason, citations | `usage`, `finish_reason`, `annotations` |
//! | embeddings, list of models | `/embeddings`, `/models` |
//!
//! A request that the server cannot express is refused before it is sent, with an error of the kind
//! [`Request`](generativeai::ErrorKind::Request) that names the field. Three things are omitted without an error,
//! since they mean nothing to another service:
//!
//! - thought signatures that the Gemini API itself created,
//! - metadata that the model does not see (`partMetadata`, `displayName`),
//! - safety thresholds that block nothing.
//!
//! Thoughts in the history are sent if the server accepts them. Unknown members of the generation config are sent
//! unchanged, so settings such as `min_p` or `chat_template_kwargs` can be used. One that would replace another member
//! of the request is refused. The API of OpenAI cannot count tokens: `count_tokens` fails with
//! [`Unsupported`](generativeai::ErrorKind::Unsupported).
//!
//! [`Capabilities`] describes how requests differ between servers. It is chosen by the base URL unless it is set.
//!
//! # How a reply is read
//!
//! Replies of all servers are read alike.
//!
//! - Pieces of the arguments of a call are joined, and the call is returned when the reply ends. A call with incomplete
//!   arguments never runs: a chat reports [`Truncated`](generativeai::ErrorKind::Truncated) or
//!   [`Stopped`](generativeai::ErrorKind::Stopped) instead. Calls without a name and calls of custom tools, which no
//!   request declares, never run either.
//! - An unknown finish reason is kept. A stream without a finish reason is truncated, with one exception: if `[DONE]`
//!   follows calls with complete JSON arguments, the finish reason is `STOP`, since such calls cannot have been cut.
//! - Errors are recognized in every form that servers use, also in the middle of a stream and within a choice.
//! - Web pages that a search found (`citations`, `search_results`) are `groundingMetadata`, and citations of passages
//!   (`annotations`) are `citationMetadata`. Other unknown members are kept.
//! - Encrypted and signed thoughts of OpenRouter, LiteLLM and Copilot, and signatures of Google's OpenAI layer become
//!   thought signatures, which a history sends back. A [`Remote`](generativeai::Remote) does not send them to Google,
//!   which would refuse the request.
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
