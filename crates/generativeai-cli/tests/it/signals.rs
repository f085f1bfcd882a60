//! Signals and other ends, wherever the conversation is: the terminal is left as it was found.

use std::io::{Read, Write};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::service::{Answer, Service};
use super::support::through_shell;
use super::terminal::Terminal;

const STORY: &str = "Once upon a time ";

fn conversation(answer: Answer) -> (Service, Terminal) {
    let service = Service::start(answer);
    let terminal = Terminal::start(&service.genai(&["chat"]));
    (service, terminal)
}

#[test]
fn at_the_prompt_keys_are_read_one_by_one_and_the_terminal_is_given_back() {
    let (_service, mut terminal) = conversation(Answer::Silent);

    terminal.wait_for_prompt();

    assert!(!terminal.is_as_found());
    terminal.type_keys("\x04");
    assert_eq!(terminal.end().code, 0);
}

#[test]
fn a_signal_at_the_prompt_ends_with_its_code() {
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let (_service, mut terminal) = conversation(Answer::Silent);

        terminal.wait_for_prompt();
        terminal.type_keys("half a mess");
        terminal.wait_for("half a mess");
        terminal.signal(signal);

        assert_eq!(terminal.end().code, code, "{signal}");
    }
}

#[test]
fn a_signal_while_a_reply_comes_ends_with_its_code() {
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let (_service, mut terminal) = conversation(Answer::Hangs(STORY));

        terminal.say("Tell me a story");
        terminal.wait_for("Once upon a time");
        terminal.signal(signal);

        assert_eq!(terminal.end().code, code, "{signal}");
    }
}

#[test]
fn a_terminal_that_goes_away_ends_the_program() {
    let service = Service::start(Answer::Silent);
    let pair = native_pty_system()
        .openpty(PtySize::default())
        .expect("a terminal");
    let genai = service.genai(&["chat", "-m", "gemini-x"]);
    let mut command = CommandBuilder::new(genai.get_program());
    command.args(genai.get_args());
    for (name, value) in genai.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        }
    }
    let mut child = pair.slave.spawn_command(command).expect("it starts");
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().expect("it shows");
    let mut keys = pair.master.take_writer().expect("it has keys");
    let (mut shown, mut byte) = (Vec::new(), [0]);
    while !shown.ends_with(b"> ") {
        reader.read_exact(&mut byte).expect("it shows the prompt");
        shown.extend(byte);
        if shown.ends_with(b"\x1b[6n") {
            keys.write_all(b"\x1b[3;1R").expect("it asks where it is");
        }
    }

    drop((reader, keys, pair.master));

    assert_eq!(child.wait().expect("it ends").exit_code(), 129);
}

#[test]
fn an_interrupt_at_the_prompt_is_ctrl_c() {
    let (_service, mut terminal) = conversation(Answer::Silent);

    terminal.wait_for_prompt();
    terminal.signal("INT");
    terminal.wait_for("Ctrl-C again");
    terminal.wait_for_prompt();
    terminal.signal("INT");

    assert_eq!(terminal.end().code, 0);
}

#[test]
fn ctrl_c_takes_back_what_is_typed() {
    let (_service, mut terminal) = conversation(Answer::Silent);

    for _ in 0..3 {
        terminal.type_at_prompt("not so");
        terminal.type_keys("\x03");
    }
    assert_eq!(terminal.ask("/history"), "nothing was said yet");
    terminal.say("/quit");

    assert_eq!(terminal.end().code, 0);
}

#[test]
fn ctrl_c_takes_back_a_message_that_nothing_answers() {
    let (_service, mut terminal) = conversation(Answer::Silent);

    terminal.say("Is anybody there?");
    let service = _service;
    service.request();
    terminal.type_keys("\x03");
    terminal.wait_for("(stopped before anything came; your message is taken back)");
    assert_eq!(terminal.ask("/history"), "nothing was said yet");
    terminal.say("/quit");

    assert_eq!(terminal.end().code, 0);
}

#[test]
fn ctrl_c_twice_stops_the_reply_and_keeps_the_conversation() {
    let (_service, mut terminal) = conversation(Answer::Hangs(STORY));

    terminal.say("Tell me a story");
    terminal.wait_for("Once upon a time");
    terminal.type_keys("\x03\x03");
    terminal.wait_for("(stopped");
    let history = terminal.ask("/history");

    assert!(history.contains("(interrupted)"), "{history}");
    terminal.say("/quit");
    assert_eq!(terminal.end().code, 0);
}

#[test]
fn what_is_typed_while_a_reply_comes_waits_for_the_prompt() {
    let (_service, mut terminal) = conversation(Answer::Hangs(STORY));

    terminal.say("Tell me a story");
    terminal.wait_for("Once upon a time");
    terminal.type_keys("and then?");
    terminal.type_keys("\x03");
    terminal.wait_for("(stopped");
    terminal.wait_for("> ");
    terminal.signal("TERM");

    let left = terminal.end();
    assert_eq!(left.code, 143);
    assert!(
        left.screen.contains("Once upon a time\n(stopped"),
        "{}",
        left.screen
    );
}

#[test]
fn a_retry_is_shown_and_can_be_given_up() {
    let body = r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE",
        "details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"40s"}]}}"#;
    let (_service, mut terminal) = conversation(Answer::Fails(503, body));

    terminal.say("Hello");
    terminal.wait_for("(the service answers 503: attempt 2 in 40");
    terminal.type_keys("\x03");
    terminal.wait_for("taken back");
    terminal.say("/quit");

    assert_eq!(terminal.end().code, 0);
}

#[test]
fn what_is_typed_stays_when_the_terminal_changes_its_size() {
    let (_service, mut terminal) = conversation(Answer::Texts(vec!["Yes."]));

    terminal.wait_for_prompt();
    terminal.type_keys("Is it still here?");
    terminal.wait_for("still here?");
    terminal.resize(30, 60);
    terminal.wait_for("> Is it still here?");
    terminal.type_keys("\r");
    terminal.wait_for("Yes.");
    terminal.say("/quit");

    assert_eq!(terminal.end().code, 0);
}

#[test]
fn a_reader_that_goes_away_ends_the_conversation_quietly() {
    let service = Service::start(Answer::Texts(vec!["one ", "two\n"]));
    let command = through_shell(&service.genai(&[]), "\"$0\" chat | true");
    let mut terminal = Terminal::start(&command);

    terminal.wait_for_prompt();
    terminal.type_keys("Hello\r");

    let left = terminal.end();
    assert_eq!(left.code, 0);
    assert!(!left.screen.contains("genai:"), "{}", left.screen);
}
