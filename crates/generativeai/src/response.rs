//! Reading a reply: its text, its JSON, and whether it is complete.

mod completeness;
mod json;
mod text;
