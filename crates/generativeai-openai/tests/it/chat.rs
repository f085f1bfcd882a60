//! Tests of chats: the contract of a backend, function calls, embeddings and models.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use generativeai::protocol::embeddings::{BatchEmbedContentsRequest, EmbedContentRequest};
use generativeai::protocol::tools::{FunctionCallingMode, FunctionDeclaration};
use generativeai::{Backend, ErrorKind, Function, RequestOptions, check_backend};
use serde_json::json;

use crate::support::{Answer, Server, completion, event, stream};

/// Starts a server that answers a request with a stream or a completion, as the request demands.
async fn echo() -> Server {
    Server::start(|at, request| {
        let text = format!("reply number {at}");
        match request["stream"] == true {
            true => Answer::stream(stream(&text)),
            false => Answer::json(completion(&text)),
        }
    })
    .await
}

#[tokio::test]
async fn a_server_passes_the_check_of_backends() {
    let server = echo().await;

    check_backend(&server.model()).await.unwrap();

    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    assert!(
        requests
            .iter()
            .all(|(line, _)| line == "POST /v1/chat/completions HTTP/1.1")
    );
    assert_eq!(requests[3].1["messages"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_function_is_called_and_its_response_is_sent_with_the_identifier() {
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "double", "arguments": arguments}});
    let calls = json!({"choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": null, "tool_calls": [call("a", "{\"x\":2}"), call("b", "{\"x\":3}")],
    }}]});
    let server = Server::play(vec![
        Answer::json(calls),
        Answer::json(completion("4 and 6")),
    ])
    .await;
    let double = Function::from_declaration(
        FunctionDeclaration::new("double", "Doubles a number.").parameters_json_schema(
            json!({"type": "object", "properties": {"x": {"type": "integer"}}}),
        ),
        async |args: serde_json::Map<String, serde_json::Value>| {
            Ok(json!(args["x"].as_i64().unwrap() * 2))
        },
    );
    let mut chat = server.calling_chat(double);

    let reply = chat.send_message("Double 2 and 3").await.unwrap();

    assert_eq!(reply.text().unwrap(), "4 and 6");
    let messages = server.requests()[1].1["messages"].clone();
    assert_eq!(
        messages[2],
        json!({"role": "tool", "tool_call_id": "a", "content": "{\"result\":4}"})
    );
    assert_eq!(
        messages[3],
        json!({"role": "tool", "tool_call_id": "b", "content": "{\"result\":6}"})
    );
}

#[tokio::test]
async fn a_call_with_cut_arguments_fails_the_turn_and_never_runs() {
    let piece = json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"x\":"}}]});
    for (reason, kind) in [
        ("length", ErrorKind::Truncated),
        ("tool_calls", ErrorKind::Stopped),
    ] {
        let body =
            event(piece.clone(), None) + &event(json!({}), Some(reason)) + "data: [DONE]\n\n";
        let server = Server::play(vec![Answer::stream(body)]).await;
        let f = Function::from_declaration(
            FunctionDeclaration::new("f", ""),
            async |_: serde_json::Map<String, serde_json::Value>| {
                // `panic!` has no type from which the return type of the closure could be inferred.
                panic!("the function runs") as generativeai::Result<serde_json::Value>
            },
        );
        let mut chat = server.calling_chat(f);

        let error = chat.send_message("Go").stream().finish().await.unwrap_err();

        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(chat.history().is_empty());
        assert_eq!(server.requests().len(), 1);
    }
}

/// Returns a function that counts its calls.
fn counting(name: &str) -> (Function, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let function = Function::from_declaration(
        FunctionDeclaration::new(name, ""),
        move |_: serde_json::Map<String, serde_json::Value>| {
            count.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok(json!("done")))
        },
    );
    (function, calls)
}

