//! What cannot be done: an error that says what and what to do, and the exit code.

use std::net::TcpListener;

use super::service::{Answer, Service};
use super::support::{genai, ran, run};

#[test]
fn an_empty_message_is_refused() {
    run(&["chat", ""]).refused(2, &["the message is empty"]);
    run(&["chat", "  "]).refused(2, &["the message is empty"]);
}

#[test]
fn an_unknown_command_or_option_is_refused_with_the_usage() {
    run(&["chta"]).refused(2, &["chta", "chat"]);
    run(&["chat", "--modle", "x", "Hello"]).refused(2, &["--modle", "--model"]);
    run(&["chat", "--temperature", "warm", "Hello"]).refused(2, &["warm", "--temperature"]);
    run(&[]).refused(2, &["Usage"]);
}

#[test]
fn the_help_names_the_exit_codes() {
    let help = run(&["--help"]);

    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    assert!(help.stdout.contains("130"), "{help:?}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    run(&["chat", "--model", "nowhere.gguf", "Hello"]).refused(1, &["nowhere.gguf"]);
}

#[test]
fn a_file_that_is_no_model_is_named() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

    run(&["chat", "--model", file, "Hello"]).refused(1, &["Cargo.toml", "GGUF"]);
}

#[test]
fn a_model_of_the_service_needs_a_key() {
    run(&["chat", "--model", "gemini-2.5-pro", "Hello"])
        .refused(1, &["gemini-2.5-pro", "GEMINI_API_KEY", "--model local"]);
}

#[test]
fn a_key_that_is_wrong_is_not_shown() {
    let body = r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.",
        "status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",
        "reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}"#;
    let service = Service::start(Answer::Fails(400, body));

    let refused = ran(service.genai(&["chat", "Hello"]).output());

    refused.refused(1, &["API key not valid"]);
    assert!(!refused.stderr.contains("canary-key"), "{refused:?}");
}

#[test]
fn an_address_that_does_not_answer_is_told_with_a_way_out() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let mut command = genai(&["chat", "Hello"]);
    command
        .env("GEMINI_API_KEY", "canary-key")
        .env("GOOGLE_GEMINI_BASE_URL", address);

    let refused = ran(command.output());

    refused.refused(1, &["genai: ", "because: ", "--model local"]);
    assert!(!refused.stderr.contains("canary-key"), "{refused:?}");
}

#[test]
fn an_error_of_the_service_cannot_drive_the_terminal() {
    let body = r#"{"error":{"code":404,"message":"no \u001b[31mmodel\u001b]0;x\u0007!","status":"NOT_FOUND"}}"#;
    let service = Service::start(Answer::Fails(404, body));

    ran(service.genai(&["chat", "Hello"]).output()).refused(1, &["no model!"]);
}

#[cfg(target_os = "linux")]
#[test]
fn whatever_is_printed_a_full_disk_is_told() {
    for words in [
        &["--help"][..],
        &["chat", "--help"],
        &["models", "list"],
        &["config", "show"],
        &["completions", "zsh"],
        &["man"],
    ] {
        let full = std::fs::File::create("/dev/full").expect("it is there");

        ran(genai(words).stdout(full).output()).refused(1, &["cannot write", "because: "]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let service = Service::start(Answer::Texts(vec!["lost"]));
    let full = std::fs::File::create("/dev/full").expect("it is there");

    let refused = ran(service.genai(&["chat", "Hello"]).stdout(full).output());

    refused.refused(1, &["cannot write the answer", "because: "]);
}
