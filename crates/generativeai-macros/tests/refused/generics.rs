//! A function with generics.

use generativeai::function;

/// Echoes.
#[function]
fn echo<T>(value: T) -> T {
    value
}

fn main() {}
