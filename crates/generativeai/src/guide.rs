//! Guide to the crate, from the first message to production. The examples are tested, and run offline.
//!
//! | Page | Contents |
//! | --- | --- |
//! | `chats` | conversations: streaming, errors, history, media, typed replies, saving, web services |
//! | `files` | uploads of large media, limits |
//! | `settings` | generation config, safety, built-in tools, timeouts and retries, keys and proxies |
//! | `tools` | functions that the model calls, and MCP servers |
//! | `approval` | function calls that a policy or a person approves |
//! | [`testing`] | tests without a model |
//! | `offline` | development without a key and without a network |
//! | [`other_clients`] | official SDKs, LangChain, the AI SDK and others, without a key |
//! | `scaling` | from one machine to many: embedded model, OpenAI-compatible servers, a cluster |
//! | `from_python` | the same code in Python and in Rust |
//!
//! Chats in a database have a guide in their own crate, `generativeai_store::guide`. Small programs that
//! run offline are in the folder `examples` of this crate.

#[cfg(feature = "blocking")]
#[doc = include_str!("guide/chats.md")]
pub mod chats {}

#[cfg(all(feature = "remote", feature = "blocking"))]
#[doc = include_str!("guide/files.md")]
pub mod files {}

#[cfg(feature = "remote")]
#[doc = include_str!("guide/settings.md")]
pub mod settings {}

#[cfg(feature = "macros")]
#[doc = include_str!("guide/tools.md")]
#[cfg_attr(feature = "mcp", doc = include_str!("guide/mcp.md"))]
pub mod tools {}

#[cfg(feature = "macros")]
#[doc = include_str!("guide/approval.md")]
pub mod approval {}

#[doc = include_str!("guide/testing.md")]
pub mod testing {}

#[cfg(feature = "remote")]
#[doc = include_str!("guide/offline.md")]
pub mod offline {}

#[cfg(feature = "remote")]
#[doc = include_str!("guide/scaling.md")]
pub mod scaling {}

#[doc = include_str!("guide/other_clients.md")]
pub mod other_clients {}

#[cfg(feature = "remote")]
#[doc = include_str!("guide/from_python.md")]
pub mod from_python {}
