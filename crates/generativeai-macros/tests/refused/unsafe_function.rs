//! An unsafe function.

use generativeai::function;

/// Jumps.
#[function]
unsafe fn jump(to: usize) {
    drop(to);
}

fn main() {}
