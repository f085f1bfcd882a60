//! Images in a message and in a reply. Runs offline.
//!
//! ```sh
//! cargo run -p generativeai --example images
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use generativeai::GenerativeModel;
use generativeai::protocol::config::{GenerationConfig, ImageConfig, ResponseModality};
use generativeai::protocol::content::{Blob, Part};
use generativeai::testing::Scripted;

/// A PNG image of one pixel, in base64.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Prepared replies instead of a model: text, then an image.
    let image = Blob::from_base64("image/png", PIXEL);
    let replies = Scripted::default()
        .then_text("It is a single pixel.")
        .then_parts([image.clone()]);
    let model = GenerativeModel::new("gemini-flash-latest").backend(replies);
    let mut chat = model.start_chat();

    // `Blob::from_file("photo.jpg")?` reads a file.
    let message = [Part::text("What is in this image?"), image.into()];
    let response = chat.send_message(message).await?;
    println!("{}", response.text()?);

    // A model that generates images returns them as parts.
    let response = chat
        .send_message("Make it larger.")
        .generation_config(
            GenerationConfig::default()
                .response_modalities([ResponseModality::Text, ResponseModality::Image])
                .image_config(ImageConfig::default().aspect_ratio("16:9")),
        )
        .await?;
    let images = response.parts()?.iter().filter_map(Part::as_inline_data);
    for (number, image) in images.enumerate() {
        let path = std::env::temp_dir().join(format!("generativeai-{number}.png"));
        std::fs::write(&path, image.bytes()?)?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

#[test]
fn an_image_is_sent_and_another_one_is_received() {
    main().expect("the example runs");
}
