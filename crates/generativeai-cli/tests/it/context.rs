//! The warning about a context that is nearly full.

use super::fake_service::{Answer, Service};
use super::support::assert_contains;
use super::terminal::Terminal;

// The fake service reports a limit of 300 tokens for the model, and counts 258 for every history.

#[test]
fn a_context_that_is_more_than_three_quarters_full_is_shown() {
    let service = Service::start(Answer::Each(vec![
        Answer::Counted("Small.", 30),
        Answer::Counted("Large.", 260),
    ]));
    let mut terminal = Terminal::start(&service.genai(&["chat", "-m", "gemini-x"]));

    let first = terminal.ask("Hello");
    let second = terminal.ask("And now?");
    terminal.quit();

    assert!(!first.contains("context"), "{first}");
    // The request for a summary would exceed the limit, so `/compact` is not proposed.
    assert_contains(
        &second,
        "(the context is 86 % full, 258 of 300 tokens: /new starts a session)",
    );
}

#[test]
fn a_single_answer_shows_no_warning_about_the_context() {
    let service = Service::start(Answer::Counted("Large.", 2_000));

    let output = service.run(&["chat", "-m", "gemini-x", "Hello"]);

    output.assert_printed("Large.\n");
    assert!(!output.stderr.contains("context"), "{output:?}");
}
