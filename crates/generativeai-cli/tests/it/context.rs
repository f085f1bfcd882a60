//! The warning about a context that is nearly full.

use super::fake_service::{Answer, Service};
use super::support::{assert_contains, genai};
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
    // The request for a summary would exceed the limit.
    let note = "(the context is 86 % full, 258 of 300 tokens: /compact drops older turns,";
    assert_contains(&second, note);
}

#[test]
fn a_full_context_is_reported_with_the_ways_out() {
    let words = [
        "chat",
        "--context",
        "256",
        "--temperature",
        "0",
        "--seed",
        "7",
    ];
    let mut terminal = Terminal::start(&genai(&words));

    let cut = terminal.ask("Write numbers from 1 to 400, one per line, all of them.");
    assert_contains(&cut, "(reply cut off: the context is full)");
    assert_contains(&cut, "256 of 256 tokens: /undo removes the last turn,");
    let refused = terminal.ask("And now?");
    assert_contains(&refused, "  hint: /undo removes the last turn, /compact");
    assert_contains(&terminal.ask("/compact"), "older turns will be dropped");
    let reply = terminal.ask("Hi");
    terminal.quit();

    assert!(!reply.contains("genai: "), "{reply}");
}

#[test]
fn a_single_answer_shows_no_warning_about_the_context() {
    let service = Service::start(Answer::Counted("Large.", 2_000));

    let output = service.run(&["chat", "-m", "gemini-x", "Hello"]);

    output.assert_printed("Large.\n");
    assert!(!output.stderr.contains("context"), "{output:?}");
}
