//! An item that is not a function.

use generativeai::function;

/// A struct.
#[function]
struct Height;

fn main() {}
