//! Attachments: how they are stored, and which files cannot be attached.

use std::fs;
use std::time::Duration;

use generativeai::protocol::embeddings::{BatchEmbedContentsRequest, EmbedContentRequest};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::{Backend, ChatSession, ErrorKind, RequestOptions};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::client;
use super::requests::{client_of, passing_time, playing};
use super::sources::Folder;
use super::stand_in::{Fault, StandIn};

const SAVED: &str = include_str!("../../../fixtures/chats/attachment.json");

#[tokio::test]
async fn a_saved_attachment_is_read_sent_without_its_place_on_disk_and_written_again() {
    let server = playing([json!({
        "candidates": [{"content": {"role": "model", "parts": [{"text": "No."}]}, "finishReason": "STOP"}]
    })]);
    let chat: ChatSession = serde_json::from_str(SAVED).expect("a chat");
    let mut chat = chat.backend(client_of(&server));
    let saved = serde_json::to_value(&chat).expect("JSON");
    assert_eq!(saved, serde_json::from_str::<Value>(SAVED).expect("JSON"));

    chat.send_message("And at the end?").await.expect("a reply");

    let sent: Value = serde_json::from_slice(&server.received()[0].body).expect("JSON");
    assert_eq!(
        sent["contents"][0]["parts"][1],
        json!({"fileData": {"mimeType": "video/mp4", "fileUri": "https://h/v1beta/files/abc"}})
    );
    let after = serde_json::to_value(&chat).expect("JSON");
    assert_eq!(after["history"][0], saved["history"][0]);
}

