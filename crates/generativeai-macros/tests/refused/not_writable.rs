//! A result that cannot be written as JSON.

use generativeai::function;

struct Opaque;

/// Opens.
#[function]
fn open() -> Opaque {
    Opaque
}

fn main() {}
