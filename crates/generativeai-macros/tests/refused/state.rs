//! State that calls cannot share.

use generativeai::function;

struct Db;

/// Adds a note.
#[function]
fn add_note(#[state] db: &mut Db, text: String) {
    let _ = (db, text);
}

/// Adds a title.
#[function]
fn add_title(#[state] title: &'static str) {
    let _ = title;
}

/// Adds a page.
#[function]
fn add_page(#[state(shared)] db: &Db) {
    let _ = db;
}

fn main() {}
