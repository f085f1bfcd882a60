//! A type whose name ends in `Result` although it is not a `Result`.

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
