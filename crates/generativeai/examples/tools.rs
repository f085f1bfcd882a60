//! A Rust function that the model calls. Runs offline.
//!
//! ```sh
//! cargo run -p generativeai --example tools
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use generativeai::testing::Scripted;
use generativeai::{GenerativeModel, Result, function};
use serde_json::json;

/// Returns the height of a mountain in metres.
#[function]
async fn height(
    /// Common name of the mountain.
    mountain: &str,
) -> std::result::Result<u32, String> {
    match mountain {
        "Ben Nevis" => Ok(1_345),
        "Snowdon" => Ok(1_085),
        _ => Err(format!("unknown mountain `{mountain}`")),
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    // Prepared replies instead of a model: a function call, then text.
    let replies = Scripted::default()
        .then_call("height", json!({"mountain": "Ben Nevis"}))
        .then_text("Ben Nevis is 1,345 metres tall.");
    let model = GenerativeModel::new("gemini-flash-latest")
        .tools([height::function()])
        .backend(replies);
    let mut chat = model.start_chat().automatic_function_calling(true);

    let response = chat.send_message("How tall is Ben Nevis?").await?;
    println!("{}", response.text()?);

    // The message, the call, its result and the reply are one turn of the history.
    for content in chat.history() {
        for part in &content.parts {
            println!("- {}", part.kind().unwrap_or("empty"));
        }
    }
    let result = chat.history()[2].parts[0].as_function_response();
    assert_eq!(result.expect("a result").name.as_deref(), Some("height"));
    Ok(())
}

#[test]
fn the_function_is_called() {
    main().expect("the example runs");
}
