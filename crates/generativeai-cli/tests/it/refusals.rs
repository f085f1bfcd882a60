//! Errors: the message, the remedy, and the exit code.

use std::net::TcpListener;

use super::fake_service::{Answer, Service};
use super::support::{genai, ran, run};

#[test]
fn an_empty_message_is_refused() {
    run(&["chat", ""]).assert_refused(2, &["the message is empty"]);
    run(&["chat", "  "]).assert_refused(2, &["the message is empty"]);
    let refused = run(&["embed", ""]);
    refused.assert_refused(2, &["the message is empty"]);
    refused.assert_reported("genai embed \"Hello\"");
}

#[test]
fn an_unknown_command_or_option_is_refused_with_the_usage() {
    run(&["chta"]).assert_refused(2, &["chta", "'chat'", "use 'genai chat'"]);
    run(&["help", "chatt"]).assert_refused(2, &["chatt", "'chat'"]);
    // Not a command of another level.
    for words in [&["sessions", "count"][..], &["help", "sessions", "count"]] {
        let refused = run(words);
        refused.assert_refused(2, &["count"]);
        assert!(!refused.stderr.contains("tip"), "{refused:?}");
    }
    run(&["sessions", "import", "--name", "-5", "x"]).assert_refused(1, &["cannot read x"]);
    run(&["chat", "--continue", "--new", "Hello"]).assert_refused(2, &["--continue", "--new"]);
    run(&["chat", "--modle", "x", "Hello"]).assert_refused(2, &["--modle", "--model"]);
    run(&["chat", "--temperature", "warm", "Hello"]).assert_refused(2, &["warm", "--temperature"]);
    run(&[]).assert_refused(2, &["Usage"]);
}

/// An unset variable in a script: with an empty key the server would seem to be protected.
#[test]
fn an_empty_key_of_the_server_is_refused() {
    run(&["serve", "--api-key="]).assert_refused(2, &["--api-key <KEY>"]);
    let mut command = genai(&["serve"]);
    ran(command.env("GENAI_SERVE_KEY", "").output()).assert_refused(2, &["--api-key <KEY>"]);
    run(&["serve", "--continuation-key="]).assert_refused(2, &["--continuation-key <KEY>"]);
}

/// Finding 25 of tests/newcomer.md.
#[test]
fn an_option_out_of_range_is_refused_before_a_model_is_loaded() {
    for (option, value, range) in [
        ("--temperature", "3", "from 0 to 2"),
        ("--temperature", "hot", "a number"),
        ("--top-p", "7", "from 0 to 1"),
        ("--top-k", "-1", "0.."),
        ("--max-output-tokens", "0", "1.."),
    ] {
        run(&["chat", "-m", "nowhere.gguf", option, value, "Hello"])
            .assert_refused(2, &[option, value, range]);
    }
}

#[test]
fn the_help_names_the_exit_codes() {
    let help = run(&["--help"]);

    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    assert!(help.stdout.contains("130"), "{help:?}");
}

#[test]
fn the_paragraphs_of_the_help_fill_the_width_of_the_terminal() {
    for columns in [60, 80, 100] {
        let mut command = genai(&["--help"]);
        let help = ran(command.env("COLUMNS", columns.to_string()).output()).stdout;

        let (_, settings) = help.split_once("Settings:").expect("a paragraph");
        let lines: Vec<_> = settings.lines().collect();
        for pair in lines[1..].windows(2) {
            let [line, next] = pair else { continue };
            let word = next.split_whitespace().next().unwrap_or_default();
            let is_paragraph = |line: &str| !line.is_empty() && !line.starts_with(' ');
            let would_fit = line.chars().count() + 1 + word.chars().count() <= columns;
            let is_ragged = is_paragraph(line) && is_paragraph(next) && would_fit;
            assert!(!is_ragged, "{columns}: {line:?} before {next:?}");
        }
    }
}

