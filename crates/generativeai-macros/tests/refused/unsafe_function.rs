//! A function that is not safe.

use generativeai::function;

/// Jumps.
#[function]
unsafe fn jump(to: usize) {
    drop(to);
}

fn main() {}
