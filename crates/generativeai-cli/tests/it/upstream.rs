//! Models of OpenAI-compatible servers: in chats, in lists, and behind `genai serve --upstream`.

use std::process::Command;

use generativeai::{GenerativeModel, Remote, check_backend};

use super::fake_openai::FakeOpenAi;
use super::fake_service::{Answer, Service};
use super::serve::Serving;
use super::support::{Ran, assert_contains, genai, ran, run};

/// Runs a future in a new runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(future)
}

/// Returns a Gemini client of `genai serve`.
fn remote(serving: &Serving) -> Remote {
    let remote = Remote::builder().base_url(format!("http://{}", serving.address));
    remote.api_key("any").build().expect("a client")
}

#[test]
fn a_model_of_an_openai_compatible_server_answers() {
    let server = FakeOpenAi::start();

    let answered = server.run(&[
        "chat",
        "--model",
        "openai:Qwen/Qwen3-4B",
        "--stats",
        "Hello",
    ]);

    answered.assert_printed("reply 1\n");
    answered.assert_reported("3 tokens in");
    let request = server.request();
    for part in [
        "authorization: Bearer canary-key\r\n",
        r#""model":"Qwen/Qwen3-4B""#,
        r#"{"role":"user","content":"Hello"}"#,
    ] {
        assert_contains(&request, part);
    }
}

#[test]
fn a_refused_key_of_an_openai_compatible_server_is_named_and_not_shown() {
    let body = r#"{"error":{"message":"Incorrect API key: canary-key","code":"invalid_api_key"}}"#;
    let server = FakeOpenAi::refusing(401, body);

    let refused = server.run(&["chat", "--model", "openai:m", "Hello"]);

    refused.assert_refused(1, &["Incorrect API key", "OPENAI_API_KEY"]);
    assert!(!refused.stderr.contains("canary"), "{refused:?}");
}

#[test]
fn the_list_of_models_asks_the_server() {
    let server = FakeOpenAi::start();

    let listed = server.run(&["models", "list"]);
    let offline = ran(server
        .genai(&["models", "list"])
        .env("GENAI_OFFLINE", "1")
        .output());

    assert_eq!(listed.code, Some(0), "{listed:?}");
    for name in ["local ", "openai:Qwen/Qwen3-4B ", "openai:qwen3:4b "] {
        let mut lines = listed.stdout.lines();
        assert!(lines.any(|line| line.starts_with(name)), "{listed:?}");
    }
    assert!(!offline.stdout.contains("openai:"), "{offline:?}");
}

#[test]
fn a_server_that_does_not_answer_is_reported_below_the_list_of_models() {
    let mut command = genai(&["models", "list"]);
    command
        .env("GENAI_OFFLINE", "0")
        .env("OPENAI_BASE_URL", "http://127.0.0.1:1");

    let listed = ran(command.output());

    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert!(listed.stdout.contains("qwen3-4b"), "{listed:?}");
    let reported = "http://127.0.0.1:1/v1 does not list its models";
    listed.assert_reported(reported);
}