#[test]
fn each_heading_of_the_help_is_followed_by_its_options_alone() {
    let help = run(&["serve", "--help"]).stdout;

    let (options, rest) = help.split_once("Embedded models:").expect("a heading");
    let (embedded, rest) = rest
        .split_once("For developers of clients:")
        .expect("a heading");
    let (clients, global) = rest.split_once("Global options:").expect("a heading");
    assert!(!options.contains("--color"), "{options}");
    for (part, names) in [
        (options, &["--strict-names", "--allow-origin"][..]),
        (
            embedded,
            &["--threads", "--context", "--deterministic", "--strict"],
        ),
        (
            clients,
            &[
                "--fault",
                "--hop-tokens",
                "--checkpoint-tokens",
                "--continuation-key",
            ],
        ),
        (global, &["--color"]),
    ] {
        let of_line = |line: &str| {
            line.split([' ', '['])
                .find(|word| !word.is_empty())
                .map(str::to_owned)
        };
        let lines = part.lines().filter(|line| line.starts_with("      --"));
        let found: Vec<_> = lines.filter_map(of_line).collect();
        for name in names {
            assert!(found.iter().any(|it| it == name), "no {name} in {found:?}");
        }
        assert!(part == options || found.len() == names.len(), "{found:?}");
    }
}

#[test]
fn a_missing_model_file_is_named() {
    run(&["chat", "--model", "nowhere.gguf", "Hello"]).assert_refused(1, &["nowhere.gguf"]);
}

#[test]
fn a_file_that_is_not_a_model_is_named() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

    run(&["chat", "--model", file, "Hello"]).assert_refused(1, &["Cargo.toml", "GGUF"]);
}

#[test]
fn a_model_of_the_service_needs_a_key() {
    run(&["chat", "--model", "gemini-2.5-pro", "Hello"])
        .assert_refused(2, &["gemini-2.5-pro", "GEMINI_API_KEY", "--model local"]);
    run(&["chat", "--model", "qwen2.5-coder", "Hello"])
        .assert_refused(2, &["GEMINI_API_KEY", "did you mean `qwen2.5-coder-0.5b`?"]);
}

#[test]
fn without_a_key_the_error_names_what_a_user_can_do() {
    for (words, remedies) in [
        (
            &["chat", "-m", "gemini-2.5-pro", "Hello"][..],
            &["--model local"][..],
        ),
        (
            &["embed", "Hello"],
            &["--model local, --model ollama:NAME or openai:NAME"],
        ),
        (
            &["files", "list"],
            &["cannot use the files of the Gemini API"],
        ),
    ] {
        let refused = run(words);

        refused.assert_refused(2, &[&["set GEMINI_API_KEY"], remedies].concat());
        assert!(!refused.stderr.contains("builder"), "{refused:?}");
    }
}

/// The functions and fields of the SDK in an error are a dead end for users of the program.
#[test]
fn errors_name_options_of_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("film.unknown");
    std::fs::write(&file, [0, 159]).expect("written");
    let safety = r#"{"candidates":[{"finishReason":"SAFETY"}]}"#;
    let service = Service::start(Answer::Fails(200, safety));
    let upload = ["files", "upload", file.to_str().expect("text")];
    let mut plain = service.genai(&["chat", "Hello"]);
    plain.env("GOOGLE_GEMINI_BASE_URL", "http://example.com");
    for (mut command, code, remedy) in [
        (service.genai(&upload), 1, "--mime-type sets it"),
        (
            genai(&["chat", "-m", "openai:m", "Hello"]),
            2,
            "OPENAI_API_KEY",
        ),
        (service.genai(&["chat", "Hello"]), 1, "rephrase the message"),
        (plain, 2, "use https://"),
    ] {
        let refused = ran(command.output());

        refused.assert_refused(code, &[remedy]);
        for word in [
            "`mime_type`",
            "`api_key`",
            "builder",
            "`safety_ratings`",
            "`max_output_tokens`",
            "plain HTTP",
        ] {
            assert!(!refused.stderr.contains(word), "{word} in {refused:?}");
        }
    }
}

#[test]
fn a_file_that_the_embedded_model_cannot_read_is_refused_with_a_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("x.png"), b"\x89PNG\0").expect("a file");
    let mut command = genai(&["chat", "-m", "smollm2", "What is @x.png?"]);

    let refused = ran(command.current_dir(folder.path()).output());

    refused.assert_refused(
        1,
        &[
            "image/png",
            "hint: --model names a model that reads such files",
        ],
    );
}

