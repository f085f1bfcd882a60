//! Files in requests to the model.

use generativeai::protocol::content::Data;
use generativeai::testing::Scripted;
use generativeai::{Error, ErrorKind};
use generativeai_server::{FileStorage, Server};
use serde_json::{Value, json};

use super::Site;
use crate::support::{post, send, with};

#[tokio::test]
async fn text_and_json_reach_the_model_as_text() {
    let script = Scripted::default()
        .then_text("A")
        .then_text("B")
        .then_text("C");
    let site = Site::with(|files| files, script.clone());
    for (mime_type, bytes) in [
        ("text/markdown; charset=utf-8", "\u{feff}# größe"),
        ("application/json", "{\"a\": 1}"),
        ("text/csv", ""),
    ] {
        let file = site
            .upload(bytes.as_bytes(), json!({"mimeType": mime_type}))
            .await;

        assert_eq!(site.ask(&file).await.code, 200);
        let request = script.requests().pop().expect("a request");
        let parts = &request.contents.last().expect("a content").parts;
        let text = parts[1].as_text();
        assert_eq!(
            text,
            Some(bytes.trim_start_matches('\u{feff}')),
            "{mime_type}"
        );
    }
    site.running.stop().await;
}

#[tokio::test]
async fn other_files_reach_the_model_as_inline_data() {
    let script = Scripted::default().then_text("A picture.");
    let site = Site::with(|files| files, script.clone());
    let file = site.upload(b"PNG", json!({"mimeType": "image/png"})).await;

    assert_eq!(site.ask(&file).await.code, 200);

    let request = script.requests().pop().expect("a request");
    let part = &request.contents.last().expect("a content").parts[1];
    let blob = part.as_inline_data().expect("inline data");
    assert_eq!(
        (blob.mime_type.as_deref(), blob.data.as_deref()),
        (Some("image/png"), Some("UE5H"))
    );
    site.running.stop().await;
}

#[tokio::test]
async fn files_in_a_function_response_reach_the_model_as_inline_data() {
    let script = Scripted::default().then_text("A picture.");
    let site = Site::with(|files| files, script.clone());
    let file = site.upload(b"PNG", json!({"mimeType": "image/png"})).await;
    let reference = json!({"fileUri": file["uri"], "displayName": "a.png", "brandNew": 1});
    let ask = async |media: Value| {
        let body = json!({"contents": [
            {"role": "user", "parts": [{"text": "Look!"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "look"}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {}, "parts": [media]}}]},
        ]});
        let path = "POST /v1beta/models/m:generateContent";
        site.send(path, &[], body.to_string()).await
    };

    let asked = ask(json!({"fileData": reference})).await;

    assert_eq!(asked.code, 200, "{asked:?}");
    let request = script.requests().pop().expect("a request");
    let part = &request.contents.last().expect("a content").parts[0];
    let response = part.as_function_response().expect("a response");
    let inline = json!({"inlineData": {
        "mimeType": "image/png", "data": "UE5H", "displayName": "a.png", "brandNew": 1,
    }});
    assert_eq!(json!(response.parts), json!([inline]));
    let both = json!({"fileData": reference, "inlineData": {"mimeType": "image/png", "data": ""}});
    assert!(ask(both).await.error(400).contains("inlineData"));
    site.running.stop().await;
}

#[tokio::test]
async fn the_type_in_a_reference_replaces_the_type_of_the_file() {
    let script = Scripted::always("A picture.");
    let site = Site::with(|files| files, script.clone());
    let file = site.upload(b"PNG", json!({"mimeType": "image/png"})).await;

    for (mime_type, expected) in [("image/webp", "image/webp"), ("", "image/png")] {
        let reference = json!({"uri": file["uri"], "mimeType": mime_type});
        assert_eq!(site.ask(&reference).await.code, 200);

        let request = script.requests().pop().expect("a request");
        let part = &request.contents.last().expect("a content").parts[1];
        let blob = part.as_inline_data().expect("inline data");
        assert_eq!(blob.mime_type.as_deref(), Some(expected));
    }
    site.running.stop().await;
}

