//! A conversation of two messages. Runs offline.
//!
//! ```sh
//! cargo run -p generativeai --example hello
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use generativeai::testing::Scripted;
use generativeai::{GenerativeModel, Result};

#[tokio::main]
async fn main() -> Result<()> {
    // Prepared replies instead of a model. Omit the backend to send the messages to the Gemini API, with the key in
    // GEMINI_API_KEY.
    let replies = Scripted::default()
        .then_text("Ben Nevis is 1,345 metres tall.")
        .then_text("It was first climbed in 1771.");
    let model = GenerativeModel::new("gemini-flash-latest")
        .system_instruction("You are a mountain guide. Answer in one sentence.")
        .backend(replies);
    let mut chat = model.start_chat();

    for question in ["How tall is Ben Nevis?", "When was it first climbed?"] {
        // Each message is sent with the history, so the model knows that "it" is Ben Nevis.
        let response = chat.send_message(question).await?;
        println!("you: {question}\nmodel: {}", response.text()?);
    }
    println!("The history has {} messages.", chat.history().len());
    Ok(())
}

#[test]
fn two_messages_are_answered() {
    main().expect("the example runs");
}
