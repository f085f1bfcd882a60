//! A name that the service refuses.

use generativeai::function;

/// Greets.
#[function(name = "say hello")]
fn greet() {}

fn main() {}