#[test]
fn the_hint_for_an_empty_reply_at_the_token_limit_names_the_limit() {
    let empty = r#"{"candidates":[{"content":{"role":"model"},"finishReason":"MAX_TOKENS"}]}"#;
    let service = Service::start(Answer::Fails(200, empty));

    let refused = service.run(&["chat", "Hello"]);

    refused.assert_refused(1, &["hint: raise the limit with --max-output-tokens"]);
}

#[test]
fn a_reply_with_thoughts_alone_is_reported_as_such() {
    let thoughts = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hm","thought":true}]},
        "finishReason":"STOP"}]}"#;
    let service = Service::start(Answer::Fails(200, thoughts));

    let answered = service.run(&["chat", "-q", "Hello"]);

    assert_eq!(answered.stderr, "(no text in the reply: thoughts)\n");
}

#[test]
fn invalid_names_addresses_and_keys_have_the_exit_code_of_invalid_arguments() {
    let service = Service::start(Answer::Texts(vec!["Yes."]));
    service
        .run(&["chat", "-m", "gemini x", "Hello"])
        .assert_refused(2, &["`gemini x` contains white space"]);
    for (variable, value, problem) in [
        (
            "GOOGLE_GEMINI_BASE_URL",
            "nowhere",
            "GOOGLE_GEMINI_BASE_URL: the base URL has to start with https://",
        ),
        ("GEMINI_API_KEY", "two\nlines", "contains a line break"),
    ] {
        let mut command = service.genai(&["chat", "-m", "gemini-x", "Hello"]);
        ran(command.env(variable, value).output()).assert_refused(2, &[problem]);
    }
    run(&["serve", "--port", "0", "--upstream", "nowhere"])
        .assert_refused(2, &["the upstream server nowhere"]);
}

#[test]
fn a_key_that_is_wrong_is_not_shown() {
    let body = r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.",
        "status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",
        "reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}"#;
    let service = Service::start(Answer::Fails(400, body));

    let refused = service.run(&["chat", "Hello"]);

    refused.assert_refused(1, &["API key not valid"]);
    assert!(!refused.stderr.contains("canary-key"), "{refused:?}");
}

#[test]
fn an_unreachable_address_is_reported_with_a_remedy() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let mut command = genai(&["chat", "Hello"]);
    command
        .env("GENAI_OFFLINE", "0")
        .env("GEMINI_API_KEY", "canary-key")
        .env("GOOGLE_GEMINI_BASE_URL", address);

    let refused = ran(command.output());

    refused.assert_refused(
        1,
        &["genai: ", "because: Connection refused", "--model local"],
    );
    for unwanted in ["canary-key", "(Connect)", "tcp connect error"] {
        assert!(!refused.stderr.contains(unwanted), "{refused:?}");
    }
}

#[test]
fn an_error_of_the_service_cannot_control_the_terminal() {
    let body = r#"{"error":{"code":404,"message":"no \u001b[31mmodel\u001b]0;x\u0007!","status":"NOT_FOUND"}}"#;
    let service = Service::start(Answer::Fails(404, body));

    service
        .run(&["chat", "Hello"])
        .assert_refused(1, &["no model!"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported_by_every_command() {
    for words in [
        &["--help"][..],
        &["chat", "--help"],
        &["models", "list"],
        &["config", "show"],
        &["completions", "zsh"],
        &["man"],
    ] {
        let full = std::fs::File::create("/dev/full").expect("it is there");

        ran(genai(words).stdout(full).output()).assert_refused(1, &["cannot write", "because: "]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported_for_an_answer() {
    let service = Service::start(Answer::Texts(vec!["lost"]));
    let full = std::fs::File::create("/dev/full").expect("it is there");

    let refused = ran(service.genai(&["chat", "Hello"]).stdout(full).output());

    refused.assert_refused(1, &["cannot write to stdout", "because: "]);
}
