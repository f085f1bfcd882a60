//! Guides: how things are done, from the first line to the corner cases. The examples are tested.
//!
//! Chats that last have a guide in their own crate: `generativeai_store::guide`.

#[cfg(feature = "blocking")]
#[doc = include_str!("guide/chats.md")]
pub mod chats {}

#[cfg(feature = "remote")]
#[doc = include_str!("guide/settings.md")]
pub mod settings {}

#[cfg(feature = "macros")]
#[doc = include_str!("guide/tools.md")]
#[cfg_attr(feature = "mcp", doc = include_str!("guide/mcp.md"))]
pub mod tools {}

#[doc = include_str!("guide/testing.md")]
pub mod testing {}

#[cfg(feature = "remote")]
#[doc = include_str!("guide/offline.md")]
pub mod offline {}

#[cfg(feature = "remote")]
#[doc = include_str!("guide/from_python.md")]
pub mod from_python {}
