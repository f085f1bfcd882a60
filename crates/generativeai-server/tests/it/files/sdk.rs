//! The SDK's client uploads to the server, and uses the files in a chat.

use futures_util::StreamExt;
use generativeai::protocol::content::Part;
use generativeai::testing::Scripted;
use generativeai::{ErrorKind, GenerativeModel, Remote, RequestOptions};

use super::{Site, text};
use crate::remote::remote;

pub(super) fn client(site: &Site) -> Remote {
    remote(&site.running, "any")
}

#[tokio::test]
async fn a_file_is_uploaded_used_in_a_chat_and_deleted() {
    let script = Scripted::default()
        .then_text("A greeting.")
        .then_text("Yes.");
    let site = Site::with(|files| files, script.clone());
    let remote = client(&site);
    let path = site.folder.path().join("größe.md");
    std::fs::write(&path, "# hello").expect("written");

    let file = remote.upload_file(&path).await.expect("an upload");
    assert_eq!(file.display_name.as_deref(), Some("größe.md"));
    let name = file.name.clone().expect("a name");
    assert_eq!(remote.get_file(&name).await.expect("a file"), file);
    let listed: Vec<_> = remote.list_files().into_stream().collect().await;
    assert_eq!(listed.len(), 1);
    let ready = remote
        .wait_until_active(file, std::time::Duration::ZERO)
        .await;

    let mut chat = GenerativeModel::new("m")
        .backend(remote.clone())
        .start_chat();
    let part = Part::from(ready.expect("it is active"));
    chat.send_message([Part::text("What is this?"), part])
        .await
        .expect("a reply");
    chat.send_message("Really?").await.expect("a reply");
    for request in script.requests() {
        let first = request.contents.iter().next().expect("a content");
        assert_eq!(first.parts[1].as_text(), Some("# hello"));
    }
    assert_eq!(chat.history()[0].parts[1].kind(), Some("fileData"));

    remote.delete_file(&name).await.expect("deleted");
    let gone = chat
        .send_message("Again?")
        .await
        .expect_err("a file that is gone");
    assert!(gone.to_string().contains(&name), "{gone}");
    let gone = remote.get_file(&name).await.expect_err("gone");
    assert_eq!(gone.http_code(), Some(403));
    site.running.stop().await;
}

#[tokio::test]
async fn a_large_file_is_uploaded_in_pieces_and_its_hash_compared() {
    let site = Site::start();
    let bytes = text(20_000_000);
    let file = client(&site)
        .upload_bytes(bytes.clone(), "text/plain")
        .name("large");

    let file = file.await.expect("an upload");

    assert_eq!(
        (file.name.as_deref(), file.size_bytes),
        (Some("files/large"), Some(20_000_000))
    );
    let data = site.folder.path().join("files/large/data");
    assert!(std::fs::read(data).expect("the bytes") == bytes);
    let again = client(&site)
        .upload_bytes(bytes, "text/plain")
        .name("large")
        .await;
    let error = again.expect_err("the name exists");
    assert!(
        error.to_string().contains("`files/large` exists"),
        "{error}"
    );
    site.running.stop().await;
}

#[tokio::test]
async fn an_upload_continues_on_a_restarted_server() {
    let script = Scripted::default();
    let site = Site::start();
    let remote = client(&site);
    // The server stops after the first piece, and starts again at the same address.
    let (sender, mut first) = tokio::sync::mpsc::unbounded_channel();
    let bytes = text(20_000_000);
    let upload = remote
        .upload_bytes(bytes.clone(), "text/plain")
        .name("kept");
    let upload = tokio::spawn(
        upload
            .on_progress(move |progress| {
                if progress.sent > 0 && progress.sent < progress.total {
                    // The test has received the first one already if this fails.
                    let _ = sender.send(());
                }
            })
            .into_future(),
    );
    first.recv().await;

    let site = site.restart(script).await;

    let file = upload.await.expect("no panic").expect("an upload");
    assert_eq!(file.size_bytes, Some(20_000_000));
    let data = site.folder.path().join("files/kept/data");
    assert!(std::fs::read(data).expect("the bytes") == bytes);
    site.running.stop().await;
}

#[tokio::test]
async fn limits_of_the_server_are_errors_with_advice() {
    let site = Site::with(
        |files| files.max_file_size(10).max_total_size(12),
        Scripted::default(),
    );
    let remote = client(&site);

    let large = remote
        .upload_bytes("hello world", "text/plain")
        .await
        .expect_err("too large");
    assert_eq!(large.kind(), ErrorKind::Request);
    assert!(large.to_string().contains("too large"), "{large}");
    remote
        .upload_bytes("hello", "text/plain")
        .await
        .expect("an upload");
    let options = RequestOptions::default().without_retry();
    let full = remote
        .upload_bytes("0123456789", "text/plain")
        .request_options(options)
        .await;
    let full = full.expect_err("no room");
    assert!(full.to_string().contains("delete some"), "{full}");
    site.running.stop().await;
}
