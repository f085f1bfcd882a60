//! Methods of a reply that may fail: text, JSON, and whether it is complete.
//!
//! They are here and not in `protocol`, since `error` uses `protocol` and they use `error`.

mod completeness;
mod display;
mod json;
mod text;