#[tokio::test]
async fn the_place_on_disk_is_in_no_request() {
    let server = playing([json!({}), json!({}), json!({"candidates": []})]);
    let chat: ChatSession = serde_json::from_str(SAVED).expect("a chat");
    let content = chat.history()[0].clone();
    let (remote, options) = (client_of(&server), RequestOptions::default);
    let embed = EmbedContentRequest::new(content.clone()).model("models/m");
    let instructed = GenerateContentRequest::default()
        .model("models/m")
        .system_instruction(content)
        .contents("Hi");

    remote
        .embed_content(embed.clone(), options())
        .await
        .expect("a response");
    let batch = BatchEmbedContentsRequest::default()
        .model("models/m")
        .requests([embed]);
    remote
        .batch_embed_contents(batch, options())
        .await
        .expect("a response");
    remote
        .generate_content(instructed, options())
        .await
        .expect("a response");

    let sent = server.received();
    assert_eq!(sent.len(), 3);
    for request in sent {
        let body = String::from_utf8(request.body).expect("text");
        assert!(
            body.contains("files/abc") && !body.contains("größe"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_path_that_cannot_be_attached_is_an_error_that_names_it() {
    let folder = Folder::new("attached");
    fs::write(folder.path("unknown.xyz"), "?").expect("written");
    fs::create_dir(folder.path("folder.txt")).expect("a folder");
    let remote = client(&StandIn::new([]));
    for (name, cause) in [
        ("unknown.xyz", "media type is unknown"),
        ("folder.txt", "is a folder"),
        ("missing.txt", "cannot be read"),
    ] {
        let error = remote.attach_file(folder.path(name)).await.expect_err(name);

        assert_eq!(error.kind(), ErrorKind::Request, "{name}");
        let message = error.to_string();
        assert!(
            message.contains(name) && message.contains(cause),
            "{message}"
        );
    }
}

/// Bytes and media type are easily swapped, since both are strings.
#[tokio::test]
async fn a_text_that_is_not_a_media_type_is_refused() {
    let remote = client(&StandIn::new([]));

    let attached = remote.attach_bytes("text/plain", "hello").await;
    let uploaded = remote.upload_bytes("text/plain", "hello").await;

    for error in [
        attached.expect_err("no part"),
        uploaded.expect_err("no file"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Request);
        assert!(
            error.to_string().contains("its media type has no slash"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_file_that_changes_between_its_hash_and_its_upload_is_not_stored() {
    let folder = Folder::new("changing");
    let path = folder.path("a.txt");
    fs::write(&path, "hello").expect("written");
    let changed = path.clone();
    let stand_in = StandIn::new([]);
    let attachment = client(&stand_in).attach_file(&path).inline_limit(0);

    // The first report is at the start of the upload, before its bytes are read.
    let attachment =
        attachment.on_progress(move |_| fs::write(&changed, "HELLO").expect("written"));
    let error = attachment.await.expect_err("changed");

    assert!(error.to_string().contains("has changed"), "{error}");
    assert!(stand_in.stored().is_empty());
}

/// Returns the saved chat, whose attachment has expired and is at this path.
fn expired(path: &std::path::Path) -> ChatSession {
    let mut saved: Value = serde_json::from_str(SAVED).expect("JSON");
    let reference = &mut saved["history"][0]["parts"][1]["partMetadata"]["attachment"];
    reference["expirationTime"] = "2020-01-01T00:00:00Z".into();
    reference["path"] = path.to_str().expect("UTF-8").into();
    serde_json::from_value(saved).expect("a chat")
}

/// Sends a message that needs an expired attachment, and returns how long it takes until its deadline has passed.
async fn timed_out(faults: &[Fault], timeout: Duration) -> Duration {
    let folder = Folder::new(&format!("slow-{}", faults.len()));
    let path = folder.path("film.mp4");
    fs::write(&path, "abc").expect("written");
    let stand_in = StandIn::new(faults.iter().copied());
    let mut chat = expired(&path).backend(client(&stand_in));
    let begun = Instant::now();

    let options = RequestOptions::default().timeout(timeout);
    let request = chat
        .send_message("And at the end?")
        .request_options(options);
    let error = request.await.expect_err("a deadline");

    assert!(error.is_timeout(), "{error}");
    let message = error.to_string();
    assert!(message.contains("film.mp4"), "{message}");
    assert_eq!(chat.history().len(), 2);
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn the_upload_of_an_expired_attachment_ends_at_the_timeout_of_the_request() {
    let took = timed_out(&[Fault::Silence], Duration::from_secs(30)).await;

    assert_eq!(took.as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_of_a_request_with_an_attachment_starts_when_it_is_first_polled() {
    let folder = Folder::new("late");
    let path = folder.path("film.mp4");
    fs::write(&path, "abc").expect("written");
    let stand_in = StandIn::new([Fault::Silence]);
    let request = GenerateContentRequest::default()
        .model("models/m")
        .contents(expired(&path).history().to_vec());
    let options = RequestOptions::default().timeout(Duration::from_secs(30));
    let reply = client(&stand_in).generate_content(request, options);
    tokio::time::advance(Duration::from_secs(60)).await;
    let begun = Instant::now();

    let error = reply.await.expect_err("a deadline");

    assert!(error.is_timeout(), "{error}");
    assert_eq!(begun.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn the_processing_of_an_expired_attachment_ends_at_the_timeout_of_the_request() {
    let time = passing_time();
    let faults = [Fault::None, Fault::Processing, Fault::Silence];

    // Time passes faster than the server responds, so the measurement is coarse.
    let took = timed_out(&faults, Duration::from_secs(300)).await;

    assert!((300..450).contains(&took.as_secs()), "{took:?}");
    time.abort();
}

#[tokio::test]
async fn an_attachment_that_was_attached_again_is_not_uploaded_in_the_request() {
    let folder = Folder::new("again");
    let path = folder.path("film.mp4");
    fs::write(&path, "abc").expect("written");
    let stand_in = StandIn::new([]);
    let remote = client(&stand_in);
    let mut chat = expired(&path).backend(remote.clone());

    let again = remote.attach_file(&path).inline_limit(0).await;
    let uploads = stand_in.asked();
    // The stand-in responds with a file, which is not a reply.
    chat.send_message("And at the end?")
        .await
        .expect_err("no reply");

    assert_eq!(again.expect("an attachment").kind(), Some("fileData"));
    let requests = stand_in.asked();
    assert!(requests.len() > uploads.len());
    let later = &requests[uploads.len()..];
    assert!(
        later.iter().all(|asked| asked.command.is_empty()),
        "{later:?}"
    );
}

#[cfg(feature = "blocking")]
#[test]
fn files_are_attached_without_async() {
    let stand_in = StandIn::new([]);
    let remote = generativeai::blocking::Remote::from(client(&stand_in));

    let inline = remote.attach_bytes("hello", "text/plain").send();
    let uploaded = remote.attach_bytes("hello", "text/plain").inline_limit(4);

    assert_eq!(inline.expect("a part").kind(), Some("inlineData"));
    assert_eq!(uploaded.send().expect("a part").kind(), Some("fileData"));
    assert_eq!(stand_in.stored(), b"hello");
}
