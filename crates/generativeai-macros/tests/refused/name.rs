//! A name that is none.

use generativeai::function;

/// Greets.
#[function(name = "say hello")]
fn greet() {}

fn main() {}