/// Kimi and others leave out the finish reason.
#[tokio::test]
async fn a_whole_call_without_a_finish_reason_runs_only_if_the_server_ends_the_stream() {
    let call = |arguments: &str| json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": arguments}}]});
    // `[DONE]` proves that the server sent the whole reply, and complete JSON that the call is whole. Both are needed.
    let whole = event(call("{\"x\":1}"), None);
    let cut = event(call("{\"x\":"), None);
    for (body, runs) in [
        (format!("{whole}data: [DONE]\n\n"), true),
        (format!("{whole}data: [DONE]"), true),
        (format!("{}\ndata: [DONE]\n\n", whole.trim_end()), true),
        (whole.clone(), false),
        (whole.trim_end().to_owned(), false),
        (format!("{cut}data: [DONE]\n\n"), false),
        (cut.clone(), false),
        (format!("{}data: [DONE]\n\n", event(call(""), None)), false),
    ] {
        let server = Server::play(vec![
            Answer::stream(&body),
            Answer::stream(stream("It is done")),
        ])
        .await;
        let (f, calls) = counting("f");
        let mut chat = server.calling_chat(f);

        let reply = chat.send_message("Go").stream().finish().await;

        assert_eq!(calls.load(Ordering::Relaxed), usize::from(runs), "{body}");
        if runs {
            assert_eq!(reply.unwrap().text().unwrap(), "It is done");
            continue;
        }
        let error = reply.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated, "{body}: {error:?}");
        let received = error.response().unwrap();
        let part = &received.candidates[0].parts()[0];
        let call = part.as_function_call().unwrap();
        assert_eq!(call.name(), "f", "{body}");
        assert!(!call.is_complete(), "{body}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_call_of_a_custom_tool_is_answered_with_the_existing_functions() {
    let call = json!({"id": "a", "type": "custom", "custom": {"name": "f", "input": "ls"}});
    let calls = json!({"choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "tool_calls": [call]}}]});
    let server = Server::play(vec![
        Answer::json(calls),
        Answer::json(completion("I cannot")),
    ])
    .await;
    let (f, calls) = counting("f");
    let mut chat = server.calling_chat(f);

    let reply = chat.send_message("Go").await.unwrap();

    assert_eq!(reply.text().unwrap(), "I cannot");
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    let messages = &server.requests()[1].1["messages"];
    assert_eq!(messages[1]["tool_calls"][0]["function"]["name"], "f");
    let answer = messages[2]["content"].as_str().unwrap();
    assert!(answer.contains("call one of `f`"), "{answer}");
}

#[tokio::test]
async fn a_call_without_a_name_fails_the_turn_in_words() {
    let call = json!({"index": 0, "id": "a", "function": {"arguments": "{}"}});
    let body = event(json!({"tool_calls": [call]}), Some("tool_calls")) + "data: [DONE]\n\n";
    let server = Server::play(vec![Answer::stream(body)]).await;
    let (f, _) = counting("f");
    let mut chat = server.calling_chat(f);

    let error = chat.send_message("Go").stream().finish().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(error.to_string().contains("without a name"), "{error}");
}

/// Many servers ignore `tool_choice`.
#[tokio::test]
async fn a_text_in_place_of_the_call_that_the_mode_requires_is_the_reply() {
    let server = Server::play(vec![Answer::json(completion("Which one?"))]).await;
    let (f, _) = counting("f");
    let model = server.model().tools(f);
    let model = model.tool_config(FunctionCallingMode::Any);
    let mut chat = model.start_chat().automatic_function_calling(true);

    let reply = chat.send_message("Go").await.unwrap();

    assert_eq!(reply.text().unwrap(), "Which one?");
    assert_eq!(reply.function_calls().count(), 0);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(server.requests()[0].1["tool_choice"], "required");
}

#[tokio::test]
async fn a_reply_with_parts_of_unknown_kinds_can_be_followed_by_a_message() {
    let list =
        json!([{"type": "text", "text": "Yes"}, {"type": "reference", "reference_ids": [1]}]);
    let mut first = completion("");
    first["choices"][0]["message"]["content"] = list.clone();
    let server = Server::play(vec![Answer::json(first), Answer::json(completion("No"))]).await;
    let mut chat = server.model().start_chat();

    chat.send_message("Is it?").await.unwrap();
    let reply = chat.send_message("Sure?").await.unwrap();

    assert_eq!(reply.text().unwrap(), "No");
    assert_eq!(server.requests()[1].1["messages"][1]["content"], list);
}

#[tokio::test]
async fn a_request_that_cannot_be_expressed_is_not_sent() {
    let server = echo().await;
    let model = server.model().cached_content("cachedContents/1");

    let error = model.generate_content("Hi").await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Request);
    assert!(error.to_string().contains("cachedContent"), "{error}");
    assert_eq!(server.requests(), []);
}

#[tokio::test]
async fn embeddings_are_in_the_order_of_their_contents() {
    let body = json!({"data": [{"index": 1, "embedding": [2.5]}, {"index": 0, "embedding": [1]}],
        "usage": {"prompt_tokens": 4, "total_tokens": 4}});
    let server = Server::play(vec![Answer::json(body)]).await;
    let request = BatchEmbedContentsRequest::default()
        .model("models/e")
        .requests([
            EmbedContentRequest::new("a").output_dimensionality(1),
            EmbedContentRequest::new("b").output_dimensionality(1),
        ]);

    let batch = server
        .client()
        .batch_embed_contents(request, RequestOptions::default());
    let batch = batch.await.unwrap();

    assert_eq!(
        json!(batch),
        json!({
            "embeddings": [{"values": [1.0]}, {"values": [2.5]}], "usageMetadata": {"promptTokenCount": 4},
        })
    );
    let (line, body) = server.requests().remove(0);
    assert_eq!(line, "POST /v1/embeddings HTTP/1.1");
    assert_eq!(
        body,
        json!({"model": "e", "input": ["a", "b"], "dimensions": 1})
    );
}

#[tokio::test]
async fn an_embedding_that_the_server_cannot_express_is_refused_with_the_name_of_the_member() {
    let server = Server::play(vec![]).await;
    let content = json!({"parts": [{"text": "a"}]});
    for (batch, named) in [
        (
            json!({"model": "e", "requests": [{"content": content, "taskType": "CLUSTERING"}]}),
            "taskType",
        ),
        (
            json!({"model": "e", "requests": [{"content": content, "title": "A"}]}),
            "title",
        ),
        (
            json!({"model": "e", "requests": [{"content": content, "autoTruncate": true}]}),
            "autoTruncate",
        ),
        (
            json!({"model": "e", "brandNew": 1, "requests": [{"content": content}]}),
            "brandNew",
        ),
        (
            json!({"model": "e", "requests": [{"content": {"parts": [{"text": "a"}], "brandNew": 1}}]}),
            "content.brandNew",
        ),
        (
            json!({"model": "e", "requests": [{"content": {"parts": [{"text": "a", "videoMetadata": {}}]}}]}),
            "content.parts[0].videoMetadata",
        ),
        (
            json!({"model": "e", "requests": [{"content": {"parts": []}}]}),
            "content.parts is empty",
        ),
        (
            json!({"model": "e", "requests": [{"content": {"parts": [{"text": "a"}, {"fileData": {}}]}}]}),
            "content.parts[1] is not text",
        ),
        (
            json!({"model": "e", "requests": [{"content": content}, {"content": content, "brandNew": 1}]}),
            "requests[1]: brandNew",
        ),
        (
            json!({"model": "models/e", "requests": [{"model": "e", "content": content}, {"model": "f", "content": content}]}),
            "model \"f\"",
        ),
    ] {
        let request = serde_json::from_value(batch).expect("a request");

        let reply = server
            .client()
            .batch_embed_contents(request, RequestOptions::default());

        let error = reply.await.expect_err("a refusal");
        assert_eq!(error.kind(), ErrorKind::Request);
        assert!(error.to_string().contains(named), "{error}");
    }
    assert_eq!(server.requests(), []);
}

#[tokio::test]
async fn models_are_listed_and_found_by_name() {
    let body = json!({"object": "list", "data": [
        {"id": "org/one:8b", "object": "model", "max_model_len": 4096, "description": "Large"},
        {"id": "two", "meta": {"n_ctx_train": 2048}, "description": ""},
    ]});
    let server = Server::play(vec![Answer::json(body)]).await;
    let client = server.client();

    let list = client
        .list_models(None, RequestOptions::default())
        .await
        .unwrap();
    assert_eq!(
        json!(list),
        json!({"models": [
            {
                "name": "models/org/one:8b", "description": "Large", "inputTokenLimit": 4096,
                "supportedGenerationMethods": ["generateContent"],
            },
            {"name": "models/two", "inputTokenLimit": 2048, "supportedGenerationMethods": ["generateContent"]},
        ]})
    );
    let found = client
        .get_model("models/two".to_owned(), RequestOptions::default())
        .await
        .unwrap();
    assert_eq!(found.name.as_deref(), Some("models/two"));
    let bare = json!([
        {"id": "three", "context_length": 8192.0, "max_model_len": 1},
        {"id": "four", "max_context_length": 32768, "context_length": null},
    ]);
    let server = Server::play(vec![Answer::json(bare)]).await;
    let bare = server.client().list_models(None, RequestOptions::default());
    let limits = bare
        .await
        .unwrap()
        .models
        .into_iter()
        .map(|model| model.input_token_limit);
    assert!(limits.eq([Some(8_192), Some(32_768)]));
    let missing = client.get_model("models/three".to_owned(), RequestOptions::default());
    assert_eq!(missing.await.unwrap_err().kind(), ErrorKind::NotFound);
}
