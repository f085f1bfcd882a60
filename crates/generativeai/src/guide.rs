//! Guides: how things are done, from the first line to the corner cases. Every example runs.

#[cfg(feature = "macros")]
#[doc = include_str!("guide/tools.md")]
#[cfg_attr(feature = "mcp", doc = include_str!("guide/mcp.md"))]
pub mod tools {}
