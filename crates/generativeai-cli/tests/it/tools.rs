//! `--tool`: tools of MCP servers.

use super::fake_service::{Answer, Service};
use super::support::{assert_contains, genai, ran, run, saving};
use super::terminal::Terminal;

/// Returns a command that starts an MCP server with one tool.
pub(crate) fn server(name: &str, greeting: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/mcp_server.py");
    format!("python3 '{script}' {name} '{greeting}'")
}

#[test]
fn a_called_tool_runs_and_its_result_is_sent_back() {
    let service = Service::start(Answer::Calls("greet", "Ada was greeted."));
    let tool = server("greet", "Good day");

    let words = [
        "chat",
        "--tool",
        &tool,
        "--yes",
        "--output",
        "jsonl",
        "Greet Ada.",
    ];
    let output = service.run(&words);

    assert_eq!(output.code, Some(0), "{output:?}");
    let lines: Vec<_> = output.stdout.lines().collect();
    assert_eq!(
        lines[0],
        r#"{"type":"call","name":"greet","args":{"name":"Ada"}}"#
    );
    assert_eq!(
        lines[1],
        r#"{"type":"decision","name":"greet","args":{"name":"Ada"},"decision":"run"}"#
    );
    assert!(lines[2].contains("Ada was greeted."), "{output:?}");
    let answer = lines.last().expect("a line");
    assert_contains(answer, r#""calls":[{"name":"greet""#);
    assert!(service.request().contains("functionDeclarations"));
    assert!(service.request().contains("Good day, Ada!"));
}

#[test]
fn a_server_that_has_ended_is_started_again_by_the_next_call() {
    let call = || Answer::Calls("greet", "");
    let answers = vec![call(), call(), Answer::Texts(vec!["Done."])];
    let service = Service::start(Answer::Each(answers));
    let ends = tempfile::NamedTempFile::new().expect("a file");
    let tool = format!("{} {}", server("greet", "Good day"), ends.path().display());

    let output = service.run(&["chat", "--tool", &tool, "--yes", "Greet Ada."]);

    assert!(output.stdout.ends_with("Done.\n"), "{output:?}");
    let note = format!("(the MCP server `{tool}` has ended; connecting again)");
    assert_eq!(output.stderr.matches(&note).count(), 1, "{output:?}");
    service.request();
    assert_contains(&service.request(), "Transport closed");
    assert_contains(&service.request(), "Good day, Ada!");
}

#[test]
fn a_server_that_does_not_start_again_is_reported_with_its_log() {
    let call = || Answer::Calls("greet", "");
    let answers = vec![call(), call(), Answer::Texts(vec!["Done."])];
    let service = Service::start(Answer::Each(answers));
    let ends = tempfile::NamedTempFile::new().expect("a file");
    let greet = server("greet", "Good day");
    let tool = format!("{greet} {} once", ends.path().display());

    let output = service.run(&["chat", "--tool", &tool, "--yes", "Greet Ada."]);

    assert!(output.stdout.ends_with("Done.\n"), "{output:?}");
    let failed = format!("(cannot connect again to `{tool}` (its log: ");
    output.assert_reported(&failed);
    output.assert_reported("does not answer");
}

#[test]
fn a_call_without_tools_is_answered_by_the_next_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let answers = vec![Answer::Calls("greet", ""), Answer::Texts(vec!["Hello."])];
    let service = Service::start(Answer::Each(answers));
    let ask = |words: &[&str]| {
        let words = [&["chat", "-m", "gemini-x", "--session", "x"], words].concat();
        ran(saving(service.genai(&words), folder.path()).output())
    };

    let called = ask(&["--new", "Greet Ada."]);
    ask(&["And now?"]).assert_printed("Hello.\n");

    assert_eq!(called.code, Some(0), "{called:?}");
    service.request();
    let request = service.request();
    let answer = r#""parts":[{"functionResponse":{"name":"greet","response":{"error":"not run: "#;
    assert_contains(&request, answer);
    assert_contains(&request, r#"}},{"text":"And now?"}]"#);
}

#[test]
fn a_call_of_an_imported_history_is_answered_by_the_next_message() {
    let service = Service::start(Answer::Texts(vec!["Hello."]));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("chat.json");
    let history = r#"[{"role":"user","parts":[{"text":"Greet Ada."}]},
        {"role":"model","parts":[{"functionCall":{"name":"greet","args":{}}}]}]"#;
    std::fs::write(&file, history).expect("written");
    let path = file.to_str().expect("text");
    let import = genai(&["sessions", "import", path, "--name", "x"]);
    ran(saving(import, folder.path()).output()).assert_printed("x\n");
    let chat = service.genai(&["chat", "-m", "gemini-x", "--session", "x"]);
    let mut terminal = Terminal::start(&saving(chat, folder.path()));

    assert_eq!(terminal.ask("And now?"), "Hello.");

    terminal.quit();
    assert_contains(
        &service.request(),
        r#""parts":[{"functionResponse":{"name":"greet""#,
    );
}

