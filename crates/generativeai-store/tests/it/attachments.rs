//! Attachments of stored conversations: the store contains the reference to a file, never its bytes.

use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use generativeai::protocol::content::Part;
use generativeai::testing::Scripted;
use generativeai::{ErrorKind, GenerativeModel, Remote};
use generativeai_server::{FileStorage, Server};
use tempfile::TempDir;

use crate::support::{TestDatabase, assert_kind};

const TWO_DAYS: u64 = 48 * 3600 + 1;

/// A server with files, and a file on disk.
struct Service {
    folder: TempDir,
    script: Scripted,
    url: String,
    /// Offset of the clock of the server, in seconds.
    ahead: Arc<AtomicU64>,
}

impl Service {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("notes.md"), "# Ben Nevis").unwrap();
        let ahead = Arc::new(AtomicU64::new(0));
        let clock = ahead.clone();
        let now = move || SystemTime::now() + Duration::from_secs(clock.load(Ordering::SeqCst));
        let files = FileStorage::open(folder.path().join("served")).unwrap();
        let script = Scripted::always("Yes.");
        let server = Server::new(script.clone()).files(files.clock(now));
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(server.serve(listener, std::future::pending()));
        Self {
            folder,
            script,
            url,
            ahead,
        }
    }

    /// Creates a client that has uploaded nothing, as another process would have.
    fn client(&self) -> Remote {
        Remote::builder().base_url(&self.url).build().unwrap()
    }

    fn path(&self) -> String {
        let path = self.folder.path().join("notes.md");
        path.to_str().unwrap().to_owned()
    }

    /// Returns the text that the model got for the attachment of the last request.
    fn read_by_model(&self) -> String {
        let request = self.script.requests().pop().unwrap();
        let part = &request.contents.iter().next().unwrap().parts[1];
        part.as_text().unwrap().to_owned()
    }
}

async fn stored_files(remote: &Remote) -> Vec<String> {
    let mut files = remote.list_files();
    let mut names = Vec::new();
    while let Some(file) = files.next().await {
        names.push(file.unwrap().name.unwrap());
    }
    names
}

#[tokio::test]
async fn an_attachment_that_expired_is_uploaded_again_by_the_next_process() {
    for database in TestDatabase::all().await {
        let service = Service::start();
        let remote = service.client();
        let session = database.open().await.new_session("notes").await.unwrap();
        let attachment = remote.attach_file(service.path()).inline_limit(0);
        let attachment = attachment.await.unwrap();
        let model = GenerativeModel::new("m").backend(remote.clone());
        let mut chat = session.chat(&model).await.unwrap();
        let message = [Part::text("What is this?"), attachment.clone()];
        chat.send_message(message).await.unwrap();
        let before = stored_files(&remote).await;
        drop((chat, session, model, remote));

        service.ahead.fetch_add(TWO_DAYS, Ordering::SeqCst);
        let remote = service.client();
        let session = database.open().await.session("notes").await.unwrap();
        let model = GenerativeModel::new("m").backend(remote.clone());
        let mut chat = session.chat(&model).await.unwrap();
        assert_eq!(chat.history()[0].parts[1], attachment);
        chat.send_message("And now?").await.unwrap();

        let after = stored_files(&remote).await;
        assert_eq!((before.len(), after.len()), (1, 1));
        assert_ne!(before, after);
        assert_eq!(service.read_by_model(), "# Ben Nevis");
        let contents = session.contents().await.unwrap();
        assert_eq!(contents.len(), 4);
        assert_eq!(contents[0].parts[1], attachment, "the reference stays");
    }
}

#[tokio::test]
async fn a_store_and_its_export_contain_the_path_of_an_attachment_and_not_its_bytes() {
    for database in TestDatabase::all().await {
        let service = Service::start();
        let remote = service.client();
        let session = database.open().await.new_session("notes").await.unwrap();
        let attachment = remote.attach_file(service.path()).inline_limit(0);
        let message = [Part::text("What is this?"), attachment.await.unwrap()];
        let model = GenerativeModel::new("m").backend(remote);
        let mut chat = session.chat(&model).await.unwrap();
        chat.send_message(message).await.unwrap();

        let mut lines = Vec::new();
        session.export_jsonl(&mut lines).await.unwrap();
        let exported = String::from_utf8(lines.clone()).unwrap();
        assert!(exported.contains(&service.path()), "{exported}");
        assert!(!exported.contains("# Ben Nevis"), "{exported}");
        let other = TestDatabase::sqlite();
        let store = other.open().await;
        let copy = store.import_jsonl("copy", &lines[..]).await.unwrap();
        assert_eq!(copy.contents().await.unwrap(), chat.history());

        service.ahead.fetch_add(TWO_DAYS, Ordering::SeqCst);
        fs::write(service.path(), "# Ben Macdui").unwrap();
        let model = GenerativeModel::new("m").backend(service.client());
        let mut chat = copy.chat(&model).await.unwrap();
        let changed = assert_kind(chat.send_message("And now?").await, ErrorKind::Request);
        assert!(changed.to_string().contains(&service.path()), "{changed}");
    }
}
