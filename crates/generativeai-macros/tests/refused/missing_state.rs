//! State without `#[state]`.

use generativeai::function;

struct Db;

/// Adds a note.
#[function]
async fn add_note(db: &Db, text: String) {
    let _ = (db, text);
}

/// Clears the notes.
#[function]
fn clear(text: String, pools: &[std::sync::Arc<Db>]) {
    let _ = (pools, text);
}

fn main() {}
