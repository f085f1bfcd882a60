//! Single messages, with the embedded model and with a service.

use std::io::Read;
use std::process::Stdio;

use super::fake_service::{Answer, Service};
use super::support::{SHORT, assert_contains, genai, ran, run};

#[test]
fn the_embedded_model_answers_a_message() {
    let words = [&["chat", "How are you?"], &SHORT[..]].concat();

    let first = run(&words);
    let second = run(&words);

    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(first.stdout.split_whitespace().count() > 2, "{first:?}");
    assert!(
        first.stdout.ends_with('\n') && !first.stdout.ends_with("\n\n"),
        "{first:?}"
    );
    first.assert_reported("embedded model");
    assert_eq!(
        first.stdout, second.stdout,
        "the same seed gives the same answer"
    );
}

#[test]
fn a_reply_cut_off_at_the_token_limit_is_reported_on_stderr() {
    let short = run(&["chat", "--max-output-tokens", "3", "Tell me a long story."]);

    assert_eq!(short.code, Some(0), "{short:?}");
    assert!(
        short.stderr.contains(
            "(reply cut off: token limit reached; --max-output-tokens sets the limit, and"
        ),
        "{short:?}"
    );
    assert!(
        !short.stdout.contains("reply cut off: token limit reached"),
        "{short:?}"
    );
}

#[test]
fn with_a_key_the_gemini_api_is_used() {
    let service = Service::start(Answer::Texts(vec!["Ben Nevis is ", "1,345 m tall."]));
    let words = [
        "chat",
        "--system",
        "Be brief.",
        "--temperature",
        "0.5",
        "--top-k",
        "3",
        "How tall?",
    ];

    let output = service.run(&words);

    output.assert_printed("Ben Nevis is 1,345 m tall.\n");
    assert!(
        output.stderr.contains("--model local"),
        "the offline choice is named: {output:?}"
    );
    assert!(!output.stderr.contains("canary-key"), "{output:?}");
    let request = service.request();
    assert!(
        request.starts_with("POST /v1beta/models/gemini-"),
        "{request}"
    );
    assert_contains(&request, "canary-key");
    for part in [
        "How tall?",
        "Be brief.",
        r#""temperature":0.5"#,
        r#""topK":3"#,
    ] {
        assert_contains(&request, part);
    }
    assert!(
        !request.contains("topP"),
        "unset options are not sent: {request}"
    );
}

#[test]
fn files_mentioned_in_the_message_are_attached_but_not_those_in_piped_input() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("notes.txt"), "Feed the cat.").expect("a file");
    std::fs::write(folder.path().join("secret.txt"), "canary in the mine").expect("a file");
    let piped = folder.path().join("piped");
    std::fs::write(&piped, "See @secret.txt").expect("a file");
    let service = Service::start(Answer::Texts(vec!["Done."]));
    let mut command = service.genai(&["chat", "What is in @notes.txt?", "-"]);
    let piped = std::fs::File::open(piped).expect("it is there");

    let output = ran(command.current_dir(folder.path()).stdin(piped).output());

    output.assert_printed("Done.\n");
    output.assert_reported("attached notes.txt (text, 13 B)");
    let request = service.request();
    assert!(
        request.contains("Feed the cat.") && !request.contains("in the mine"),
        "{request}"
    );
}

/// Finding 2 of tests/newcomer.md.
#[test]
fn a_mention_without_a_file_is_reported() {
    let service = Service::start(Answer::Texts(vec!["Which picture?"]));

    let output = service.run(&["chat", "What is in @holiday.png?"]);

    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output
            .stderr
            .contains("(no file `holiday.png`: sent as text)"),
        "{output:?}"
    );
}

/// Finding 24 of tests/newcomer.md.
#[test]
fn quiet_omits_the_notice_about_the_model() {
    let service = Service::start(Answer::Texts(vec!["yes"]));

    let output = service.run(&["--quiet", "Hello"]);

    assert_eq!(
        (output.stdout.as_str(), output.stderr.as_str()),
        ("yes\n", "")
    );
}

#[test]
fn a_named_model_is_used_without_a_notice() {
    let service = Service::start(Answer::Texts(vec!["yes"]));

    let output = service.run(&["chat", "--model", "gemini-2.5-pro", "Hello"]);

    assert_eq!(
        (output.code, output.stderr.as_str()),
        (Some(0), ""),
        "{output:?}"
    );
    assert!(
        service
            .request()
            .contains("/models/gemini-2.5-pro:streamGenerateContent")
    );
}

#[test]
fn a_pipe_receives_the_answer_unchanged() {
    let service = Service::start(Answer::Texts(vec!["\u{1b}[31mred", "\u{1b}[0m\r\n"]));

    let output = service.run(&["chat", "Hello"]);

    assert_eq!(output.stdout, "\u{1b}[31mred\u{1b}[0m\r\n");
}

#[test]
fn an_answer_is_printed_as_it_arrives() {
    let service = Service::start(Answer::Hangs("at once"));
    let mut command = service.genai(&["chat", "Hello"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut text = [0; 7];

    let out = child.stdout.as_mut().expect("it prints");
    out.read_exact(&mut text)
        .expect("the first chunk, though the reply never ends");

    assert_eq!(&text, b"at once");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

#[test]
fn a_closed_reader_ends_the_program_quietly() {
    let mut command = genai(&["chat", "Count to a hundred."]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");

    drop(child.stdout.take());
    let ended = ran(child.wait_with_output());

    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stderr.contains("genai: "), "{ended:?}");
}
