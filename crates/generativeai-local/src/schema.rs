//! JSON schemas: translated from the Gemini API's form, checked, and bounded for constrained decoding.

mod cycles;
mod openapi;
mod prepare;
mod references;
mod satisfiable;
mod size;
mod subschemas;

pub(crate) use openapi::from_openapi;
pub(crate) use prepare::prepare;
