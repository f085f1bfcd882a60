//! A reply that is shown while it is generated. Runs offline.
//!
//! ```sh
//! cargo run -p generativeai --example streaming
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use std::io::{Write, stdout};

use generativeai::testing::Scripted;
use generativeai::{GenerativeModel, Result};

#[tokio::main]
async fn main() -> Result<()> {
    // Prepared replies instead of a model. Omit the backend to use the Gemini API.
    let replies = Scripted::default().then_chunks(["Once ", "upon ", "a ", "time."]);
    let model = GenerativeModel::new("gemini-flash-latest").backend(replies);
    let mut chat = model.start_chat();

    let mut reply = chat.send_message("Tell me a story.").stream();
    while let Some(chunk) = reply.next().await {
        // `text` is an error for a chunk without text, which contains a function call or only token counts.
        print!("{}", chunk?.text_lossy());
        stdout().flush().ok();
    }
    println!();

    // After the last chunk the whole reply is in the history.
    let whole = chat.last().expect("there is a reply").text()?;
    println!(
        "{} characters in {} messages",
        whole.len(),
        chat.history().len()
    );
    assert_eq!(whole, "Once upon a time.");
    Ok(())
}

#[test]
fn the_chunks_add_up_to_the_reply() {
    main().expect("the example runs");
}
