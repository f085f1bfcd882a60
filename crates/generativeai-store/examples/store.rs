//! A conversation that survives a restart, in an SQLite file. Runs offline.
//!
//! ```sh
//! cargo run -p generativeai-store --example store
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use generativeai::testing::Scripted;
use generativeai::{GenerativeModel, Result};
use generativeai_store::Store;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let address = format!("sqlite:{}", folder.path().join("chats.sqlite").display());
    first_day(&address).await?;
    second_day(&address).await
}

/// Starts a conversation. The message is in the file before it is sent, the reply before it is printed.
async fn first_day(address: &str) -> Result<()> {
    let store = Store::open(address).await?;
    let session = store.new_session("mountains").await?;
    let mut chat = session.chat(&model("1,345 metres.")).await?;
    let reply = chat.send_message("How tall is Ben Nevis?").await?;
    println!("model: {}", reply.text()?);
    // A failed write does not stop the conversation. It is reported here.
    if let Some(error) = chat.unsaved() {
        println!("not saved: {error}");
    }
    Ok(())
}

/// Continues it, as another process could.
async fn second_day(address: &str) -> Result<()> {
    let store = Store::open(address).await?;
    for info in store.list().await? {
        println!("session {} has {} events", info.name, info.events);
    }
    let session = store.session("mountains").await?;
    let mut chat = session.chat(&model("Yes, of the British Isles.")).await?;
    for content in chat.history() {
        let text = content.parts[0].as_text().unwrap_or_default();
        println!("stored: {text}");
    }
    let reply = chat.send_message("Is that the highest mountain?").await?;
    println!("model: {}", reply.text()?);

    let hits = store.search("nevis").await?;
    println!("found: {}", hits[0].text);
    Ok(())
}

/// Returns a model that gives one prepared reply. With a key in `GEMINI_API_KEY`, leave out the backend.
fn model(reply: &str) -> GenerativeModel {
    GenerativeModel::new("gemini-2.5-flash").backend(Scripted::default().then_text(reply))
}

#[test]
fn the_conversation_continues_after_a_restart() {
    main().expect("the example runs");
}
