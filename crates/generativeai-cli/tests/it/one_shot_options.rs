//! Options of a single message: named prompts, project instructions, code blocks; token counts and embeddings.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::fake_service::{Answer, Service};
use super::support::{Ran, assert_contains, ran, run, through_shell};
use super::terminal::Terminal;
use super::tools::server;

/// Runs a command in a folder, which is also its folder for settings and state.
fn in_folder(mut command: Command, folder: &Path) -> Ran {
    command
        .current_dir(folder)
        .env("XDG_CONFIG_HOME", folder)
        .env("XDG_STATE_HOME", folder);
    ran(command.output())
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    let parent = path.parent().expect("a folder");
    fs::create_dir_all(parent).expect("a folder");
    fs::write(path, text).expect("it is written");
}

/// Issue 18: named prompts.
#[test]
fn a_named_prompt_is_sent_with_its_message_and_parameters() {
    let service = Service::start(Answer::Texts(vec!["Bonjour"]));
    let folder = tempfile::tempdir().expect("a folder");
    let settings = "[prompts]\ntranslate = \"To {{lang}}: {{input}}\"\n";
    write(folder.path(), "generativeai/config.toml", settings);
    write(
        folder.path(),
        "generativeai/prompts/explain.md",
        "Explain briefly.\n",
    );
    let chat = |words: &[&str]| {
        let command = service.genai(&[&["chat"], words].concat());
        in_folder(command, folder.path())
    };

    let translated = chat(&["-t", "translate", "-p", "lang=French", "Hello"]);
    let explained = chat(&["--template", "explain", "rust"]);

    assert_eq!(
        (translated.code, explained.code),
        (Some(0), Some(0)),
        "{translated:?}"
    );
    assert!(service.request().contains(r#""To French: Hello""#));
    assert!(service.request().contains(r#""Explain briefly.\n\nrust""#));
    chat(&["-t", "translate", "Hello"]).assert_refused(2, &["--param lang=VALUE"]);
    chat(&["-t", "translate", "-p", "lang=French"]).assert_refused(2, &["needs a message"]);
    let known = "unknown prompt `nosuch`: available: explain, translate";
    chat(&["-t", "nosuch", "Hello"]).assert_refused(2, &[known]);
    chat(&["-t", "explian", "Hello"]).assert_refused(2, &["did you mean `explain`?"]);
}

/// Issue 18: project instructions.
#[test]
fn the_instructions_of_a_project_are_used_and_shown() {
    let service = Service::start(Answer::Texts(vec!["Yes."]));
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "AGENTS.md", "Use tabs.\n");
    let chat = |words: &[&str]| {
        let command = service.genai(&[&["chat"], words].concat());
        in_folder(command, folder.path())
    };

    let with = chat(&["--system", "Be brief.", "Hello"]);
    let without = chat(&["--no-project", "Hello"]);

    with.assert_reported("Using the instructions of AGENTS.md");
    assert!(!without.stderr.contains("AGENTS.md"), "{without:?}");
    assert!(service.request().contains(r#""Use tabs.\n\nBe brief.""#));
    assert!(!service.request().contains("Use tabs."));

    write(folder.path(), "AGENTS.md", &"a".repeat((64 << 10) + 1));
    let too_large = chat(&["Hello"]);
    too_large.assert_printed("Yes.\n");
    too_large.assert_reported("(AGENTS.md is not used: it has more than 65536 bytes; --no-project");
}

/// Issue 18: `-x`.
#[test]
fn only_the_code_block_of_an_answer_is_printed() {
    let answer = vec!["Run this:\n```sh\nls", " -l\n```\nIt lists files."];
    let service = Service::start(Answer::Texts(answer));
    let code = service.run(&["chat", "-x", "How?"]);
    code.assert_printed("ls -l\n");

    let service = Service::start(Answer::Texts(vec!["With ls."]));
    let none = service.run(&["chat", "--code", "How?"]);
    none.assert_refused(1, &["With ls.", "the answer has no code block"]);
    service
        .run(&["chat", "-x", "-o", "json", "How?"])
        .assert_refused(2, &["--output"]);

    let words = [
        "chat",
        "-x",
        "--max-output-tokens",
        "3",
        "Tell me a long story.",
    ];
    let cut = run(&words);
    cut.assert_reported("reply cut off: token limit reached");
}

#[test]
fn no_code_is_printed_if_the_reply_is_stopped() {
    let service = Service::start(Answer::Hangs("```sh\nrm -r /tmp\n"));
    let mut terminal = Terminal::start(&service.genai(&["chat", "-x", "How?"]));

    terminal.wait_for("…");
    terminal.type_keys("\x03");

    let left = terminal.end();
    assert_eq!(left.code, 130, "{}", left.screen);
    let note = "(the reply is incomplete: its code is not printed)";
    assert_contains(&left.screen, note);
    assert!(!left.bytes.contains("rm -r"), "{}", left.screen);
}

/// Issue 18: `genai count`, `genai embed`.
#[test]
fn tokens_are_counted_and_text_is_embedded() {
    let service = Service::start(Answer::Fails(200, r#"{"embedding":{"values":[0.5,-1]}}"#));
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "a.txt", "one");
    write(folder.path(), "b.txt", "two");
    let run = |words: &[&str]| in_folder(service.genai(words), folder.path()).stdout;

    assert_eq!(run(&["count", "a.txt"]), "258\n");
    assert_eq!(
        run(&["count", "a.txt", "b.txt"]),
        "      258  a.txt\n      258  b.txt\n      516  total\n"
    );
    write(folder.path(), "empty.txt", "");
    let partly = in_folder(
        service.genai(&["count", "a.txt", "empty.txt", "none.txt"]),
        folder.path(),
    );
    assert_eq!(partly.code, Some(1), "{partly:?}");
    assert_eq!(partly.stdout, "      258  a.txt\n      258  total\n");
    for problem in ["empty.txt is empty", "cannot read none.txt"] {
        partly.assert_reported(problem);
    }
    let stdin = through_shell(&service.genai(&["count", "-"]), "echo one | \"$0\" \"$@\"");
    assert_eq!(in_folder(stdin, folder.path()).stdout, "258\n");
    assert_eq!(run(&["embed", "one", "two"]), "[0.5,-1.0]\n");
    service
        .run(&["count"])
        .assert_refused(2, &["no input: name a file"]);
    assert!(service.request().contains(r#"{"text":"one two"}"#));
    service
        .run(&["embed", "-m", "gemini-x,ollama:y", "one"])
        .assert_refused(2, &["name one"]);
}

/// Finding 24 of tests/newcomer.md: servers by name.
#[test]
fn a_server_of_the_settings_logs_to_a_file_unless_verbose() {
    let service = Service::start(Answer::Calls("greet", "Done."));
    let folder = tempfile::tempdir().expect("a folder");
    // In TOML, control characters are written as `\u001b`.
    let command = server("greet", "\\u001bHi");
    let settings = format!("[servers]\ngreeter = \"{command}\"\n");
    write(folder.path(), "generativeai/config.toml", &settings);
    let chat = |words: &[&str]| {
        let command = service.genai(&[&["chat", "--yes", "--tool", "greeter"], words].concat());
        in_folder(command, folder.path())
    };

    let quiet = chat(&["Greet Ada."]);
    let verbose = chat(&["--verbose", "Greet Ada."]);

    assert_eq!(quiet.stdout, "Done.\n", "{quiet:?}");
    assert!(!quiet.stderr.contains("log: "), "{quiet:?}");
    verbose.assert_reported("log: ");
    let path = folder.path().join("generativeai/servers.log");
    let log = || fs::read_to_string(&path).expect("a log");
    assert!(
        log().starts_with("20") && log().contains("Z greeter: log: "),
        "{}",
        log()
    );

    // A large log is replaced.
    let file = fs::File::options().write(true).open(&path);
    file.and_then(|file| file.set_len(10 << 20))
        .expect("a file");
    chat(&["Greet Ada."]);
    assert_eq!(log().matches("log: ").count(), 1);
    assert!(path.with_extension("log.old").exists());
}
