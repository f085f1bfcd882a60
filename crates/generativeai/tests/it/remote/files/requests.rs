//! Files that are described, listed, deleted and waited for.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use generativeai::protocol::content::Part;
use generativeai::protocol::files::{File, FileState};
use generativeai::{ErrorKind, Remote};
use serde_json::{Value, json};

use super::super::builder;
use crate::support::server::{answer, error};
use crate::support::{Act, Server};

pub(super) fn playing(answers: impl IntoIterator<Item = Value>) -> Server {
    let answers = answers.into_iter();
    Server::play(answers.map(|json| {
        let answer = answer("200 OK", "application/json", &json.to_string());
        vec![Act::Send(answer.into())]
    }))
}

pub(super) fn client_of(server: &Server) -> Remote {
    builder(&server.url())
        .build()
        .expect("all settings are good")
}

/// Lets time pass slowly. Paused time would jump to the timeout of a request while its response is in flight.
pub(super) fn passing_time() -> tokio::task::JoinHandle<()> {
    tokio::spawn(async {
        loop {
            tokio::time::advance(Duration::from_millis(1)).await;
            tokio::task::yield_now().await;
        }
    })
}

fn file(name: &str, state: &str) -> Value {
    json!({"name": name, "state": state, "uri": format!("https://h/v1beta/{name}"), "mimeType": "video/mp4"})
}

#[tokio::test]
async fn files_are_listed_page_by_page() {
    let server = playing([
        json!({"files": [file("files/a", "ACTIVE"), file("files/b", "ACTIVE")], "nextPageToken": "2 &"}),
        json!({"nextPageToken": "3"}),
        json!({"files": [file("files/c", "ACTIVE")]}),
    ]);

    let mut files = pin!(client_of(&server).list_files().into_stream());
    let mut names = Vec::new();
    while let Some(file) = files.next().await {
        names.push(file.expect("a file").name.unwrap_or_default());
    }

    assert!(files.next().await.is_none());
    assert_eq!(names, ["files/a", "files/b", "files/c"]);
    let lines: Vec<_> = server
        .received()
        .into_iter()
        .map(|request| request.line)
        .collect();
    assert_eq!(lines[0], "GET /v1beta/files?pageSize=100 HTTP/1.1");
    assert_eq!(
        lines[1],
        "GET /v1beta/files?pageSize=100&pageToken=2%20%26 HTTP/1.1"
    );
}

#[tokio::test]
async fn a_list_that_repeats_a_page_ends_with_an_error() {
    let page = |token: &str| json!({"files": [file("files/a", "ACTIVE")], "nextPageToken": token});
    for (tokens, received) in [(&["2", "2"][..], 1), (&["2", "3", "2"], 2)] {
        let server = playing(tokens.iter().map(|token| page(token)));
        let mut files = client_of(&server).list_files();

        for _ in 0..received {
            assert!(files.next().await.expect("a file").is_ok());
        }
        let error = files
            .next()
            .await
            .expect("an error")
            .expect_err("a repetition");

        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(files.next().await.is_none());
    }
}

#[tokio::test]
async fn a_file_is_described_deleted_and_a_part_of_a_message() {
    let server = playing([file("files/a", "ACTIVE"), json!({})]);
    let remote = client_of(&server);

    let found = remote.get_file("a").await.expect("a file");
    remote.delete_file("files/a").await.expect("deleted");

    let part: Part = found.into();
    assert_eq!(
        serde_json::to_value(part).expect("JSON"),
        json!({"fileData": {"mimeType": "video/mp4", "fileUri": "https://h/v1beta/files/a"}})
    );
    let lines: Vec<_> = server
        .received()
        .into_iter()
        .map(|request| request.line)
        .collect();
    assert_eq!(
        lines,
        [
            "GET /v1beta/files/a HTTP/1.1",
            "DELETE /v1beta/files/a HTTP/1.1"
        ]
    );
}

