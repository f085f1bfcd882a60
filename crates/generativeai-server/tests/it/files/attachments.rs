//! Attachments of a chat: inline or uploaded once, and uploaded again after they have expired.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use generativeai::protocol::content::{Data, Part};
use generativeai::testing::Scripted;
use generativeai::{ChatSession, ErrorKind, GenerativeModel, Remote};

use super::{Site, text};
use crate::files::sdk::client;

const TWO_DAYS: Duration = Duration::from_secs(48 * 3600 + 1);

/// A server with a file on disk, whose name is not ASCII, and a client.
struct Attaching {
    site: Site,
    script: Scripted,
    remote: Remote,
    path: PathBuf,
}

impl Attaching {
    fn start() -> Self {
        let script = Scripted::always("Yes.");
        let site = Site::with(|files| files, script.clone());
        let path = site.folder.path().join("größe \"1\".md");
        fs::write(&path, "# hello").expect("written");
        Self {
            remote: client(&site),
            site,
            script,
            path,
        }
    }

    /// Attaches the file as one that is too large for inline data.
    async fn attach(&self) -> Part {
        let attachment = self.remote.attach_file(&self.path).inline_limit(6);
        attachment.await.expect("an attachment")
    }

    fn chat(&self) -> ChatSession {
        let model = GenerativeModel::new("m").backend(self.remote.clone());
        model.start_chat()
    }

    /// Names of the files on the server.
    async fn stored(&self) -> Vec<String> {
        let files = self.remote.list_files().into_stream();
        files
            .map(|file| file.expect("a file").name.expect("a name"))
            .collect()
            .await
    }
}

fn message(attachment: &Part) -> [Part; 2] {
    [Part::text("What is this?"), attachment.clone()]
}

