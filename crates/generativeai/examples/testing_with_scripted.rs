//! Code that uses a model, and its tests without a model.
//!
//! ```sh
//! cargo run -p generativeai --example testing_with_scripted
//! cargo test -p generativeai --example testing_with_scripted
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use generativeai::testing::Scripted;
use generativeai::{GenerativeModel, Result};

/// Code under test: summarizes a text, and asks for a shorter summary if it is too long.
///
/// It takes the model as an argument, so that a test can pass one with another backend.
async fn summarize(model: &GenerativeModel, text: &str, max_words: usize) -> Result<String> {
    let mut chat = model.start_chat();
    let mut prompt = format!("Summarize this text in at most {max_words} words:\n\n{text}");
    for _ in 0..3 {
        let summary = chat.send_message(prompt).await?.text()?;
        if summary.split_whitespace().count() <= max_words {
            return Ok(summary);
        }
        prompt = "That is too long. Shorten it.".to_owned();
    }
    Ok(String::new())
}

#[tokio::main]
async fn main() -> Result<()> {
    let replies = Scripted::default().then_text("A mountain in Scotland.");
    let model = GenerativeModel::new("gemini-flash-latest").backend(replies);
    println!("{}", summarize(&model, "Ben Nevis is …", 5).await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use generativeai::ErrorKind;

    use super::*;

    #[tokio::test]
    async fn a_summary_that_is_too_long_is_shortened() {
        let script = Scripted::default()
            .then_text("One two three four.")
            .then_text("One two.");
        let model = GenerativeModel::new("any").backend(script.clone());

        let summary = summarize(&model, "Text", 2).await.expect("a summary");

        assert_eq!(summary, "One two.");
        // The script records the requests. The second one contains the first reply.
        let requests = script.requests();
        assert_eq!(requests.len(), 2);
        let contents: Vec<String> = requests[1].contents.iter().map(|one| one.text()).collect();
        assert_eq!(
            contents[1..],
            ["One two three four.", "That is too long. Shorten it."]
        );
    }

    #[tokio::test]
    async fn a_lost_connection_is_reported() {
        let script = Scripted::default().then_fail(&["Half a "]);
        let model = GenerativeModel::new("any").backend(script);

        let error = summarize(&model, "Text", 2).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Unreachable);
    }
}

#[test]
fn the_program_runs() {
    main().expect("the example runs");
}