#[tokio::test]
async fn errors_name_the_file_and_the_remedy() {
    let server = Server::always(1, &error(403, "PERMISSION_DENIED", json!([])));

    let error = client_of(&server)
        .get_file("files/a")
        .await
        .expect_err("gone");

    let message = format!("{error}");
    assert!(message.contains("`files/a`"), "{message}");
    assert!(message.contains("48 hours"), "{message}");
    for name in ["models/m", "files/../models/m", "", "a?b"] {
        let error = client_of(&server).delete_file(name).await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Request, "{name}");
    }
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn the_name_and_the_remedy_are_in_the_error_once() {
    for text in [
        "You do not have permission to access the File a or it may not exist.",
        "no permission to access the file `files/a`, or it does not exist or has expired",
        "The caller does not have permission",
    ] {
        let body = json!({"error": {"code": 403, "message": text}});
        let answer = answer("403 Forbidden", "application/json", &body.to_string());
        let server = Server::always(1, &answer);

        let error = client_of(&server).delete_file("files/a").await;

        let message = error.expect_err("gone").to_string();
        for once in ["`files/a`", "48 hours", "upload"] {
            assert_eq!(message.matches(once).count(), 1, "{once} in {message}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_in_processing_is_waited_for() {
    let server = playing([
        file("files/a", "PROCESSING"),
        file("files/a", "PROCESSING"),
        file("files/a", "ACTIVE"),
    ]);
    let remote = client_of(&server);
    let time = passing_time();
    let start = tokio::time::Instant::now();
    let mut uploaded = File::default().name("files/a");
    uploaded.state = Some(FileState::Processing);

    let ready = remote
        .wait_until_active(uploaded, Duration::from_secs(60))
        .await;

    assert_eq!(ready.expect("a file").state, Some(FileState::Active));
    // 0.5 s, 1 s and 2 s, and the time of the requests.
    assert!(start.elapsed() >= Duration::from_millis(3_500));
    time.abort();
}

#[tokio::test(start_paused = true)]
async fn a_file_that_fails_or_takes_too_long_is_an_error() {
    let mut failed = file("files/a", "FAILED");
    failed["error"] = json!({"code": 3, "message": "no video"});
    let server = playing([failed, file("files/a", "PROCESSING")]);
    let remote = client_of(&server);
    let time = passing_time();
    let mut uploaded = File::default().name("files/a");
    uploaded.state = Some(FileState::Processing);

    let failed = remote
        .wait_until_active(uploaded.clone(), Duration::from_secs(60))
        .await
        .expect_err("failed");
    let late = remote
        .wait_until_active(uploaded, Duration::from_millis(400))
        .await
        .expect_err("late");

    assert_eq!(failed.kind(), ErrorKind::Request);
    assert_eq!(
        failed.to_string(),
        "processing of file `files/a` failed: no video"
    );
    assert_eq!(late.kind(), ErrorKind::Timeout);
    assert!(late.to_string().contains("`files/a`"), "{late}");
    time.abort();
}

#[cfg(feature = "blocking")]
#[test]
fn files_are_uploaded_listed_and_deleted_without_async() {
    let stand_in = super::StandIn::new([]);
    let remote = generativeai::blocking::Remote::from(super::client(&stand_in));
    let uploaded = remote
        .upload_bytes("hello", "text/plain")
        .display_name("a")
        .send();
    assert_eq!(uploaded.expect("a file").name.as_deref(), Some("files/abc"));

    let server = playing([
        json!({"files": [file("files/a", "ACTIVE")]}),
        file("files/a", "ACTIVE"),
        json!({}),
    ]);
    let remote = generativeai::blocking::Remote::from(client_of(&server));
    let listed: Vec<_> = remote
        .list_files()
        .map(|file| file.expect("a file").name)
        .collect();
    assert_eq!(listed, [Some("files/a".to_owned())]);
    let found = remote.get_file("files/a").expect("a file");
    let found = remote
        .wait_until_active(found, Duration::ZERO)
        .expect("it is active");
    remote
        .delete_file(found.name.as_deref().expect("a name"))
        .expect("deleted");
}
