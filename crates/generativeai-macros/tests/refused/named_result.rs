//! A type that is named like a `Result` and is not one.

use generativeai::function;

#[derive(serde::Serialize)]
struct SearchResult {
    title: String,
}

/// Searches.
#[function]
fn search(title: String) -> SearchResult {
    SearchResult { title }
}

fn main() {}
