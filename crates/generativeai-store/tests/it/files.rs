//! Damaged files, file permissions, and full disks.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use generativeai::{ErrorKind, GenerativeModel};
use generativeai_store::Store;
use ring::digest::{SHA256, digest};

use crate::support::child::{Reports, address, command, report};
use crate::support::{TestDatabase, assert_kind, counting_model, stored_texts};

/// Creates a file with sessions `s0` to `s4`, and closes it.
async fn filled() -> (TestDatabase, PathBuf) {
    let database = TestDatabase::sqlite();
    let store = database.open().await;
    for name in ["s0", "s1", "s2", "s3", "s4"] {
        let session = store.new_session(name).await.unwrap();
        let mut chat = session.chat(&counting_model(8)).await.unwrap();
        for turn in 0..8 {
            chat.send_message(format!("{name} {turn} {}", "words ".repeat(20)))
                .await
                .unwrap();
        }
    }
    drop(store);
    // Moves all commits from the log into the file. The tests damage the file alone.
    database.text("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let file = PathBuf::from(database.address.strip_prefix("sqlite:").unwrap());
    (database, file)
}

/// Reads the sessions `s0` to `s4` of a file.
async fn read_sessions(file: &std::path::Path) -> Vec<Result<Vec<String>, ErrorKind>> {
    let mut found = Vec::new();
    let store = Store::open(&format!("sqlite:{}", file.display())).await;
    for name in ["s0", "s1", "s2", "s3", "s4"] {
        let read = async {
            let session = store.clone()?.session(name).await?;
            let chat = session.chat(&GenerativeModel::new("none")).await?;
            Ok::<_, generativeai::Error>(crate::support::texts(&chat))
        };
        found.push(read.await.map_err(|error| error.kind()));
    }
    found
}

#[tokio::test]
async fn a_damaged_event_is_named_and_the_other_sessions_are_readable() {
    for (damage, event) in [
        ("UPDATE event SET body = '{\"restored\":null}' WHERE session_id = 1 AND seq = 3", 3),
        ("UPDATE event SET id = (SELECT id FROM event WHERE seq = 1 LIMIT 1) WHERE seq = 2 AND session_id = 1", 2),
        ("DELETE FROM event WHERE session_id = 1 AND seq = 2", 2),
        ("DELETE FROM event WHERE session_id = 1 AND seq = 4", 4),
        ("UPDATE event SET session_id = CASE session_id WHEN 1 THEN 1001 ELSE 1 END WHERE seq = 4;
          DELETE FROM event WHERE session_id = 1001", 4),
    ] {
        for database in TestDatabase::all().await {
            let store = database.open().await;
            let mut sessions = Vec::new();
            for name in ["one", "two"] {
                let session = store.new_session(name).await.unwrap();
                let mut chat = session.chat(&counting_model(2)).await.unwrap();
                chat.send_message("a").await.unwrap();
                chat.send_message("b").await.unwrap();
                sessions.push(session);
            }
            if damage.contains("1001") && !database.address.starts_with("sqlite:") {
                continue; // a foreign key prevents this damage
            }
            database.execute(&format!("{}{damage}", database.without_foreign_keys())).await;

            let damaged = sessions[0].chat(&counting_model(0)).await;
            let error = assert_kind(damaged, ErrorKind::Corrupt);
            let named = format!("event {event} of session 1 ");
            assert!(error.to_string().starts_with(&named), "{error}");
            assert_kind(sessions[0].export_jsonl(Vec::new()).await, ErrorKind::Corrupt);
            if !damage.contains("1001") {
                assert_eq!(stored_texts(&sessions[1]).await, ["a", "0", "b", "1"]);
            }
            assert_eq!(store.list().await.unwrap().len(), 2);
        }
    }
}

#[tokio::test]
async fn an_event_with_invalid_json_is_named_and_not_quoted() {
    let database = TestDatabase::sqlite();
    let session = database.open().await.new_session("one").await.unwrap();
    let mut chat = session.chat(&counting_model(1)).await.unwrap();
    chat.send_message("a").await.unwrap();
    let body = br#"{"opened":"a secret"}"#;
    let id = "SELECT id FROM event WHERE session_id = 1 AND seq = 2";
    let place_of = [1_i64, 2].map(i64::to_le_bytes).concat();
    let sum = [&place_of, &*database.bytes(id).await, body].concat();
    let sum = database.literal(digest(&SHA256, &sum).as_ref());
    let body = database.literal(body);
    let forged = format!("UPDATE event SET body = {body}, sum = {sum} WHERE seq = 2");
    database.execute(&forged).await;

    let error = assert_kind(session.contents().await, ErrorKind::Corrupt);
    let text = error.to_string();
    assert!(
        text.starts_with("event 2 of session 1 cannot be read: "),
        "{text}"
    );
    assert!(text.contains("line 1, column "), "{text}");
    assert!(!format!("{error:#?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn a_modified_row_of_a_session_is_named() {
    for database in TestDatabase::all().await {
        let store = database.open().await;
        let session = store.new_session("one").await.unwrap();
        let mut chat = session.chat(&counting_model(2)).await.unwrap();
        chat.send_message("a").await.unwrap();
        database.execute("UPDATE session SET length = 1").await;

        let error = assert_kind(session.chat(&counting_model(0)).await, ErrorKind::Corrupt);
        assert!(error.to_string().contains("session 1 "), "{error}");
        chat.send_message("b").await.unwrap();
        assert_eq!(chat.unsaved().unwrap().kind(), ErrorKind::Corrupt);
    }
}

#[tokio::test]
async fn the_event_of_missing_or_modified_media_is_named() {
    for damage in [
        "UPDATE blob SET data = 'x'",
        "DELETE FROM media; DELETE FROM blob",
    ] {
        for database in TestDatabase::all().await {
            let session = database.open().await.new_session("one").await.unwrap();
            let mut chat = session.chat(&counting_model(1)).await.unwrap();
            let picture = generativeai::protocol::content::Blob::new("image/png", vec![1; 5_000]);
            chat.send_message(picture).await.unwrap();
            database.execute(damage).await;

            let error = assert_kind(session.chat(&counting_model(0)).await, ErrorKind::Corrupt);
            assert!(
                error
                    .to_string()
                    .starts_with("event 1 of session 1 has missing or damaged media"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn a_truncated_file_is_an_error_and_is_not_changed() {
    let (_place, file) = filled().await;
    let whole = fs::read(&file).unwrap();
    let truth = read_sessions(&file).await;
    assert!(truth.iter().all(Result::is_ok));
    let copy = file.with_file_name("copy.sqlite");
    for tenth in 1..10 {
        let part = &whole[..whole.len() * tenth / 10];
        fs::write(&copy, part).unwrap();

        let mut errors = 0;
        for (found, truth) in read_sessions(&copy).await.into_iter().zip(&truth) {
            match found {
                Ok(_) => assert_eq!(found, *truth),
                Err(kind) => {
                    assert!(
                        matches!(kind, ErrorKind::Corrupt | ErrorKind::Storage),
                        "{kind:?}"
                    );
                    errors += 1;
                }
            }
        }
        assert!(errors > 0);
        assert!(fs::read(&copy).unwrap() == part, "the file was changed");
        remove(&copy);
    }
}

#[tokio::test]
async fn a_flipped_bit_never_changes_a_conversation_undetected() {
    let (_place, file) = filled().await;
    let whole = fs::read(&file).unwrap();
    let truth = read_sessions(&file).await;
    let copy = file.with_file_name("copy.sqlite");
    let (mut noticed, steps) = (0, 150);
    for step in 0..steps {
        let at = whole.len() * step / steps + step % 97;
        let Some(&byte) = whole.get(at) else { continue };
        let mut flipped = whole.clone();
        flipped[at] = byte ^ (1 << (step % 8));
        fs::write(&copy, flipped).unwrap();

        for (found, truth) in read_sessions(&copy).await.into_iter().zip(&truth) {
            if found != *truth {
                noticed += 1;
                assert!(found.is_err(), "byte {at}: {found:?}");
            }
        }
        remove(&copy);
    }
    assert!(noticed > 0);
}

fn remove(file: &std::path::Path) {
    for end in ["", "-wal", "-shm"] {
        let name = format!("{}{end}", file.display());
        fs::remove_file(name).ok();
    }
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_refused_and_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    let notes = "These are my notes.\n".repeat(500);
    fs::write(&file, &notes).unwrap();
    let address = |path: &std::path::Path| format!("sqlite:{}", path.display());

    assert_kind(Store::open(&address(&file)).await, ErrorKind::Corrupt);
    assert_eq!(fs::read_to_string(&file).unwrap(), notes);
    let error = assert_kind(
        Store::open(&address(folder.path())).await,
        ErrorKind::Storage,
    );
    assert!(error.to_string().contains("is a folder"), "{error}");
    let below = file.join("chats.sqlite");
    assert_kind(Store::open(&address(&below)).await, ErrorKind::Storage);
    // Not even root can write there.
    assert_kind(
        Store::open("sqlite:/proc/chats/chats.sqlite").await,
        ErrorKind::Storage,
    );
    for address in [
        "",
        "chats.sqlite",
        "sqlite:",
        "mysql://localhost/x",
        "postgres:x",
    ] {
        assert_kind(Store::open(address).await, ErrorKind::Configuration);
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_removed_while_in_use_is_not_created_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chats.sqlite");
    let address = format!("sqlite:{}", file.display());
    let store = Store::open(&address).await.unwrap();
    let session = store.new_session("one").await.unwrap();
    fs::remove_file(&file).unwrap();

    // Many at once, so that the pool needs new connections.
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let session = session.clone();
        reads.spawn(async move { session.info().await });
    }
    let errors: Vec<_> = reads
        .join_all()
        .await
        .into_iter()
        .filter_map(Result::err)
        .collect();
    assert!(!errors.is_empty());
    for error in errors {
        assert!(error.to_string().contains("cannot be opened"), "{error}");
    }
    // Nor does a write create it, whichever connection it uses.
    let _ = session.rename("two").await;
    assert!(!file.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_store_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/er/chats 100%?#.sqlite");
    let store = Store::open(&format!("sqlite:{}", file.display()))
        .await
        .unwrap();
    store.new_session("x").await.unwrap();

    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    let wal = format!("{}-wal", file.display());
    assert_eq!(mode(wal.as_ref()), 0o600);
    assert_eq!(mode(&folder.path().join("deep")), 0o700);
    assert_eq!(mode(&folder.path().join("deep/er")), 0o700);
}

#[cfg(unix)]
#[tokio::test]
async fn the_default_store_is_in_the_data_folder_and_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    if address().is_some() {
        return open_default_store().await;
    }
    let folder = tempfile::tempdir().unwrap();
    let test = "files::the_default_store_is_in_the_data_folder_and_readable_by_its_owner_only";
    let mut command = command(test, "");
    command.env("XDG_DATA_HOME", folder.path());
    assert!(command.status().unwrap().success());

    let file = folder.path().join("generativeai/chats.sqlite");
    let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let store = Store::open(&format!("sqlite:{}", file.display())).await;
    assert_eq!(store.unwrap().list().await.unwrap()[0].name, "mine");
}

#[cfg(unix)]
async fn open_default_store() {
    assert!(Store::find_default().await.unwrap().is_none());
    let folder = PathBuf::from(std::env::var_os("XDG_DATA_HOME").unwrap());
    assert!(!folder.join("generativeai").exists());
    let store = Store::open_default().await.unwrap();
    store.new_session("mine").await.unwrap();
    let found = Store::find_default().await.unwrap().unwrap();
    assert_eq!(found.list().await.unwrap().len(), 1);
}

/// Continues a chat while nothing can be written, then lifts the limit on the file size and saves.
#[cfg(target_os = "linux")]
async fn fill_the_disk(address: &str) {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let store = match Store::open(address).await {
        Ok(store) => store,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Storage, "{error:?}");
            report("not opened");
            return;
        }
    };
    let session = store.new_session("full").await.unwrap();
    let mut chat = session.chat(&counting_model(1_000)).await.unwrap();
    let mut contents = 0;
    while chat.unsaved().is_none() {
        chat.send_message("words ".repeat(200)).await.unwrap();
        contents += 2;
        assert!(contents < 1_000, "the limit was never reached");
    }
    assert_eq!(chat.unsaved().unwrap().kind(), ErrorKind::Storage);
    report("full");
    // More than the limit leaves room for.
    chat.send_message("in memory ".repeat(100_000))
        .await
        .unwrap();
    assert_kind(chat.save().await, ErrorKind::Storage);
    assert_eq!(chat.history().len(), contents + 2);
    assert!(session.contents().await.unwrap().len() < contents + 2);

    let (_, most) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, most, most).unwrap();
    chat.send_message("saved").await.unwrap();
    assert!(chat.unsaved().is_none(), "{:?}", chat.unsaved());
    assert_eq!(session.contents().await.unwrap(), chat.history());
    report("saved");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn on_a_full_disk_a_chat_continues_in_memory_and_is_saved_later() {
    if let Some(address) = address() {
        return fill_the_disk(&address).await;
    }
    let database = TestDatabase::sqlite();
    // In blocks of 512 bytes. With 16 the tables do not fit, with 600 some turns do.
    for (blocks, expected) in [(16, &["not opened"][..]), (600, &["full", "saved"])] {
        let test = "files::on_a_full_disk_a_chat_continues_in_memory_and_is_saved_later";
        let direct = command(test, &database.address);
        let mut shell = std::process::Command::new("sh");
        // With the signal ignored, a write over the limit fails like one on a full disk.
        let script = format!("trap '' XFSZ; ulimit -S -f {blocks}; exec \"$@\"");
        shell
            .args(["-c", &script, "sh"])
            .arg(direct.get_program())
            .args(direct.get_args());
        shell.envs(
            direct
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let mut child = shell.stdout(Stdio::piped()).spawn().unwrap();

        let text: Vec<String> = Reports::by(&mut child).collect();
        assert!(child.wait().unwrap().success());
        assert_eq!(text, expected);
    }
    assert_eq!(database.text("PRAGMA quick_check").await, "ok");
}

#[tokio::test]
async fn stores_in_memory_are_separate() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    let other = Store::open("sqlite::memory:").await.unwrap();
    let session = store.new_session("one").await.unwrap();
    let mut chat = session.chat(&counting_model(1)).await.unwrap();
    chat.send_message("a").await.unwrap();

    assert_eq!(stored_texts(&session).await, ["a", "0"]);
    assert!(other.list().await.unwrap().is_empty());
}

#[test]
fn opening_a_store_without_a_runtime_is_an_error() {
    let mut opening = std::pin::pin!(Store::open("sqlite::memory:"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());

    let std::task::Poll::Ready(opened) = opening.as_mut().poll(&mut context) else {
        panic!("the error must come at once");
    };
    assert_kind(opened, ErrorKind::Configuration);
}
