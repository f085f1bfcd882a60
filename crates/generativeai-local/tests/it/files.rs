//! Model files: architectures, chat templates, and invalid files.

use std::error::Error as _;

use generativeai::ErrorKind;
use generativeai::protocol::content::Content;
use generativeai_local::default_model;

use crate::support::{ask, builder, local, question, short, usage};
use crate::tiny::{self, Tiny, WITHOUT_SYSTEM};

#[tokio::test]
async fn other_architectures_generate_replies() {
    for architecture in ["qwen2", "llama", "mamba"] {
        let tiny = Tiny {
            architecture,
            ..Tiny::default()
        };
        let path = tiny.write(&format!("Some {architecture}"));
        let local = builder().context(512).model(&path).build().unwrap();
        tiny::remove(&path);

        let reply = ask(&local, question("Hello", short())).await.unwrap();

        assert!(usage(&reply).candidates_token_count > Some(0));
        let name = path
            .file_stem()
            .unwrap()
            .to_string_lossy()
            .to_lowercase()
            .replace(' ', "-");
        assert_eq!(reply.model_version.as_deref(), Some(name.as_str()));
        assert_eq!((local.name(), local.context()), (name.as_str(), 512));
    }
}

#[tokio::test]
async fn a_recurrent_model_evaluates_every_prompt_from_its_beginning() {
    let tiny = Tiny {
        architecture: "mamba",
        ..Tiny::default()
    };
    let path = tiny.write("state");
    let local = builder().context(512).model(&path).build().unwrap();
    tiny::remove(&path);
    let once = ask(&local, question("Hello", short())).await.unwrap();

    let again = ask(&local, question("Hello", short())).await.unwrap();

    assert_eq!(usage(&again).cached_content_token_count.unwrap_or(0), 0);
    assert_eq!(again.text().unwrap(), once.text().unwrap());
}

#[tokio::test]
async fn a_template_without_a_system_role_gets_the_instruction_as_text() {
    let path = Tiny {
        template: Some(WITHOUT_SYSTEM),
        ..Tiny::default()
    }
    .write("no-system");
    let local = builder().context(512).model(&path).build().unwrap();
    tiny::remove(&path);
    let request = question("Hi", short().max_output_tokens(1));

    let without = ask(&local, request.clone()).await.unwrap();
    let with = ask(
        &local,
        request.system_instruction(Content::from("Briefly.")),
    )
    .await
    .unwrap();

    // "Briefly." and two line breaks.
    let tokens = |reply| usage(reply).prompt_token_count.unwrap();
    assert_eq!(tokens(&with) - tokens(&without), 8 + 2);
}

#[test]
fn a_model_without_a_template_needs_one_to_be_set() {
    let path = Tiny {
        template: None,
        ..Tiny::default()
    }
    .write("bare");

    let error = builder().context(512).model(&path).build().unwrap_err();
    let named = builder()
        .context(512)
        .model(&path)
        .chat_template("{{ messages[0].content }}");

    assert!(error.to_string().ends_with("or set a template"), "{error}");
    named.build().unwrap();
    tiny::remove(&path);
}

#[test]
fn an_invalid_file_is_an_error_with_the_reason() {
    let whole = Tiny::default().bytes();
    let unknown = Tiny {
        architecture: "hologram",
        ..Tiny::default()
    }
    .bytes();
    for (name, bytes, reason) in [
        (
            "page",
            b"<!doctype html><title>Not found</title>".to_vec(),
            "not a GGUF file",
        ),
        ("short", b"GGUF".to_vec(), "not a GGUF file"),
        ("cut", whole[..whole.len() / 2].to_vec(), "cut"),
        ("cut-head", whole[..200].to_vec(), "cut-head"),
        ("unknown", unknown, "unknown"),
    ] {
        let path = tiny::file(name, &bytes);

        let error = builder().model(&path).build().unwrap_err();

        tiny::remove(&path);
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(reason), "{name}: {error}");
        if name.starts_with("cut") || name == "unknown" {
            let cause = error.source().expect("the log of llama.cpp").to_string();
            assert!(!cause.contains("null"), "{name}: {cause}");
        }
    }
    let error = builder().model("no/such/file.gguf").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn invalid_options_are_rejected_before_the_file_is_opened() {
    for (builder, name) in [
        (builder().chats(0), "chats"),
        (builder().chats(65), "chats"),
        (builder().queue(0), "queue"),
        (builder().threads(0), "threads"),
        (builder().context(10), "context"),
    ] {
        let error = builder.model("no/such/file.gguf").build().unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_context_beyond_the_trained_size_is_rejected() {
    let path = Tiny::default().write("trained");

    let error = builder().context(1_025).model(&path).build().unwrap_err();

    tiny::remove(&path);
    assert!(error.to_string().contains("1024"), "{error}");
}

#[test]
fn the_default_model_is_cached_at_its_path() {
    local();

    let path = default_model::fetch(|_| {}).unwrap();

    assert_eq!(path, default_model::path().unwrap());
    assert_eq!(path.metadata().unwrap().len(), 98_362_432);
}
