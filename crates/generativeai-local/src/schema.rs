//! JSON schemas of replies and function arguments: translated, checked, and compiled for constrained
//! decoding.

mod compile;
mod cycles;
mod exclusive;
mod lower;
mod narrow;
mod normalize;
mod openapi;
mod pattern;
mod problem;
mod references;
mod satisfiable;
mod size;
mod subschemas;

pub(crate) use compile::Schema;
pub(crate) use openapi::from_openapi;
