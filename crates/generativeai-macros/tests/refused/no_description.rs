//! A function without a doc comment.

use generativeai::function;

#[function]
fn height(mountain: String) -> f64 {
    mountain.len() as f64
}

fn main() {}