fn uri(part: &Part) -> &str {
    match &part.data {
        Some(Data::FileData(file)) => file.file_uri.as_deref().expect("a URI"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_small_file_is_inline_and_a_larger_one_is_uploaded_once_for_all_chats_and_turns() {
    let this = Attaching::start();
    let inline = this.remote.attach_file(&this.path).inline_limit(7).await;
    let inline = inline.expect("an attachment");
    assert_eq!(
        inline
            .as_inline_data()
            .map(|blob| blob.bytes().expect("bytes")),
        Some(b"# hello".to_vec())
    );
    assert!(this.stored().await.is_empty());

    let (mut ann, mut ben) = (this.chat(), this.chat());
    ann.send_message(message(&this.attach().await))
        .await
        .expect("a reply");
    ann.send_message("Really?")
        .stream()
        .finish()
        .await
        .expect("a reply");
    ben.send_message(message(&this.attach().await))
        .stream()
        .finish()
        .await
        .expect("a reply");
    ben.model()
        .count_tokens(ben.history())
        .await
        .expect("a count");

    assert_eq!(this.stored().await.len(), 1);
    assert_eq!(ann.history()[0], ben.history()[0]);
    for request in this.script.requests() {
        let part = &request.contents.iter().next().expect("a content").parts[1];
        assert_eq!(part.as_text(), Some("# hello"));
        assert_eq!(part.part_metadata, None, "the place on disk is not sent");
    }
    this.site.running.stop().await;
}

#[tokio::test]
async fn a_file_that_many_tasks_attach_at_once_is_one_upload() {
    let this = Attaching::start();
    fs::write(&this.path, text(20_000_000)).expect("written");

    let parts = join_all((0..8).map(|_| this.attach())).await;

    assert!(parts.iter().all(|part| uri(part) == uri(&parts[0])));
    assert_eq!(this.stored().await.len(), 1);
    this.site.running.stop().await;
}

#[tokio::test]
async fn a_task_that_waits_for_the_upload_of_another_continues_if_that_one_is_dropped() {
    let this = Attaching::start();
    fs::write(&this.path, text(20_000_000)).expect("written");
    let (sender, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let first = this.remote.attach_file(&this.path).inline_limit(6);
    let first = first.on_progress(move |_| sender.send(()).unwrap_or_default());
    let first = tokio::spawn(first.into_future());
    begun.recv().await;

    let second = tokio::spawn(
        this.remote
            .attach_file(&this.path)
            .inline_limit(6)
            .into_future(),
    );
    first.abort();

    second.await.expect("no panic").expect("an attachment");
    assert_eq!(this.stored().await.len(), 1);
    this.site.running.stop().await;
}

#[tokio::test]
async fn an_expired_file_is_uploaded_again_when_a_message_needs_it() {
    let this = Attaching::start();
    let mut chat = this.chat();
    let attachment = this.attach().await;
    chat.send_message(message(&attachment))
        .await
        .expect("a reply");

    for is_streamed in [false, true] {
        let before = this.stored().await;
        this.site.advance(TWO_DAYS);
        let again = chat.send_message("Again?");
        match is_streamed {
            false => again.await,
            true => again.stream().finish().await,
        }
        .expect("a reply");
        let after = this.stored().await;
        assert_eq!(after.len(), 1);
        assert_ne!(after, before);
    }
    this.site.advance(TWO_DAYS);
    chat.model()
        .count_tokens(chat.history())
        .await
        .expect("a count");

    // The history keeps the first reference: only the request has the new one.
    assert_eq!(uri(&chat.history()[0].parts[1]), uri(&attachment));
    let last = this.script.requests().pop().expect("a request");
    let part = &last.contents.iter().next().expect("a content").parts[1];
    assert_eq!(part.as_text(), Some("# hello"));
    this.site.running.stop().await;
}

#[tokio::test]
async fn all_expired_files_of_a_message_are_uploaded_again() {
    let this = Attaching::start();
    let other = this.site.folder.path().join("other.md");
    fs::write(&other, "# other").expect("written");
    let second = this.remote.attach_file(&other).inline_limit(0).await;
    let parts = [this.attach().await, second.expect("an attachment")];
    this.site.advance(TWO_DAYS);

    this.chat().send_message(parts).await.expect("a reply");

    assert_eq!(this.stored().await.len(), 2);
    this.site.running.stop().await;
}

#[tokio::test]
async fn an_expired_file_that_has_changed_or_is_gone_is_an_error_that_names_it() {
    let this = Attaching::start();
    let mut chat = this.chat();
    chat.send_message(message(&this.attach().await))
        .await
        .expect("a reply");
    this.site.advance(TWO_DAYS);

    fs::write(&this.path, "# HELLO").expect("written");
    let changed = chat.send_message("Again?").await.expect_err("changed");
    fs::remove_file(&this.path).expect("removed");
    let gone = chat.send_message("Again?").await.expect_err("gone");

    let name = this.path.display().to_string();
    for (error, reason) in [(changed, "has changed"), (gone, "cannot be read")] {
        assert_eq!(error.kind(), ErrorKind::Request);
        let message = error.to_string();
        assert!(
            message.contains(&name) && message.contains(reason),
            "{message}"
        );
    }
    assert!(this.stored().await.is_empty(), "other bytes are not stored");
    assert_eq!(chat.history().len(), 2);
    fs::write(&this.path, "# hello").expect("written");
    chat.retry().await.expect("a reply");
    this.site.running.stop().await;
}

#[tokio::test]
async fn expired_bytes_are_an_error_until_they_are_attached_again() {
    let this = Attaching::start();
    let attach = || async {
        let attachment = this.remote.attach_bytes("# bytes", "text/markdown");
        attachment.inline_limit(0).await.expect("an attachment")
    };
    let mut chat = this.chat();
    let attachment = attach().await;
    chat.send_message(message(&attachment))
        .await
        .expect("a reply");
    this.site.advance(TWO_DAYS);

    let error = chat.send_message("Again?").await.expect_err("expired");
    assert!(error.to_string().contains(uri(&attachment)), "{error}");
    attach().await;
    chat.retry().await.expect("a reply");

    this.site.running.stop().await;
}

#[tokio::test]
async fn a_saved_chat_is_continued_by_another_process_with_the_file_or_a_new_upload() {
    let this = Attaching::start();
    let mut chat = this.chat();
    chat.send_message(message(&this.attach().await))
        .await
        .expect("a reply");
    let mut saved = serde_json::to_value(&chat).expect("JSON");
    let part = &mut saved["history"][0]["parts"][1];
    let reference = &mut part["partMetadata"]["attachment"];
    assert_eq!(reference["path"], this.path.to_str().expect("UTF-8"));
    assert!(reference["expirationTime"].is_string());
    assert!(!part.to_string().contains("hello"), "{part}");

    let load = |saved: serde_json::Value| {
        let chat = serde_json::from_value::<ChatSession>(saved).expect("a chat");
        chat.backend(client(&this.site))
    };
    load(saved.clone())
        .send_message("Hi")
        .await
        .expect("a reply");
    assert_eq!(this.stored().await.len(), 1, "it has not expired");

    let part = &mut saved["history"][0]["parts"][1];
    part["partMetadata"]["attachment"]["expirationTime"] = "2020-01-01T00:00:00Z".into();
    load(saved).send_message("Hi").await.expect("a reply");
    assert_eq!(this.stored().await.len(), 2);
    this.site.running.stop().await;
}

#[tokio::test]
async fn a_file_that_was_deleted_is_uploaded_when_its_content_is_attached_again() {
    let this = Attaching::start();
    this.attach().await;
    let before = this.stored().await;
    this.remote.delete_file(&before[0]).await.expect("deleted");

    let again = this.attach().await;

    let after = this.stored().await;
    assert_eq!(after.len(), 1);
    assert!(uri(&again).ends_with(&after[0]), "{again:?}");
    this.site.running.stop().await;
}
