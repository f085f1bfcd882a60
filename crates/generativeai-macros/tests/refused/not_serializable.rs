//! A return type that cannot be serialized.

use generativeai::function;

struct Opaque;

/// Opens.
#[function]
fn open() -> Opaque {
    Opaque
}

fn main() {}