#[test]
fn tools_of_several_servers_are_combined() {
    let service = Service::start(Answer::Texts(vec!["Hello."]));
    let (one, two) = (server("greet", "Hi"), server("part", "Bye"));

    let output = service.run(&["chat", "--tool", &one, "--tool", &two, "Hello"]);

    output.assert_printed("Hello.\n");
    let request = service.request();
    assert_contains(&request, r#""greet""#);
    assert_contains(&request, r#""part""#);
}

#[test]
fn tools_with_one_name_get_the_names_of_their_servers() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("config.toml");
    let (notes, other) = (server("greet", "Hi"), server("greet", "Bye"));
    let text = format!("[servers]\nmy-notes = \"{notes}\"\n");
    std::fs::write(&settings, text).expect("written");
    let service = Service::start(Answer::Calls("my_notes_greet", "Done."));
    let words = [
        "chat",
        "--tool",
        "my-notes",
        "--tool",
        &other,
        "--allow",
        "my-notes:greet",
        "Hello",
    ];

    let output = ran(service
        .genai(&words)
        .env("GENAI_CONFIG", &settings)
        .output());

    output.assert_printed("Done.\n");
    assert_contains(&service.request(), r#""server2_greet""#);
    assert_contains(&service.request(), "Hi, Ada!");
}

#[test]
fn an_unusable_server_is_named() {
    let refused = |tool: &str, code, texts: &[&str]| {
        run(&["chat", "--model", "local", "--tool", tool, "Hello"]).assert_refused(code, texts);
    };

    refused(
        "no-such-program-anywhere",
        1,
        &["cannot use the tools", "no-such-program-anywhere"],
    );
    refused(
        "true",
        1,
        &[
            "cannot use the tools of `true`",
            "check that this is an MCP server",
        ],
    );
    refused("'open", 2, &["--tool `'open` is not a command"]);
    refused(
        "http://example.com/",
        1,
        &["cannot use the tools of `http://example.com/`"],
    );
    // Without arguments the server ends when it is asked for its tools.
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/mcp_server.py");
    let ended = format!("python3 '{script}'");
    let named = format!("cannot use the tools of `{ended}` (its log: ");
    let hint = "check that this is an MCP server";
    refused(&ended, 1, &[&named, "does not list its tools", hint]);
}

#[test]
fn the_error_of_an_unreachable_server_contains_no_rust_type() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);

    let refused = run(&["chat", "--model", "local", "--tool", &address, "Hello"]);

    refused.assert_refused(1, &[&address, "does not answer", "error sending request"]);
    assert!(!refused.stderr.contains("::"), "{refused:?}");
}

#[test]
fn a_misspelled_server_of_the_settings_gets_a_suggestion() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("config.toml");
    std::fs::write(&settings, "[servers]\ngreeter = \"true\"\n").expect("written");
    for (name, question) in [
        ("greter", true),
        ("greeter", false),
        ("no-such-program", false),
    ] {
        let mut command = genai(&["chat", "-m", "local", "--tool", name, "Hello"]);
        let refused = ran(command.env("GENAI_CONFIG", &settings).output());

        let named = format!("cannot use the tools of `{name}`");
        refused.assert_refused(1, &[&named]);
        let asked = refused.stderr.contains("; did you mean `greeter`?");
        assert_eq!(asked, question, "{refused:?}");
    }
}