#[tokio::test]
async fn a_file_that_the_model_cannot_read_is_a_400_that_names_file_and_type() {
    for kind in [ErrorKind::Request, ErrorKind::Unsupported] {
        let error = || Error::new(kind, "the model reads text only");
        let busy = Error::new(ErrorKind::RateLimited, "busy");
        let script = Scripted::default()
            .then_error(&[], error())
            .then_error(&[], error())
            .then_error(&[], busy);
        let site = Site::with(|files| files, script);
        let properties = json!({"name": "files/film", "mimeType": "video/mp4"});
        let file = site.upload(b"film", properties).await;

        let body = json!({"contents": [{"parts": [{"fileData": {"fileUri": file["uri"]}}]}]});
        let streamed = "POST /v1beta/models/m:streamGenerateContent?alt=sse";
        for refused in [
            site.ask(&file).await,
            site.send(streamed, &[], body.to_string()).await,
        ] {
            let message = refused.error(400);
            assert_eq!(
                message,
                "the model reads text only (the request uses `files/film` of type video/mp4)"
            );
            assert_eq!(refused.json()["error"]["status"], "INVALID_ARGUMENT");
        }
        assert_eq!(site.ask(&file).await.error(429), "busy");
        site.running.stop().await;
    }
}

#[tokio::test]
async fn unknown_and_large_files_are_refused() {
    let script = Scripted::default();
    let site = Site::with(|files| files, script.clone());
    let reference = |uri: &str| -> Value { json!({"uri": uri, "mimeType": "text/plain"}) };

    let unknown = format!("http://{}/v1beta/files/unknown", site.address());
    for uri in [unknown.as_str(), "files/unknown"] {
        assert!(
            site.ask(&reference(uri))
                .await
                .error(403)
                .contains("`files/unknown`"),
            "{uri}"
        );
    }
    let large = site
        .upload(&[b'a'; 100_001], json!({"name": "files/large"}))
        .await;
    let message = site.ask(&large).await.error(400);
    assert!(
        message.contains("`files/large` (text/plain) has 100001 bytes"),
        "{message}"
    );
    assert!(script.requests().is_empty());
    site.running.stop().await;
}

#[tokio::test]
async fn references_to_other_hosts_stay_unchanged_even_if_a_file_of_the_same_name_is_here() {
    let script = Scripted::always("A film.");
    let site = Site::with(|files| files, script.clone());
    site.upload(b"hello", json!({"name": "files/abc"})).await;
    let port = site.address().port();

    for (host, is_here) in [
        ("https://generativelanguage.googleapis.com", false),
        ("http://files.example", false),
        (format!("http://localhost:{port}").as_str(), true),
    ] {
        let uri = format!("{host}/v1beta/files/abc");
        let reference = json!({"uri": uri, "mimeType": "text/plain"});
        assert_eq!(site.ask(&reference).await.code, 200, "{host}");

        let request = script.requests().pop().expect("a request");
        let part = &request.contents.last().expect("a content").parts[1];
        match &part.data {
            Some(Data::FileData(data)) if !is_here => {
                assert_eq!(data.file_uri.as_deref(), Some(uri.as_str()));
            }
            _ => assert_eq!(part.as_text(), is_here.then_some("hello"), "{host}"),
        }
    }
    site.running.stop().await;
}

#[tokio::test]
async fn files_of_the_service_are_not_here_although_every_host_is_allowed() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let files = FileStorage::open(folder.path()).expect("a folder");
    let script = Scripted::always("A film.");
    let server = Server::new(script.clone()).files(files).allow_host("*");
    let router = server.into_router();
    let upload = post(
        "/upload/v1beta/files?uploadType=multipart",
        "--x\r\n\r\n{\"file\":{\"name\":\"files/abc\"}}\r\n--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x--",
    );
    let content_type = ("content-type", "multipart/related; boundary=x");
    assert_eq!(
        send(&router, with(upload, &[content_type])).await.code(),
        200
    );

    for (host, is_here) in [
        ("https://generativelanguage.googleapis.com", false),
        ("https://Files.GoogleApis.com", false),
        ("http://proxy.example", true),
    ] {
        let data = json!({"fileData": {"fileUri": format!("{host}/v1beta/files/abc")}});
        let body = json!({"contents": [{"parts": [data]}]}).to_string();
        let asked = send(&router, post("/v1beta/models/m:generateContent", body)).await;
        assert_eq!(asked.code(), 200, "{host}");

        let request = script.requests().pop().expect("a request");
        let part = &request.contents.last().expect("a content").parts[0];
        assert_eq!(part.as_text().is_some(), is_here, "{host}");
    }
}
