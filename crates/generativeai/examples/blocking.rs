//! A chat without `async`, in a plain program and in one with an async runtime. Runs offline.
//!
//! ```sh
//! cargo run -p generativeai --example blocking
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use std::io::{Write, stdout};

use generativeai::blocking::{ChatSession, GenerativeModel};
use generativeai::testing::Scripted;

/// Sends a message, and prints the reply while it arrives.
fn ask(mut chat: ChatSession, question: &str) -> generativeai::Result<ChatSession> {
    for chunk in chat.send_message(question).stream() {
        print!("{}", chunk?.text_lossy());
        stdout().flush().ok();
    }
    println!();
    Ok(chat)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Prepared replies instead of a model. Omit the backend to use the Gemini API.
    let replies = Scripted::default()
        .then_text("Hello!")
        .then_chunks(["1,345 ", "metres."])
        .then_text("4,413 feet.");
    let model = GenerativeModel::new("gemini-flash-latest").backend(replies);
    let mut chat = model.start_chat();

    // A message ends in `send()` instead of `.await`.
    println!("{}", chat.send_message("Hello").send()?.text()?);
    let chat = ask(chat, "How tall is Ben Nevis?")?;

    // With an async runtime, call blocking code in `spawn_blocking`. In a task it returns an error, because it would
    // block the thread that drives other tasks.
    let runtime = tokio::runtime::Runtime::new()?;
    let asked = runtime.spawn_blocking(|| ask(chat, "And in feet?"));
    let chat = runtime.block_on(asked)??;
    println!("{} messages", chat.history().len());
    assert_eq!(chat.history().len(), 6);
    Ok(())
}

#[test]
fn messages_are_answered_without_async() {
    main().expect("the example runs");
}
