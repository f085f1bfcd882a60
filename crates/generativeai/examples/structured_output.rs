//! A reply as a Rust type. Runs offline.
//!
//! ```sh
//! cargo run -p generativeai --example structured_output
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use generativeai::testing::Scripted;
use generativeai::{GenerativeModel, Result};
use schemars::JsonSchema;
use serde::Deserialize;

// The model reads the names and the doc comments of the fields in the JSON Schema.
#[derive(Debug, Deserialize, JsonSchema)]
struct Mountain {
    /// Common name.
    name: String,
    /// Height above sea level.
    metres: u32,
    region: Option<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    // A prepared reply instead of a model. Omit the backend to use the Gemini API.
    let reply = r#"[{"name": "Ben Nevis", "metres": 1345, "region": "Lochaber"},
                    {"name": "Ben Macdui", "metres": 1309, "region": null}]"#;
    let model =
        GenerativeModel::new("gemini-flash-latest").backend(Scripted::default().then_text(reply));

    // `json` sends the JSON Schema of the type with the message, and deserializes the reply.
    let mountains: Vec<Mountain> = model
        .start_chat()
        .send_message("What are the two highest mountains of Scotland?")
        .json()
        .await?;
    for Mountain {
        name,
        metres,
        region,
    } in &mountains
    {
        println!(
            "{name}: {metres} m, {}",
            region.as_deref().unwrap_or("unknown region")
        );
    }
    assert_eq!(mountains[1].metres, 1_309);
    Ok(())
}

#[test]
fn the_reply_deserializes() {
    main().expect("the example runs");
}
