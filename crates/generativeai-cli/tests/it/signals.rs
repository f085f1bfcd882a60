//! Signals and other ways to exit. `Terminal::end` asserts that the terminal is restored each time.

use std::io::{Read, Write};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::fake_service::{Answer, Service};
use super::support::{assert_contains, genai, ran, saving, through_shell};
use super::terminal::Terminal;
use super::tools::server;

const STORY: &str = "Once upon a time ";

fn session(answer: Answer) -> (Service, Terminal) {
    let service = Service::start(answer);
    let terminal = Terminal::start(&service.genai(&["chat"]));
    (service, terminal)
}

#[test]
fn the_prompt_uses_raw_mode_and_restores_the_terminal() {
    let (_service, mut terminal) = session(Answer::Silent);

    terminal.wait_for_prompt();

    assert!(!terminal.is_restored());
    terminal.type_keys("\x04");
    assert_eq!(terminal.end().code, 0);
}

#[test]
fn a_signal_at_the_prompt_sets_the_exit_code() {
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let (_service, mut terminal) = session(Answer::Silent);

        terminal.wait_for_prompt();
        terminal.type_keys("half a mess");
        terminal.wait_for("half a mess");
        terminal.signal(signal);

        assert_eq!(terminal.end().code, code, "{signal}");
    }
}

#[test]
fn a_signal_during_a_reply_sets_the_exit_code() {
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let (_service, mut terminal) = session(Answer::Hangs(STORY));

        terminal.enter("Tell me a story");
        terminal.wait_for("Once upon a time");
        terminal.signal(signal);

        assert_eq!(terminal.end().code, code, "{signal}");
    }
}

#[test]
fn the_program_exits_when_the_terminal_is_closed() {
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
    let mut child = pair
        .slave
        .spawn_command(command)
        .expect("the program starts");
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().expect("a reader");
    let mut keys = pair.master.take_writer().expect("a writer");
    let (mut shown, mut byte) = (Vec::new(), [0]);
    while !shown.ends_with(b"> ") {
        reader.read_exact(&mut byte).expect("the prompt");
        shown.extend(byte);
        if shown.ends_with(b"\x1b[6n") {
            keys.write_all(b"\x1b[3;1R")
                .expect("the program queries the cursor");
        }
    }

    drop((reader, keys, pair.master));

    assert_eq!(child.wait().expect("the program exits").exit_code(), 129);
}

#[test]
fn sigint_at_the_prompt_acts_like_ctrl_c() {
    let (_service, mut terminal) = session(Answer::Silent);

    terminal.wait_for_prompt();
    terminal.signal("INT");
    terminal.wait_for("Ctrl-C again");
    terminal.wait_for_prompt();
    terminal.signal("INT");

    assert_eq!(terminal.end().code, 0);
}

#[test]
fn ctrl_c_discards_typed_text() {
    let (_service, mut terminal) = session(Answer::Silent);

    for _ in 0..3 {
        terminal.type_at_prompt("not so");
        terminal.type_keys("\x03");
    }
    assert_eq!(terminal.ask("/history"), "no messages yet");
    terminal.quit();
}

#[test]
fn ctrl_c_discards_a_message_without_reply() {
    let (service, mut terminal) = session(Answer::Silent);

    terminal.enter("Is anybody there?");
    service.request();
    terminal.type_keys("\x03");
    terminal.wait_for("(stopped before the reply began; your message was discarded)");
    assert_eq!(terminal.ask("/history"), "no messages yet");
    terminal.quit();
}

/// Events that end a stream after a part of the reply: none, and an error of the service.
const BREAKS: [&str; 2] = [
    "",
    "data: {\"error\":{\"code\":503,\"message\":\"overloaded\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n",
];

#[test]
fn the_part_of_a_reply_before_a_broken_stream_is_kept() {
    for rest in BREAKS {
        let answers = vec![
            Answer::Breaks(STORY, rest),
            Answer::Texts(vec!["there was a king."]),
        ];
        let (service, mut terminal) = session(Answer::Each(answers));

        let broken = terminal.ask("Tell me a story");
        assert_contains(&broken, "Once upon a time\ngenai: ");
        assert_contains(
            &broken,
            "(the part that arrived is kept: /continue continues it)",
        );
        let history = terminal.ask("/history");
        assert_contains(&history, "you: Tell me a story");
        assert_contains(&history, "(interrupted)");
        assert_eq!(terminal.ask("/continue"), "there was a king.");
        terminal.quit();
        service.request();
        assert_contains(&service.request(), "Once upon a time");
    }
}

#[test]
fn a_message_discarded_after_a_failure_is_not_in_the_session() {
    let data = tempfile::tempdir().expect("a folder");
    let body = r#"{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}"#;
    let answers = vec![Answer::Texts(vec!["Hello."]), Answer::Fails(400, body)];
    let service = Service::start(Answer::Each(answers));
    let command = saving(service.genai(&["chat", "-m", "gemini-x"]), data.path());
    let mut terminal = Terminal::start(&command);

    terminal.ask("Hi");
    let failure = terminal.ask("Is anybody there?");
    assert_contains(
        &failure,
        "(your message was discarded: the session is unchanged)",
    );
    assert_eq!(terminal.ask("/redo"), "nothing to redo");
    terminal.quit();

    let shown = ran(saving(genai(&["sessions", "show", "1"]), data.path()).output());
    shown.assert_printed("you: Hi\n\nmodel: Hello.\n");
}

