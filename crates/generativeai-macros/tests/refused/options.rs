//! Unknown and duplicate options.

use generativeai::function;

/// Waits.
#[function(title = "wait")]
fn wait() {}

/// Waits again.
#[function(name = "a", name = "b")]
fn again() {}

/// Waits on.
#[function]
fn on(#[function(rename = "x")] y: u8) -> u8 {
    y
}

/// Waits for good.
#[function(read_only)]
fn for_good(#[function(read_only)] y: u8) -> u8 {
    y
}

fn main() {}
