//! Arguments that borrow their data.

use generativeai::function;

/// Echoes.
#[function]
fn echo(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

/// Changes.
#[function]
fn change(text: &mut String) {
    text.clear();
}

fn main() {}
