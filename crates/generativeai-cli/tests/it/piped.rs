//! What is piped in: answered if it is text, refused clearly if it is not.

use std::io::{Seek, Write};

use super::service::{Answer, Service};
#[cfg(unix)]
use super::support::through_shell;
use super::support::{SHORT, genai, ran, run, run_with};

#[test]
fn what_is_piped_in_is_answered() {
    let words = [&["chat"], &SHORT[..]].concat();

    let said = run_with(&words, b"How are you?\n");

    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.split_whitespace().count() > 2, "{said:?}");
}

#[test]
fn a_dash_puts_what_is_piped_in_into_the_message() {
    let service = Service::start(Answer::Texts(vec!["A poem."]));
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(b"Roses are red")
        .and_then(|()| file.rewind())
        .expect("it can be written");

    let said = ran(service
        .genai(&["chat", "What is this?", "-"])
        .stdin(file)
        .output());

    assert_eq!(said.stdout, "A poem.\n");
    let request = service.request();
    assert!(
        request.contains(r"What is this?\n\nRoses are red"),
        "{request}"
    );
}

#[test]
fn without_a_dash_nothing_is_read() {
    let service = Service::start(Answer::Texts(vec!["Hello!"]));
    let mut command = service.genai(&["chat", "Hello"]);
    // A pipe that nobody closes: reading it would never end.
    let (reader, writer) = std::io::pipe().expect("a pipe");

    let said = ran(command.stdin(reader).output());

    assert_eq!(said.stdout, "Hello!\n");
    drop(writer);
}

#[test]
fn nothing_piped_in_is_an_empty_message() {
    run(&["chat"]).refused(2, &["the message is empty", "genai chat \"Hello\""]);
    run_with(&["chat"], b" \n\t\n").refused(2, &["the message is empty"]);
}

#[test]
fn what_is_no_text_is_refused() {
    run_with(&["chat"], b"caf\xe9").refused(2, &["byte 3 is not UTF-8"]);
    run_with(&["chat"], b"\x7fELF\0\0").refused(2, &["byte 4 is zero"]);
}

#[test]
fn no_more_is_read_than_a_message_may_have() {
    let large = vec![b'a'; (16 << 20) + 100_000];

    run_with(&["chat"], &large).refused(2, &["too long", "16 MiB"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_that_never_ends_is_not_read_to_its_end() {
    let mut command = genai(&["chat"]);
    let endless = std::fs::File::open("/dev/zero").expect("it is there");

    ran(command.stdin(endless).output()).refused(2, &["too long", "16 MiB"]);
}

#[cfg(unix)]
#[test]
fn a_closed_stdin_is_an_empty_message() {
    let mut command = through_shell(&genai(&[]), "exec \"$0\" chat <&-");

    ran(command.output()).refused(2, &["the message is empty"]);
}

#[cfg(unix)]
#[test]
fn a_closed_stdout_takes_the_answer_as_a_place_for_nothing_would() {
    let service = Service::start(Answer::Texts(vec!["unheard"]));
    let mut command = through_shell(&service.genai(&[]), "exec \"$0\" chat Hello >&-");

    let ended = ran(command.output());

    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(service.request().contains("Hello"));
}

#[test]
fn a_message_longer_than_the_context_is_refused_before_any_answer() {
    let long = "word ".repeat(20_000);

    run_with(&["chat"], long.as_bytes()).refused(1, &["tokens"]);
}
