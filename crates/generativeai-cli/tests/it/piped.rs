//! Piped input: it is added to the message if it is text, and otherwise refused.

use std::io::{BufRead, BufReader, Seek, Write};
use std::process::Stdio;

use super::fake_service::{Answer, Service};
use super::support::through_shell;
use super::support::{SHORT, assert_contains, genai, ran, run, run_with};

#[test]
fn piped_input_is_the_message() {
    let words = [&["chat"], &SHORT[..]].concat();

    let output = run_with(&words, b"How are you?\n");

    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.split_whitespace().count() > 2, "{output:?}");
}

#[test]
fn a_dash_is_replaced_by_the_piped_input() {
    let service = Service::start(Answer::Texts(vec!["A poem."]));
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(b"Roses are red")
        .and_then(|()| file.rewind())
        .expect("it can be written");

    let output = ran(service
        .genai(&["chat", "What is this?", "-"])
        .stdin(file)
        .output());

    assert_eq!(output.stdout, "A poem.\n");
    let request = service.request();
    assert_contains(&request, r"What is this?\n\nRoses are red");
}

/// Finding 1 of tests/newcomer.md.
#[test]
fn piped_input_follows_the_message_without_a_dash() {
    let service = Service::start(Answer::Texts(vec!["A poem."]));
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let poem = std::thread::spawn(move || {
        // The input may arrive after the program has started to read.
        std::thread::sleep(std::time::Duration::from_millis(300));
        writer.write_all(b"Roses are red").expect("written");
    });

    let output = ran(service
        .genai(&["chat", "What is this?"])
        .stdin(reader)
        .output());

    poem.join().expect("no panic");
    assert_eq!(output.stdout, "A poem.\n");
    let request = service.request();
    assert_contains(&request, r"What is this?\n\nRoses are red");
}

/// A program such as `cargo test | genai "Explain"` may work for a while before it prints.
#[test]
fn a_silent_pipe_is_awaited_with_a_note() {
    let service = Service::start(Answer::Texts(vec!["A poem."]));
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let mut command = service.genai(&["chat", "What is this?"]);
    command.stdin(reader).stderr(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).spawn().expect("it starts");
    drop(command);

    let mut notes = BufReader::new(child.stderr.take().expect("it prints"));
    let mut note = String::new();
    notes.read_line(&mut note).expect("text");
    assert_contains(&note, "(reading stdin until it is closed");
    writer.write_all(b"Roses are red").expect("written");
    drop(writer);

    assert!(child.wait().expect("it ends").success());
    assert_contains(&service.request(), r"What is this?\n\nRoses are red");
}

/// Finding 1 of tests/newcomer.md.
#[test]
fn a_socket_that_is_open_and_silent_does_not_block_the_message() {
    let service = Service::start(Answer::Texts(vec!["Hello!"]));
    let (reader, writer) = std::os::unix::net::UnixStream::pair().expect("sockets");
    let reader = std::os::fd::OwnedFd::from(reader);

    let output = ran(service.genai(&["chat", "Hello"]).stdin(reader).output());

    assert_eq!(output.stdout, "Hello!\n");
    output.assert_reported("stdin is open but silent");
    drop(writer);
}

/// As in `git diff | genai "Explain this change:"` without a change.
#[test]
fn an_empty_pipe_next_to_a_message_is_reported() {
    let service = Service::start(Answer::Texts(vec!["Hello!"]));
    for words in [&["Explain this:"][..], &["Explain this:", "-"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(writer);

        let output = ran(service.genai(words).stdin(reader).output());

        assert_eq!(output.stdout, "Hello!\n", "{output:?}");
        output.assert_reported("(the piped input is empty)");
    }
    let none = ran(service.genai(&["Explain this:"]).output());
    assert!(!none.stderr.contains("piped input"), "{none:?}");
}

/// Finding 32 of tests/newcomer.md.
#[test]
fn piped_input_needs_no_command() {
    let service = Service::start(Answer::Texts(vec!["Hello!"]));
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(b"Good day").expect("written");
    drop(writer);

    let output = ran(service.genai(&[]).stdin(reader).output());

    assert_eq!(output.stdout, "Hello!\n", "{output:?}");
    assert!(service.request().contains("Good day"));
}

#[test]
fn empty_input_is_an_empty_message() {
    run(&["chat"]).assert_refused(2, &["the message is empty", "genai chat \"Hello\""]);
    run_with(&["chat"], b" \n\t\n").assert_refused(2, &["the message is empty"]);
}

#[test]
fn input_that_is_not_text_is_refused() {
    run_with(&["chat"], b"caf\xe9")
        .assert_refused(2, &["not UTF-8 text (invalid byte at offset 3)"]);
    run_with(&["chat"], b"\x7fELF\0\0").assert_refused(2, &["zero byte at offset 4"]);
}

#[test]
fn input_longer_than_a_message_may_be_is_refused() {
    let large = vec![b'a'; (16 << 20) + 100_000];

    run_with(&["chat"], &large).assert_refused(2, &["too long", "16 MiB"]);
}

#[cfg(target_os = "linux")]
#[test]
fn endless_input_is_read_up_to_the_maximum() {
    let mut command = genai(&["chat"]);
    let endless = std::fs::File::open("/dev/zero").expect("it is there");

    ran(command.stdin(endless).output()).assert_refused(2, &["too long", "16 MiB"]);
}

#[test]
fn a_closed_stdin_is_an_empty_message() {
    let mut command = through_shell(&genai(&[]), "exec \"$0\" chat <&-");

    ran(command.output()).assert_refused(2, &["the message is empty"]);
}

#[test]
fn a_closed_stdout_acts_like_dev_null() {
    let service = Service::start(Answer::Texts(vec!["unheard"]));
    let mut command = through_shell(&service.genai(&[]), "exec \"$0\" chat Hello >&-");

    let ended = ran(command.output());

    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(service.request().contains("Hello"));
}

#[test]
fn a_message_longer_than_the_context_is_refused_before_any_answer() {
    let long = "word ".repeat(20_000);

    run_with(&["chat"], long.as_bytes()).assert_refused(1, &["tokens"]);
}
