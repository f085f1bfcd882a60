//! An argument without a named type.

use generativeai::function;

/// Prints.
#[function]
fn print(text: impl std::fmt::Display) -> String {
    text.to_string()
}

fn main() {}