#[test]
fn an_openai_compatible_server_computes_embeddings() {
    let server = FakeOpenAi::start();

    let embedded = server.run(&["embed", "--model", "openai:e5", "Hello"]);

    assert_eq!(embedded.stdout, "[0.5,-1.0]\n", "{embedded:?}");
    assert!(server.request().contains(r#""model":"e5""#));
}

#[test]
fn an_empty_name_of_a_served_model_is_refused() {
    run(&["chat", "--model", "ollama:", "Hello"]).assert_refused(2, &["ollama:NAME"]);
}

/// Returns the program with a Gemini API that is overloaded, and an OpenAI-compatible server.
fn with_overloaded_service(server: &FakeOpenAi, words: &[&str]) -> Ran {
    let overloaded = r#"{"error":{"code":503,"status":"UNAVAILABLE","message":"too busy"}}"#;
    let service = Service::start(Answer::Fails(503, overloaded));
    let mut command = service.genai(words);
    command.env("OPENAI_BASE_URL", &server.url);
    ran(command.output())
}

#[test]
fn the_next_model_answers_if_the_first_is_overloaded() {
    let models = "gemini-flash-latest,openai:Qwen/Qwen3-4B";
    let words = ["chat", "--model", models, "--output", "json", "Hello"];

    let answered = with_overloaded_service(&FakeOpenAi::start(), &words);

    assert_eq!(answered.code, Some(0), "{answered:?}");
    assert!(answered.stdout.contains("reply 1"), "{answered:?}");
    assert!(answered.stdout.contains("Qwen/Qwen3-4B"), "{answered:?}");
    for part in ["gemini-flash-latest: ", "too busy", "asking Qwen/Qwen3-4B"] {
        answered.assert_reported(part);
    }
}

#[test]
fn if_all_models_fail_the_last_error_is_shown() {
    let server = FakeOpenAi::refusing(401, r#"{"error":{"message":"no such key"}}"#);
    let words = ["chat", "--model", "gemini-flash-latest,openai:m", "Hello"];

    with_overloaded_service(&server, &words)
        .assert_refused(1, &["too busy", "asking m", "no such key"]);
}

#[test]
fn a_server_serves_one_model() {
    run(&["serve", "--port", "0", "--model", "local,smollm2"]).assert_refused(2, &["name one"]);
}

#[test]
fn a_served_upstream_passes_the_check_of_backends() {
    let server = FakeOpenAi::start();
    let serving = Serving::start(&["--upstream", &server.url, "--upstream-key", "s3cret"]);
    let model = GenerativeModel::new("gemini-flash-latest").backend(remote(&serving));

    block_on(check_backend(&model)).expect("a backend that a chat can rely on");

    let requests: Vec<_> = std::iter::repeat_with(|| server.request())
        .filter(|request| request.starts_with("POST"))
        .take(4)
        .collect();
    for request in requests {
        assert_contains(&request, "authorization: Bearer s3cret\r\n");
        assert_contains(&request, r#""model":"Qwen/Qwen3-4B""#);
    }
}

#[test]
fn each_model_of_an_upstream_is_served_under_its_name() {
    let server = FakeOpenAi::start();
    let serving = Serving::start(&["--upstream", &server.url, "--model", "default"]);

    for (asked, sent) in [
        ("qwen3:4b", "qwen3:4b"),
        ("models/Qwen/Qwen3-4B", "Qwen/Qwen3-4B"),
        ("gemini-2.5-flash", "default"),
    ] {
        let model = GenerativeModel::new(asked).backend(remote(&serving));
        let reply = block_on(async { model.generate_content("Hello").await });

        let text = reply.expect("a reply").text().expect("text");
        assert!(text.starts_with("reply"), "{text}");
        let mut requests = std::iter::repeat_with(|| server.request());
        let request = requests.find(|request| request.starts_with("POST"));
        let model = format!(r#""model":"{sent}""#);
        assert!(
            request.is_some_and(|request| request.contains(&model)),
            "{asked}"
        );
    }
    let unknown = GenerativeModel::new("llama").backend(remote(&serving));
    let error = block_on(async { unknown.generate_content("Hello").await });
    let error = error.expect_err("an unknown model").to_string();
    assert_contains(&error, "unknown model `models/llama`");
}

#[test]
fn an_upstream_is_a_setting() {
    let server = FakeOpenAi::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    let text = format!(
        "[serve]\nupstream = '{}'\nmodel = 'm'\nupstream_key = 's3cret'\n",
        server.url
    );
    std::fs::write(&file, text).expect("a file");
    let with_file = |mut command: Command| {
        command.env("GENAI_CONFIG", &file);
        command
    };

    let serving = Serving::start_with(with_file(genai(&["serve", "--port", "0"])));
    let answered = ran(serving.ask("any").output());
    let shown = ran(with_file(genai(&["config", "show"])).output());

    assert_eq!(answered.stdout, "reply 1\n", "{answered:?}");
    assert!(server.request().contains("Bearer s3cret"));
    assert_contains(&shown.stdout, "upstream_key = \"(hidden)\"");
}

#[test]
fn an_upstream_that_cannot_be_used_is_refused_with_advice() {
    let serve = |words: &[&str]| run(&[&["serve", "--port", "0"], words].concat());

    serve(&["--upstream", "vllm:8000"])
        .assert_refused(2, &["cannot use the upstream server vllm:8000"]);
    serve(&["--upstream", "http://127.0.0.1:1"])
        .assert_refused(1, &["--model", "http://127.0.0.1:1/v1"]);
    serve(&["--upstream-key", "s3cret"]).assert_refused(2, &["--upstream with the URL"]);
    serve(&["--upstream", "http://127.0.0.1:1", "--in-process"])
        .assert_refused(2, &["--in-process"]);
    let server = FakeOpenAi::refusing(500, "");
    let no_model = server.url.replace("/v1", "/v2");
    serve(&["--upstream", &no_model]).assert_refused(1, &["--model", "404"]);
}
