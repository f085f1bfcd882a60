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
    let reply = terminal.ask("My name is Ada.");
    assert!(reply.trim().len() > 2, "a reply is shown: {reply:?}");
    let history = terminal.ask("/history");
    assert!(history.contains("you: My name is Ada."), "{history}");
    assert!(history.contains("model: "), "{history}");
    let back = terminal.ask("/rewind");
    assert!(back.contains("taken back: My name is Ada."), "{back}");
    assert_eq!(terminal.ask("/rewind"), "nothing was said yet");
    let unknown = terminal.ask("/nonsense");
    assert!(
        unknown.contains("there is no command /nonsense"),
        "{unknown}"
    );
    let help = terminal.ask("/help");
    assert!(help.contains("take back the last message"), "{help}");
    terminal.say("/quit");

    assert_eq!(terminal.end().code, 0);
}

#[test]
fn ctrl_c_stops_a_reply_and_keeps_the_conversation() {
    let service = Service::start(Answer::Hangs("Once upon a time "));
    let mut terminal = Terminal::start(&service.genai(&["chat"]));

    terminal.say("Tell me a story");
    terminal.wait_for("Once upon a time");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(stopped; what came stays in the conversation");
    let history = terminal.ask("/history");
    assert!(history.contains("you: Tell me a story"), "{history}");
    assert!(
        history.contains("model: Once upon a time (interrupted)"),
        "{history}"
    );
    terminal.say("Go on");
    terminal.wait_until("the second reply", |screen| {
        screen.contents().matches("Once upon a time").count() == 3
    });
    terminal.type_keys(CTRL_C);
    terminal.wait_for_prompt();
    terminal.type_keys(CTRL_D);

    assert_eq!(terminal.end().code, 0);
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

    terminal.say("Tell me a very long story about a dragon.");
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

#[test]
fn a_failure_ends_the_turn_and_not_the_conversation() {
    let body = r#"{"error":{"code":404,"message":"no such model","status":"NOT_FOUND"}}"#;
    let service = Service::start(Answer::Fails(404, body));
    let mut terminal = Terminal::start(&service.genai(&["chat"]));

    let failure = terminal.ask("Hello");
    assert!(failure.contains("no such model"), "{failure}");
    assert!(failure.contains("taken back"), "{failure}");
    assert_eq!(terminal.ask("/history"), "nothing was said yet");
    terminal.say("/quit");

    assert_eq!(terminal.end().code, 0);
}

#[test]
fn data_is_shown_as_it_is_on_a_terminal_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let schema = folder.path().join("schema.json");
    std::fs::write(&schema, r#"{"type":"object"}"#).expect("it can be written");
    let service = Service::start(Answer::Texts(vec![r#"{"a_b_c": "*1*","#, " \"d\": 2}"]));
    let schema = schema.to_str().expect("text");
    let mut terminal = Terminal::start(&service.genai(&["chat", "--schema", schema, "Hello"]));

    terminal.wait_for(r#"{"a_b_c": "*1*", "d": 2}"#);

    assert_eq!(terminal.end().code, 0);
}
