//! Replies in several requests, with continuation tokens.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use serde_json::{Value, json};

use super::fake_service::{Answer, Service};
use super::serve::Serving;
use super::support::{assert_contains, genai, ran, run, saving};
use super::terminal::Terminal;

const CTRL_C: &str = "\x03";

const HOPS: [Answer; 3] = [
    Answer::Hop("Once ", "a"),
    Answer::Hop("upon ", "b"),
    Answer::Hop("a ", "c"),
];

/// Returns `genai chat` with a store in a folder, which is also the current folder.
fn chat(service: &Service, data: &tempfile::TempDir, words: &[&str]) -> Command {
    let words = [&["chat", "-m", "gemini-x"], words].concat();
    let mut command = saving(service.genai(&words), data.path());
    command.current_dir(data.path());
    command
}

#[test]
fn statistics_show_the_hops_of_a_reply() {
    let answers = [&HOPS[..], &[Answer::Texts(vec!["time."])]].concat();
    let service = Service::start(Answer::Each(answers));

    let output = service.run(&["chat", "-m", "gemini-x", "--stats", "Hi"]);

    assert_eq!(output.stdout, "Once upon a time.\n", "{output:?}");
    output.assert_reported(" tokens/s; 4 hops");
}

#[test]
fn ctrl_c_in_any_hop_keeps_the_reply_as_in_one() {
    for hops in 1..=3 {
        let answers = [
            &HOPS[..hops],
            &[Answer::Hangs("an end "), Answer::Texts(vec!["Bye!"])],
        ]
        .concat();
        let service = Service::start(Answer::Each(answers));
        let data = tempfile::tempdir().expect("a folder");
        let mut terminal = Terminal::start(&chat(&service, &data, &[]));
        let text = format!("{}an end", &"Once upon a "[..[5, 10, 12][hops - 1]]);

        terminal.enter("Tell me a story");
        terminal.wait_for(&text);
        terminal.type_keys(CTRL_C);
        terminal.wait_for("(stopped; the part that arrived is kept: /continue continues it)");
        assert_eq!(
            terminal.ask("/history"),
            format!("you: Tell me a story\nmodel: {text} (interrupted)")
        );
        assert_eq!(terminal.ask("Goodbye"), "Bye!");
        terminal.quit();

        (0..=hops).for_each(|_| drop(service.request()));
        let last = service.request();
        assert_contains(&last, &text);
        assert!(!last.contains("continuationToken"), "{last}");
    }
}

