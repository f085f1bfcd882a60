//! Functions that share state of the program, such as a database. Runs offline.
//!
//! ```sh
//! cargo run -p generativeai --example tools_with_state
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use std::sync::{Arc, Mutex, PoisonError};

use generativeai::testing::Scripted;
use generativeai::{GenerativeModel, Result, function};
use serde_json::json;

/// Notes of the user. A program would have a database here.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn change<T>(&self, change: impl FnOnce(&mut Vec<String>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Adds a note, and returns the number of notes.
#[function]
async fn add_note(
    // The program provides this parameter, which is not in the declaration for the model.
    #[state] notes: &Notes,
    /// Text of the note.
    text: String,
) -> usize {
    notes.change(|notes| {
        notes.push(text);
        notes.len()
    })
}

/// Returns all notes.
#[function(read_only)]
async fn list_notes(#[state] notes: &Notes) -> Vec<String> {
    notes.change(|notes| notes.clone())
}

#[tokio::main]
async fn main() -> Result<()> {
    // Prepared replies instead of a model: it calls both functions, and then replies.
    let replies = Scripted::default()
        .then_call("add_note", json!({"text": "Bring crampons."}))
        .then_call("list_notes", json!({}))
        .then_text("You have one note: bring crampons.");
    let notes = Arc::new(Notes::default());
    let model = GenerativeModel::new("gemini-flash-latest")
        .tools([
            add_note::function(Arc::clone(&notes)),
            list_notes::function(Arc::clone(&notes)),
        ])
        .backend(replies);
    let mut chat = model.start_chat().automatic_function_calling(true);

    let response = chat.send_message("Remind me of crampons.").await?;
    println!("{}", response.text()?);

    let stored = notes.change(|notes| notes.clone());
    println!("stored: {stored:?}");
    assert_eq!(stored, ["Bring crampons."]);
    Ok(())
}

#[test]
fn the_functions_share_the_notes() {
    main().expect("the example runs");
}
