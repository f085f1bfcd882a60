//! Sessions at the terminal.

use super::fake_service::{Answer, Service};
use super::support::{SHORT, assert_contains, genai};
use super::terminal::Terminal;

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

#[test]
fn a_session_runs_with_the_embedded_model() {
    let mut terminal = Terminal::start(&genai(&[&["chat"], &SHORT[..]].concat()));

    terminal.wait_for("/help lists the commands");
    let reply = terminal.ask("My name is Ada.");
    assert!(reply.trim().len() > 2, "a reply is shown: {reply:?}");
    let history = terminal.ask("/history");
    assert_contains(&history, "you: My name is Ada.");
    assert_contains(&history, "model: ");
    let undone = terminal.ask("/rewind");
    assert_contains(&undone, "undone: My name is Ada.");
    assert_eq!(terminal.ask("/rewind"), "no messages yet");
    let unknown = terminal.ask("/nonsense");
    assert_contains(
        &unknown,
        "unknown command /nonsense: try /help, or //nonsense to send",
    );
    let help = terminal.ask("/help");
    assert_contains(&help, "undo the last message");
    terminal.quit();
}

#[test]
fn ctrl_c_stops_a_reply_and_keeps_the_session() {
    let service = Service::start(Answer::Hangs("Once upon a time "));
    let mut terminal = Terminal::start(&service.genai(&["chat"]));

    terminal.enter("Tell me a story");
    terminal.wait_for("Once upon a time");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(stopped; the part that arrived is kept");
    let history = terminal.ask("/history");
    assert_contains(&history, "you: Tell me a story");
    assert_contains(&history, "model: Once upon a time (interrupted)");
    terminal.enter("Go on");
    terminal.wait_until("the second reply", |screen| {
        screen.contents().matches("Once upon a time").count() == 3
    });
    terminal.type_keys(CTRL_C);
    terminal.wait_for_prompt();
    terminal.type_keys(CTRL_D);

    assert_eq!(terminal.end().code, 0);
    service.request();
    let second = service.request();
    assert_contains(&second, "Once upon a time");
    assert_contains(&second, "Go on");
}

#[test]
fn ctrl_c_stops_the_embedded_model() {
    let mut terminal = Terminal::start(&genai(&["chat", "--temperature", "0"]));

    terminal.enter("Tell me a very long story about a dragon.");
    terminal.wait_until("some of the reply", |screen| {
        let shown = screen.contents();
        let after = shown.split("about a dragon.").nth(1);
        after.is_some_and(|after| after.split_whitespace().count() > 2)
    });
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(stopped");
    terminal.wait_for_prompt();
    terminal.type_keys(CTRL_C);
    terminal.wait_for("Ctrl-C again");
    terminal.wait_for_prompt();
    terminal.type_keys(CTRL_C);

    assert_eq!(terminal.end().code, 0);
}

#[test]
fn ctrl_c_in_a_single_reply_ends_with_130() {
    let service = Service::start(Answer::Hangs("Once upon a time "));
    let mut terminal = Terminal::start(&service.genai(&["chat", "Tell me a story"]));

    terminal.wait_for("Once upon a time");
    terminal.type_keys(CTRL_C);

    assert_eq!(terminal.end().code, 130);
}

/// Finding 20 of tests/newcomer.md.
#[test]
fn lines_typed_during_a_reply_are_sent_one_by_one_and_commands_stay_commands() {
    let answers = vec![Answer::Gated("One."), Answer::Texts(vec!["Two."])];
    let service = Service::start(Answer::Each(answers));
    let mut terminal = Terminal::start(&service.genai(&["chat", "-m", "gemini-x"]));

    terminal.enter("First?");
    service.request();
    terminal.type_keys("Second?\r/history\rand a dra");
    terminal.wait_for("…");
    service.open_gate();
    terminal.wait_until("the draft at the prompt", |screen| {
        screen.contents().trim_end().ends_with("> and a dra")
    });

    assert_eq!(
        terminal.after("First?").trim_end(),
        "One.\n> Second?\n(1 more queued; Esc clears)\nTwo.\n> /history\n\
         you: First?\nmodel: One.\nyou: Second?\nmodel: Two.\n> and a dra"
    );
    assert!(!service.request().contains("/history"));
    terminal.type_keys(CTRL_C);
    terminal.quit();
}

#[test]
fn lines_entered_before_the_prompt_are_sent_one_by_one_and_commands_stay_commands() {
    let service = Service::start(Answer::Texts(vec!["One."]));
    let mut terminal = Terminal::start(&service.genai(&["chat", "-m", "gemini-x"]));

    terminal.type_keys("First?\r/history\r");

    terminal.wait_for("you: First?\nmodel: One.");
    assert!(!service.request().contains("/history"));
    terminal.quit();
}

/// Finding 20 of tests/newcomer.md.
#[test]
fn esc_clears_the_lines_typed_during_a_reply() {
    let service = Service::start(Answer::Gated("One."));
    let mut terminal = Terminal::start(&service.genai(&["chat", "-m", "gemini-x"]));

    terminal.enter("First?");
    service.request();
    terminal.type_keys("Second?\r\x1b");
    terminal.wait_for("…");
    service.open_gate();

    terminal.wait_for("(not sent: Second?)");
    terminal.wait_for_prompt();
    terminal.type_keys("\x1b[A");
    terminal.wait_until("the line that was not sent", |screen| {
        screen.contents().trim_end().ends_with("> Second?")
    });
    terminal.type_keys("\x15");
    assert_eq!(terminal.ask("/history"), "you: First?\nmodel: One.");
    terminal.quit();
}

#[test]
fn a_failure_ends_the_turn_and_not_the_session() {
    let body = r#"{"error":{"code":404,"message":"no such model","status":"NOT_FOUND"}}"#;
    let service = Service::start(Answer::Fails(404, body));
    let mut terminal = Terminal::start(&service.genai(&["chat"]));

    let failure = terminal.ask("Hello");
    assert_contains(&failure, "no such model");
    assert_contains(&failure, "your message was discarded");
    assert_eq!(terminal.ask("/history"), "no messages yet");
    terminal.quit();
}

#[test]
fn json_is_not_rendered_as_markdown() {
    let folder = tempfile::tempdir().expect("a folder");
    let schema = folder.path().join("schema.json");
    std::fs::write(&schema, r#"{"type":"object"}"#).expect("it can be written");
    let service = Service::start(Answer::Texts(vec![r#"{"a_b_c": "*1*","#, " \"d\": 2}"]));
    let schema = schema.to_str().expect("text");
    let mut terminal = Terminal::start(&service.genai(&["chat", "--schema", schema, "Hello"]));

    terminal.wait_for(r#"{"a_b_c": "*1*", "d": 2}"#);

    assert_eq!(terminal.end().code, 0);
}