#[test]
fn a_dumb_terminal_receives_no_escape_sequences() {
    let service = Service::start(Answer::Texts(vec!["Yes, *here*."]));
    let mut command = service.genai(&["chat", "-m", "gemini-x"]);
    command.env("TERM", "dumb");
    let mut terminal = Terminal::start(&command);

    terminal.enter("Are you there?");
    terminal.wait_for("Yes, *here*.");
    terminal.wait_for_prompt();
    // The terminal delivers each line of the message separately.
    terminal.type_keys("\"\"\"One\rtwo\"\"\"\r");
    service.request();
    assert_contains(&service.request(), r#"{"text":"One\ntwo"}"#);
    terminal.wait_for("two\"\"\"");
    terminal.enter("/help");
    terminal.wait_for("surrounds a multi-line message");
    terminal.wait_for_prompt();
    assert!(!terminal.screen().contains("Alt-Enter"));
    terminal.type_keys("\x04");

    let left = terminal.end();
    assert_eq!(left.code, 0);
    assert!(!left.bytes.contains('\x1b'), "{:?}", left.bytes);
}

#[test]
fn ctrl_c_at_a_dumb_terminal_stops_the_question_and_quits_only_if_repeated() {
    let service = Service::start(Answer::Calls("greet", "That is all."));
    let tool = server("greet", "Good day");
    let mut command = service.genai(&["chat", "-m", "gemini-x", "--tool", &tool]);
    let mut terminal = Terminal::start(command.env("TERM", "dumb"));

    terminal.wait_for_prompt();
    terminal.type_keys("\x03");
    terminal.wait_for("(press Ctrl-C again or Ctrl-D to quit)");
    terminal.wait_for_prompt();
    terminal.enter("/help");
    terminal.wait_for("surrounds a multi-line message");
    terminal.wait_for_prompt();
    // A line that follows at once, as from a script, is not stopped.
    terminal.type_keys("\x03Greet Ada.\r");
    terminal.wait_for("stop?");
    terminal.wait_for_prompt();
    terminal.type_keys("\x03");
    terminal.wait_for("(greet: not run: nobody approved the call)");
    terminal.wait_for_prompt();
    // Two in a row at the prompt quit.
    terminal.type_keys("\x03");
    terminal.wait_until("the second note", |screen| {
        screen.contents().matches("Ctrl-C again").count() == 3
    });
    terminal.wait_for_prompt();
    terminal.type_keys("\x03");

    assert_eq!(terminal.end().code, 0);
    assert_contains(&service.request(), "Greet Ada.");
}

#[test]
fn ctrl_c_twice_stops_only_the_reply() {
    let (_service, mut terminal) = session(Answer::Hangs(STORY));

    terminal.enter("Tell me a story");
    terminal.wait_for("Once upon a time");
    terminal.type_keys("\x03\x03");
    terminal.wait_for("(stopped");
    let history = terminal.ask("/history");

    assert_contains(&history, "(interrupted)");
    terminal.quit();
}

#[test]
fn text_typed_during_a_reply_is_not_echoed_into_it() {
    let (_service, mut terminal) = session(Answer::Hangs(STORY));

    terminal.enter("Tell me a story");
    terminal.wait_for("Once upon a time");
    terminal.type_keys("and then?");
    terminal.type_keys("\x03");
    terminal.wait_for("(stopped");
    terminal.wait_for("> ");
    terminal.signal("TERM");

    let left = terminal.end();
    assert_eq!(left.code, 143);
    assert_contains(&left.screen, "Once upon a time\n(stopped");
}

#[test]
fn a_retry_is_shown_and_can_be_stopped() {
    let body = r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE",
        "details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"40s"}]}}"#;
    let (_service, mut terminal) = session(Answer::Fails(503, body));

    terminal.enter("Hello");
    terminal.wait_for("attempt 2 in 40");
    terminal.type_keys("\x03");
    terminal.wait_for("discarded");
    terminal.quit();
}

#[test]
fn typed_text_survives_a_resize() {
    let (_service, mut terminal) = session(Answer::Texts(vec!["Yes."]));

    terminal.wait_for_prompt();
    terminal.type_keys("Is it still here?");
    terminal.wait_for("still here?");
    terminal.resize(30, 60);
    terminal.wait_for("> Is it still here?");
    terminal.type_keys("\r");
    terminal.wait_for("Yes.");
    terminal.quit();
}

#[test]
fn a_closed_reader_ends_the_session_quietly() {
    let service = Service::start(Answer::Texts(vec!["one ", "two\n"]));
    let command = through_shell(&service.genai(&[]), "\"$0\" chat | true");
    let mut terminal = Terminal::start(&command);

    terminal.wait_for_prompt();
    terminal.type_keys("Hello\r");

    let left = terminal.end();
    assert_eq!(left.code, 0);
    assert!(!left.screen.contains("genai:"), "{}", left.screen);
}
