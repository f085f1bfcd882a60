//! Something that is no function.

use generativeai::function;

/// A struct.
#[function]
struct Height;

fn main() {}
