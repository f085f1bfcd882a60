//! Methods of a reply that may fail: its text, its JSON, and the check that it is complete.
//!
//! They are not in `protocol`, because they return errors and `error` imports `protocol`.

mod completeness;
mod display;
mod json;
mod text;
