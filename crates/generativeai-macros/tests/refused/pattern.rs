//! A parameter without a name.

use generativeai::function;

/// Adds.
#[function]
fn add((a, b): (f64, f64)) -> f64 {
    a + b
}

fn main() {}