#[test]
fn continue_uses_the_token_of_a_stopped_reply() {
    let answers = [
        &HOPS[..2],
        &[Answer::Hangs("a "), Answer::Texts(vec!["a ", "time."])],
    ]
    .concat();
    let service = Service::start(Answer::Each(answers));
    let data = tempfile::tempdir().expect("a folder");
    let mut terminal = Terminal::start(&chat(&service, &data, &[]));

    terminal.enter("Tell me a story");
    terminal.wait_for("Once upon a");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(stopped; the part that arrived is kept");
    // Commands that show or write something, that fail, or that concern the next message or another session.
    for line in [
        "/continue now",
        "/history",
        "/tokens",
        "/sessions",
        "/session",
        "/session nowhere",
        "/model",
        "/model nowhere.gguf",
        "/system",
        "/attach",
        "/attach nowhere.txt",
        "/compact off",
        "/compact few",
        "/save story.json",
        "/export story.md",
        "/copy code",
        "/undo none",
        "/redo",
        "/load nowhere.json",
        "/new",
    ] {
        terminal.ask(line);
    }
    assert_contains(
        &terminal.ask("/session 1"),
        "model: Once upon a (interrupted)",
    );
    terminal.enter("/edit");
    terminal.wait_until("the message at the prompt", |screen| {
        screen.contents().trim_end().ends_with("> Tell me a story")
    });
    terminal.type_keys(CTRL_C);
    terminal.wait_for("(unchanged)");
    assert_eq!(terminal.ask("/continue"), "a time.");
    assert_eq!(
        terminal.ask("/history"),
        "you: Tell me a story\nmodel: Once upon a time."
    );
    terminal.quit();

    for file in ["story.json", "story.md"] {
        let text = std::fs::read_to_string(data.path().join(file)).expect(file);
        assert_contains(&text, "upon ");
    }
    (0..3).for_each(|_| drop(service.request()));
    let last = service.request();
    assert_contains(&last, r#""continuationToken":"b""#);
    assert!(!last.contains("Once"), "{last}");
}

#[test]
fn a_change_of_the_request_ends_the_reply_that_could_be_continued() {
    for line in ["/system Be brief.", "/model gemini-y", "/compact 1000"] {
        let answers = vec![
            Answer::Hop("Once ", "a"),
            Answer::Hangs("upon "),
            Answer::Texts(vec!["a time."]),
        ];
        let service = Service::start(Answer::Each(answers));
        let data = tempfile::tempdir().expect("a folder");
        let mut terminal = Terminal::start(&chat(&service, &data, &[]));

        terminal.enter("Tell me a story");
        terminal.wait_for("Once upon");
        terminal.type_keys(CTRL_C);
        terminal.wait_for("(stopped; the part that arrived is kept");
        terminal.ask(line);
        assert_eq!(terminal.ask("/continue"), "a time.");
        terminal.quit();

        (0..2).for_each(|_| drop(service.request()));
        let last = service.request();
        assert_contains(&last, "Once upon ");
        assert!(!last.contains("continuationToken"), "{line}: {last}");
    }
}

#[test]
fn a_reply_whose_continuation_fails_is_kept() {
    let refusal = r#"{"error":{"code":400,"message":"bad token","status":"INVALID_ARGUMENT"}}"#;
    let answers = vec![
        Answer::Hop("Once ", "a"),
        Answer::Hangs("upon "),
        Answer::Fails(400, refusal),
    ];
    let service = Service::start(Answer::Each(answers));
    let data = tempfile::tempdir().expect("a folder");
    let mut terminal = Terminal::start(&chat(&service, &data, &[]));

    terminal.enter("Tell me a story");
    terminal.wait_for("Once upon");
    terminal.type_keys(CTRL_C);
    let shown = terminal.ask("/continue");
    assert_contains(&shown, "bad token");
    assert_contains(
        &shown,
        "(the part that arrived is kept: /continue continues it)",
    );
    let history = terminal.ask("/history");
    assert!(
        history.starts_with("you: Tell me a story\nmodel: Once"),
        "{history}"
    );
    terminal.quit();
}

/// Checks that a new process continues the reply of the last session.
fn assert_continues(service: &Service, data: &tempfile::TempDir) {
    let mut terminal = Terminal::start(&chat(service, data, &["--continue"]));
    terminal.wait_for("(the last reply was interrupted: /continue continues it)");
    assert_eq!(terminal.ask("/continue"), "a time.");
    assert_eq!(
        terminal.ask("/history"),
        "you: Tell me a story\nmodel: Once upon a time."
    );
    terminal.quit();
}

#[test]
fn a_session_whose_process_was_killed_in_a_hop_continues_it() {
    let answers = [
        &HOPS[..2],
        &[Answer::Hangs("a "), Answer::Texts(vec!["a ", "time."])],
    ]
    .concat();
    let service = Service::start(Answer::Each(answers));
    let data = tempfile::tempdir().expect("a folder");
    let mut terminal = Terminal::start(&chat(&service, &data, &[]));
    terminal.enter("Tell me a story");
    terminal.wait_for("Once upon a");
    terminal.signal("KILL");
    terminal.wait_until_killed();

    assert_continues(&service, &data);
}

#[test]
fn a_session_that_was_ended_after_a_stopped_reply_continues_it() {
    for words in [&[][..], &["Tell me a story"]] {
        let answers = [
            &HOPS[..2],
            &[Answer::Hangs("a "), Answer::Texts(vec!["a ", "time."])],
        ]
        .concat();
        let service = Service::start(Answer::Each(answers));
        let data = tempfile::tempdir().expect("a folder");
        let mut terminal = Terminal::start(&chat(&service, &data, words));
        if words.is_empty() {
            terminal.enter("Tell me a story");
        }
        terminal.wait_for("Once upon a");
        terminal.type_keys(CTRL_C);
        if words.is_empty() {
            terminal.wait_for("(stopped; the part that arrived is kept");
            terminal.quit();
        } else {
            terminal.end();
        }

        assert_continues(&service, &data);
    }
}

/// Arguments with which the embedded model generates a reply of 24 tokens.
const COUNT: [&str; 6] = [
    "--temperature",
    "0.5",
    "--max-output-tokens",
    "24",
    "--",
    "Tell me a long story about a dog.",
];

/// Sends a message to a server. Returns the reply and the note about the number of hops.
fn count(serving: &Serving) -> (String, String) {
    let mut command = genai(&["chat", "--stats", "--model", "gemini-2.5-flash"]);
    let command = command
        .env(
            "GOOGLE_GEMINI_BASE_URL",
            format!("http://{}", serving.address),
        )
        .env("GEMINI_API_KEY", "any")
        .args(COUNT);
    let answered = ran(command.output());
    assert_eq!(answered.code, Some(0), "{answered:?}");
    let hops = answered
        .stderr
        .rsplit_once("; ")
        .map(|(_, hops)| hops.trim());
    (answered.stdout, hops.unwrap_or_default().to_owned())
}

#[test]
fn hops_and_cut_streams_of_the_embedded_model_equal_one_hop() {
    let whole = count(&Serving::start(&["--deterministic"])).0;

    let words = ["--hop-tokens", "6"];
    let (hops, number) = count(&Serving::start(&words));
    assert_eq!((hops.as_str(), number.as_str()), (whole.as_str(), "4 hops"));

    let cut = ["--checkpoint-tokens", "2", "--fault", "cut=5x3"];
    let (cut, number) = count(&Serving::start(&[&words[..], &cut].concat()));
    assert_eq!(cut, whole);
    assert!(number.ends_with(" hops"), "{number}");
}

/// Sends a request to a server, and returns the response.
fn post(serving: &Serving, body: &Value) -> Value {
    let mut stream = TcpStream::connect(&serving.address).expect("a connection");
    let body = body.to_string();
    let request = format!(
        "POST /v1beta/models/gemini-x:generateContent HTTP/1.1\r\nhost: localhost\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("text");
    let (_, body) = response.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).expect("JSON")
}

#[test]
fn a_token_is_valid_after_a_restart_of_the_server() {
    let words = ["--hop-tokens", "4"];
    let mut body = json!({
        "contents": [{"parts": [{"text": "Count from one to twenty in words."}]}],
        "generationConfig": {"maxOutputTokens": 8},
    });
    let first = post(&Serving::start(&words), &body);
    let candidate = &first["candidates"][0];
    assert_eq!(candidate["finishReason"], "CONTINUATION", "{first}");
    body["continuationToken"] = candidate["continuationToken"].clone();

    let second = post(&Serving::start(&words), &body);
    assert_eq!(
        second["candidates"][0]["finishReason"], "MAX_TOKENS",
        "{second}"
    );
    assert_eq!(
        second["usageMetadata"]["candidatesTokenCount"], 4,
        "{second}"
    );

    let other = [&words[..], &["--continuation-key", "another"]].concat();
    let refused = post(&Serving::start(&other), &body);
    assert_eq!(refused["error"]["status"], "INVALID_ARGUMENT", "{refused}");
}

#[test]
fn hops_of_a_model_of_the_gemini_api_are_refused() {
    let words = [
        "serve",
        "--port",
        "0",
        "--model",
        "gemini-x",
        "--hop-tokens",
        "8",
    ];
    run(&words).assert_refused(2, &["--hop-tokens", "--model"]);
    run(&["serve", "--hop-tokens", "0"]).assert_refused(2, &["--hop-tokens"]);
}
