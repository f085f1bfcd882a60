//! A conversation at the terminal.

use super::service::{Answer, Service};
use super::support::{SHORT, genai};
use super::terminal::Terminal;

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

#[test]
fn the_embedded_model_converses() {
    let mut terminal = Terminal::start(&genai(&[&["chat"], &SHORT[..]].concat()));

    terminal.wait_for("/help tells the commands");
    terminal.wait_for("> ");
    terminal.type_keys("My name is Ada.\r");
    terminal.wait_for("My name is Ada.");
    let reply = terminal.wait_for("> ");
    assert!(reply.trim().len() > 2, "a reply is shown: {reply:?}");
    terminal.type_keys("/history\r");
    terminal.wait_for("you: My name is Ada.");
    terminal.wait_for("model: ");
    terminal.type_keys("/rewind\r");
    terminal.wait_for("taken back: My name is Ada.");
    terminal.type_keys("/rewind\r");
    terminal.wait_for("nothing was said yet");
    terminal.type_keys("/nonsense\r");
    terminal.wait_for("there is no command /nonsense");
    terminal.type_keys("/help\r");
    terminal.wait_for("take back the last message");
    terminal.type_keys("/quit\r");

    assert_eq!(terminal.end().0, 0);
}

#[test]
fn ctrl_c_stops_a_reply_and_keeps_the_conversation() {
    let service = Service::start(Answer::Hangs("Once upon a time"));
    let mut terminal = Terminal::start(&service.genai(&["chat"]));

    terminal.wait_for("> ");
    terminal.type_keys("Tell me a story\r");
    terminal.wait_for("Once upon a time");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(stopped; what came stays in the conversation)");
    terminal.wait_for("> ");
    terminal.type_keys("/history\r");
    terminal.wait_for("you: Tell me a story");
    terminal.wait_for("model: Once upon a time");
    terminal.type_keys("Go on\r");
    terminal.wait_for("Once upon a time");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(stopped");
    terminal.type_keys(CTRL_D);

    assert_eq!(terminal.end().0, 0);
    service.request();
    let second = service.request();
    assert!(
        second.contains("Once upon a time") && second.contains("Go on"),
        "{second}"
    );
}

#[test]
fn ctrl_c_stops_the_embedded_model() {
    let mut terminal = Terminal::start(&genai(&["chat", "--temperature", "0"]));

    terminal.wait_for("> ");
    terminal.type_keys("Tell me a very long story about a dragon.\r");
    terminal.wait_for("dragon.");
    terminal.wait_for(" a ");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(stopped");
    terminal.wait_for("> ");
    terminal.type_keys(CTRL_C);

    assert_eq!(terminal.end().0, 0);
}

#[test]
fn ctrl_c_in_a_single_reply_ends_with_130() {
    let service = Service::start(Answer::Hangs("Once upon a time"));
    let mut terminal = Terminal::start(&service.genai(&["chat", "Tell me a story"]));

    terminal.wait_for("Once upon a time");
    terminal.type_keys(CTRL_C);

    assert_eq!(terminal.end().0, 130);
}

#[test]
fn a_failure_ends_the_turn_and_not_the_conversation() {
    let body = r#"{"error":{"code":404,"message":"no such model","status":"NOT_FOUND"}}"#;
    let service = Service::start(Answer::Fails(404, body));
    let mut terminal = Terminal::start(&service.genai(&["chat"]));

    terminal.wait_for("> ");
    terminal.type_keys("Hello\r");
    terminal.wait_for("no such model");
    terminal.wait_for("taken back");
    terminal.type_keys("/history\r");
    terminal.wait_for("nothing was said yet");
    terminal.type_keys("/quit\r");

    assert_eq!(terminal.end().0, 0);
}

#[test]
fn a_reply_cannot_drive_the_terminal() {
    let texts = vec![
        "safe\u{1b}]0;ti",
        "tle\u{7}\u{1b}[3",
        "1m red\u{9b}2J \u{202e}end",
    ];
    let service = Service::start(Answer::Texts(texts));
    let terminal = Terminal::start(&service.genai(&["chat", "Hello"]));

    let (code, shown) = terminal.end();

    assert_eq!(code, 0, "{shown:?}");
    assert!(shown.contains("safe red end\r\n"), "{shown:?}");
    let driven = |char: char| char.is_control() && !matches!(char, '\r' | '\n');
    assert!(!shown.contains(driven), "{shown:?}");
}
