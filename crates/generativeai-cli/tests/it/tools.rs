//! `--tool`: the model calls the tools of MCP servers.

use super::service::{Answer, Service};
use super::support::{ran, run};

/// A command that starts a server with one tool.
pub(crate) fn server(name: &str, greeting: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/tools.py");
    format!("python3 '{script}' {name} '{greeting}'")
}

#[test]
fn a_tool_that_the_model_calls_runs_and_its_answer_goes_back() {
    let service = Service::start(Answer::Calls("greet", "Ada was greeted."));
    let tool = server("greet", "Good day");

    let words = ["chat", "--tool", &tool, "--output", "jsonl", "Greet Ada."];
    let said = ran(service.genai(&words).output());

    assert_eq!(said.code, Some(0), "{said:?}");
    let lines: Vec<_> = said.stdout.lines().collect();
    assert_eq!(
        lines[0],
        r#"{"type":"call","name":"greet","args":{"name":"Ada"}}"#
    );
    assert!(lines[1].contains("Ada was greeted."), "{said:?}");
    let answer = lines.last().expect("a line");
    assert!(answer.contains(r#""calls":[{"name":"greet""#), "{answer}");
    assert!(service.request().contains("functionDeclarations"));
    assert!(service.request().contains("Good day, Ada!"));
}

#[test]
fn the_tools_of_several_servers_are_offered_together() {
    let service = Service::start(Answer::Texts(vec!["Hello."]));
    let (one, two) = (server("greet", "Hi"), server("part", "Bye"));

    let said = ran(service
        .genai(&["chat", "--tool", &one, "--tool", &two, "Hello"])
        .output());

    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "Hello.\n"),
        "{said:?}"
    );
    let request = service.request();
    assert!(
        request.contains(r#""greet""#) && request.contains(r#""part""#),
        "{request}"
    );
}

#[test]
fn two_tools_of_one_name_are_refused_before_anything_is_sent() {
    let (one, two) = (server("greet", "Hi"), server("greet", "Bye"));

    run(&[
        "chat", "--model", "local", "--tool", &one, "--tool", &two, "Hello",
    ])
    .refused(1, &["greet"]);
}

#[test]
fn a_server_that_is_none_is_named() {
    let refused = |tool: &str, code, told: &[&str]| {
        run(&["chat", "--model", "local", "--tool", tool, "Hello"]).refused(code, told);
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
    refused("'open", 2, &["--tool `'open` is no command"]);
    refused(
        "http://example.com/",
        1,
        &["cannot use the tools of http://example.com/"],
    );
}
