//! A history that stays correct when a turn fails, is undone, or is saved and loaded. Runs offline.
//!
//! ```sh
//! cargo run -p generativeai --example history_and_rewind
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use generativeai::testing::Scripted;
use generativeai::{ChatSession, GenerativeModel};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Prepared replies instead of a model. The connection is lost during the second one.
    let replies = Scripted::default()
        .then_text("Hello, Ann!")
        .then_fail(&["It is 1,3"])
        .then_text("1,345 metres.");
    let model = GenerativeModel::new("gemini-flash-latest").backend(replies.clone());
    let mut chat = model.start_chat();
    chat.send_message("I am Ann.").await?;

    // A turn that fails does not change the history.
    let outcome = chat.send_message("How tall is Ben Nevis?").await;
    let error = outcome.expect_err("the connection breaks");
    let unfinished = chat.unfinished().expect("the turn failed");
    println!("{error}; the message was: {}", unfinished.sent.text());
    assert_eq!(chat.history().len(), 2);

    // Sends the same message again. Alternatives are `keep_partial`, `rewind`, or another message.
    chat.retry().await?;
    print_history(&chat);

    // Undoes the last turn, and returns its message and its reply.
    let (question, answer) = chat.rewind().expect("there is a turn");
    println!("undone: {} {}", question.text(), answer.text());

    // The backend is not saved, because it may contain a key. So a loaded chat gets it again.
    let saved = serde_json::to_string(&chat)?;
    let loaded: ChatSession = serde_json::from_str(&saved)?;
    let loaded = loaded.backend(replies);
    print_history(&loaded);
    assert_eq!(loaded.history().len(), 2);
    Ok(())
}

fn print_history(chat: &ChatSession) {
    for content in chat.history() {
        // The role and the text. `content.text()` returns the text alone.
        println!("{content}");
    }
}

#[test]
fn the_history_stays_correct() {
    main().expect("the example runs");
}
