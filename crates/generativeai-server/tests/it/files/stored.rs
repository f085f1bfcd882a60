//! Stored files: names, lists, limits, expiry, and uploads in one request.

use std::time::Duration;

use generativeai::testing::Scripted;
use generativeai_server::{FileStorage, Server, router};
use serde_json::{Value, json};

use super::Site;
use crate::support::{get, post, send, with};

#[tokio::test]
async fn files_are_listed_in_pages_and_deleted() {
    let site = Site::start();
    let mut names = Vec::new();
    for number in 0..5 {
        let file = site
            .upload(b"hello", json!({"name": format!("files/f-{number}")}))
            .await;
        names.push(file["name"].clone());
        site.advance(Duration::from_secs(1));
    }
    names.reverse();

    let mut listed = Vec::new();
    let mut token = String::new();
    loop {
        let page = site
            .get(&format!("/v1beta/files?pageSize=2&pageToken={token}"))
            .await
            .json();
        let files = page["files"].as_array().expect("files");
        assert!((1..=2).contains(&files.len()), "{page}");
        listed.extend(files.iter().map(|file| file["name"].clone()));
        let Some(next) = page["nextPageToken"].as_str() else {
            break;
        };
        token = next.to_owned();
    }
    assert_eq!(listed, names);

    let deleted = site.send("DELETE /v1beta/files/f-2", &[], "").await;
    assert_eq!((deleted.code, deleted.body.as_str()), (200, "{}"));
    for request in ["GET /v1beta/files/f-2", "DELETE /v1beta/files/f-2"] {
        let message = site.send(request, &[], "").await.error(403);
        assert!(message.contains("`files/f-2`"), "{message}");
    }
    assert_eq!(site.count().await, 4);
    for (request, allow) in [
        ("POST /v1beta/files", "GET, HEAD"),
        ("PUT /v1beta/files/f-1", "GET, HEAD, DELETE"),
        ("GET /upload/v1beta/files", "POST, PUT"),
    ] {
        let refused = site.send(request, &[], "").await;
        assert_eq!(
            (refused.code, refused.header("allow")),
            (405, allow),
            "{request}"
        );
    }
    site.get("/v1beta/files?pageToken=x").await.error(400);
    site.get("/v1beta/files?pageSize=-1").await.error(400);
    site.running.stop().await;
}

#[tokio::test]
async fn names_of_every_kind_survive() {
    let site = Site::start();
    for name in [
        "quote\" and\nnewline\tand\\",
        "größe 日本語 🏔.txt",
        "../../etc/passwd",
        &"ä".repeat(512),
    ] {
        let file = site.upload(b"hello", json!({"displayName": name})).await;

        assert_eq!(file["displayName"], name);
        let path = format!("/v1beta/{}", file["name"].as_str().expect("a name"));
        assert_eq!(site.get(&path).await.json()["displayName"], name);
    }
    let long = site
        .try_begin(5, json!({"displayName": "a".repeat(600)}))
        .await;
    assert!(
        long.error(400).contains("600 characters, and 512"),
        "{long:?}"
    );
    for name in ["files/Bad_Name", "../../etc/passwd", "files/../x"] {
        let message = site.try_begin(5, json!({"name": name})).await.error(400);
        assert!(message.contains(name), "{message}");
    }
    site.running.stop().await;
}

#[tokio::test]
async fn a_name_exists_once() {
    let site = Site::start();
    let early = site.begin(5, json!({"name": "files/one"})).await;
    site.upload(b"hello", json!({"name": "files/one"})).await;

    let late = site.try_begin(5, json!({"name": "files/one"})).await;
    let early = site.piece(&early, ("upload, finalize", 0), b"other").await;

    assert!(late.error(409).contains("`files/one` exists"), "{late:?}");
    assert_eq!(early.json()["error"]["status"], "ALREADY_EXISTS");
    let data = site.folder.path().join("files/one/data");
    assert_eq!(std::fs::read(data).expect("the bytes"), b"hello");
    site.running.stop().await;
}

#[tokio::test]
async fn files_expire_after_48_hours_and_uploads_after_one() {
    let site = Site::start();
    let upload = site.begin(5, json!({})).await;
    site.piece(&upload, ("upload", 0), b"he").await;
    let file = site.upload(b"hello", json!({"name": "files/old"})).await;

    site.advance(Duration::from_secs(47 * 3_600 + 3_500));
    assert_eq!(site.get("/v1beta/files/old").await.code, 200);
    assert_eq!(site.count().await, 1);
    site.query(&upload).await.error(404);
    site.advance(Duration::from_secs(200));

    site.get("/v1beta/files/old").await.error(403);
    assert!(site.ask(&file).await.error(403).contains("has expired"));
    assert_eq!(site.get("/v1beta/files").await.json(), json!({}));
    for folder in ["files", "uploads"] {
        let entries = std::fs::read_dir(site.folder.path().join(folder)).expect("a folder");
        assert_eq!(entries.count(), 0, "{folder}");
    }
    site.running.stop().await;
}

#[tokio::test]
async fn expired_files_that_cannot_be_removed_do_not_keep_others_or_fail_requests() {
    let site = Site::start();
    for name in ["files/a", "files/b", "files/c"] {
        site.upload(b"hello", json!({"name": name})).await;
    }
    let folder = site.folder.path();
    std::fs::remove_dir_all(folder.join("files/a")).expect("removed");
    // A file is removed by renaming its folder, which cannot replace a file.
    let blocker = folder.join("uploads/b.removed");
    std::fs::write(&blocker, "").expect("written");
    site.advance(Duration::from_secs(49 * 3_600));

    assert_eq!(site.get("/v1beta/files").await.json(), json!({}));

    assert!(folder.join("files/b").exists());
    assert!(!folder.join("files/c").exists());
    std::fs::remove_file(blocker).expect("removed");
    let site = site.restart(Scripted::default()).await;
    assert_eq!(site.get("/v1beta/files").await.json(), json!({}));
    let left = std::fs::read_dir(site.folder.path().join("files"));
    assert_eq!(left.expect("a folder").count(), 0);
    site.running.stop().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_deleted_from_the_disk_remains() {
    let site = Site::start();
    let file = site.upload(b"hello", json!({"name": "files/a"})).await;
    let folder = site.folder.path();
    let blocker = folder.join("uploads/a.removed");
    std::fs::write(&blocker, "").expect("written");

    let delete = || site.send("DELETE /v1beta/files/a", &[], "");
    delete().await.error(500);
    assert_eq!(site.get("/v1beta/files/a").await.code, 200);

    // A folder that an earlier removal left does not prevent this one.
    std::fs::remove_file(&blocker).expect("removed");
    std::fs::create_dir_all(blocker.join("x")).expect("a folder");
    assert_eq!(delete().await.code, 200);
    site.ask(&file).await.error(403);

    site.upload(b"hello", json!({"name": "files/a"})).await;
    std::fs::remove_dir_all(folder.join("files/a")).expect("removed");
    assert_eq!(delete().await.code, 200, "nothing is left to delete");
    site.running.stop().await;
}

#[tokio::test]
async fn a_file_that_is_deleted_while_a_request_refers_to_it_is_missing() {
    let site = Site::start();
    let file = site.upload(b"hello", json!({"name": "files/a"})).await;
    std::fs::remove_file(site.folder.path().join("files/a/data")).expect("removed");

    assert!(site.ask(&file).await.error(403).contains("`files/a`"));
    site.running.stop().await;
}

#[tokio::test]
async fn size_and_number_of_files_are_limited() {
    let limits = |files: FileStorage| files.max_file_size(10).max_total_size(25).max_files(3);
    let site = Site::with(limits, Scripted::default());

    let message = site.try_begin(11, json!({})).await.error(400);
    assert!(
        message.contains("too large") && message.contains("10 bytes"),
        "{message}"
    );
    let chunked = [
        ("x-goog-upload-protocol", "raw"),
        ("content-type", "text/plain"),
    ];
    let message = site
        .send("POST /upload/v1beta/files", &chunked, "hello world")
        .await
        .error(400);
    assert!(message.contains("too large"), "{message}");

    let discovery = site.get("/$discovery/rest?version=v1beta").await.json();
    let upload = &discovery["resources"]["media"]["methods"]["upload"];
    assert_eq!(upload["mediaUpload"]["maxSize"], "10");

    site.upload(b"0123456789", json!({"name": "files/a"})).await;
    let unfinished = site.begin(10, json!({})).await;
    let full = site.try_begin(6, json!({})).await;
    assert_eq!(full.json()["error"]["status"], "RESOURCE_EXHAUSTED");
    assert!(full.error(429).contains("20 of 25 bytes"), "{full:?}");
    site.upload(b"01234", json!({})).await;
    let full = site.try_begin(0, json!({})).await;
    assert!(full.error(429).contains("at most 3 files"), "{full:?}");

    site.send(
        &format!("POST {unfinished}"),
        &[("x-goog-upload-command", "cancel")],
        "",
    )
    .await;
    site.send("DELETE /v1beta/files/a", &[], "").await;
    site.upload(b"0123456789", json!({})).await;
    site.running.stop().await;
}

#[tokio::test]
async fn an_announced_size_may_be_huge() {
    let limits = |files: FileStorage| files.max_file_size(u64::MAX);
    let site = Site::with(limits, Scripted::default());
    site.upload(b"hello", json!({})).await;

    let full = site.try_begin(usize::MAX, json!({})).await;

    assert!(full.error(429).contains("of 20000000000 bytes"), "{full:?}");
    site.running.stop().await;
}

const MULTIPART: &str = "--x\r\nContent-Type: application/json\r\n\r\n{\"file\":{\"displayName\":\"a\"}}\r\n--x\r\n\
                         Content-Type: text/plain\r\n\r\nhello\r\n--x--";

#[tokio::test]
async fn a_file_in_one_request_is_stored_or_leaves_nothing() {
    let site = Site::start();
    let related = ("content-type", "multipart/related; boundary=\"x\"");
    let protocol = ("x-goog-upload-protocol", "multipart");
    for (path, headers) in [
        (
            "POST /upload/v1beta/files?uploadType=multipart",
            &[related][..],
        ),
        ("POST /upload/v1beta/files", &[related, protocol]),
    ] {
        let file = site.send(path, headers, MULTIPART).await.json()["file"].clone();

        assert_eq!(
            (&file["displayName"], &file["sizeBytes"]),
            (&json!("a"), &json!("5")),
            "{file}"
        );
        assert_eq!(file["mimeType"], "text/plain");
    }
    let raw = [
        ("x-goog-upload-protocol", "raw"),
        ("content-type", "image/png"),
    ];
    let file = site
        .send("POST /upload/v1beta/files", &raw, "PNG")
        .await
        .json()["file"]
        .clone();
    assert_eq!(
        (&file["mimeType"], &file["sizeBytes"]),
        (&json!("image/png"), &json!("3")),
        "{file}"
    );

    let path = "POST /upload/v1beta/files?uploadType=multipart";
    let cut = MULTIPART.strip_suffix("\r\n--x--").expect("an end");
    site.send(path, &[related], cut).await.error(400);
    site.cut(path, &[related], (cut.as_bytes(), 1_000)).await;
    site.cut("POST /upload/v1beta/files", &raw, (b"PN", 3))
        .await;
    site.send(path, &[("content-type", "text/plain")], MULTIPART)
        .await
        .error(400);
    let identity = ("content-encoding", "Identity");
    site.send(
        "POST /upload/v1beta/files",
        &[raw[0], raw[1], identity],
        "PNG",
    )
    .await
    .json();
    let compressed = [raw[0], raw[1], identity, ("content-encoding", "gzip")];
    site.send("POST /upload/v1beta/files", &compressed, "PNG")
        .await
        .error(415);

    assert_eq!(site.count().await, 4);
    let folder = site.folder.path().join("uploads");
    site.running.stop().await;
    // The folder of an interrupted request is removed on another thread.
    while std::fs::read_dir(&folder).expect("a folder").count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_interrupted_removal_or_completion_leaves_no_part_of_a_file() {
    let site = Site::start();
    site.upload(b"hello", json!({"name": "files/a"})).await;
    let url = site.begin(5, json!({"name": "files/b"})).await;
    site.piece(&url, ("upload", 0), b"hello").await;
    let (files, uploads) = (
        site.folder.path().join("files"),
        site.folder.path().join("uploads"),
    );
    // As after a kill in the middle of a removal, of a start, and of a completion.
    std::fs::create_dir(uploads.join("c.removed")).expect("a folder");
    std::fs::write(uploads.join("c.removed/data"), "part").expect("written");
    std::fs::create_dir(uploads.join("d")).expect("a folder");
    std::fs::write(uploads.join("d/upload.json"), "{\"id\"").expect("written");
    std::fs::create_dir(uploads.join("e")).expect("a folder");
    for upload in std::fs::read_dir(&uploads).expect("a folder") {
        let path = upload.expect("an entry").path();
        std::fs::write(path.join("file.json"), "{\"na").expect("written");
    }

    let site = site.restart(Scripted::default()).await;
    let url = format!("/upload{}", url.split_once("/upload").expect("a path").1);
    let last = site.piece(&url, ("finalize", 5), b"").await;

    assert_eq!(last.json()["file"]["name"], "files/b", "{last:?}");
    let names = |folder| -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string());
        let mut names: Vec<_> = names.map(|name| name.expect("a name")).collect();
        names.sort();
        names
    };
    assert_eq!(names(&files), ["a", "b"]);
    assert!(names(&uploads).is_empty());
    site.running.stop().await;
}

#[tokio::test]
async fn one_server_at_a_time_uses_a_folder() {
    let site = Site::start();

    let error = FileStorage::open(site.folder.path()).expect_err("in use");
    let path = site.folder.path().display().to_string();
    assert_eq!(
        error.to_string(),
        format!("another server uses the folder `{path}`")
    );
    site.running.stop().await;
}

#[tokio::test]
async fn the_url_of_an_upload_is_its_key() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let files = FileStorage::open(folder.path()).expect("a folder");
    let router = Server::new(Scripted::default())
        .files(files)
        .api_key("k3y")
        .into_router();
    let start = |path: &str| {
        let request = post(path, r#"{"file":{"mimeType":"text/plain"}}"#);
        let protocol = ("x-goog-upload-protocol", "resumable");
        with(request, &[protocol, ("x-goog-upload-command", "start")])
    };

    assert_eq!(
        send(&router, start("/upload/v1beta/files")).await.code(),
        403
    );
    assert_eq!(
        send(&router, start("/upload/v1beta/files?key=wrong"))
            .await
            .code(),
        400
    );
    let started = send(&router, start("/upload/v1beta/files?key=k3y")).await;
    let url = started.header("x-goog-upload-url").to_owned();
    assert!(!url.contains("k3y"), "{url}");
    let path = url
        .strip_prefix("http://localhost")
        .expect("the host of the request");
    let command = ("x-goog-upload-command", "upload, finalize");
    let last = with(
        post(path, "hello"),
        &[command, ("x-goog-upload-offset", "0")],
    );
    assert_eq!(send(&router, last).await.code(), 200);

    let query = post(path, "");
    let query = with(query, &[("x-goog-upload-command", "query")]);
    assert_eq!(send(&router, query).await.code(), 200);

    let other = "/upload/v1beta/files?upload_id=0123456789abcdef";
    for (key, code) in [("", 403), ("&key=wrong", 400), ("&key=k3y", 404)] {
        let query = post(&format!("{other}{key}"), "");
        let query = with(query, &[("x-goog-upload-command", "query")]);
        assert_eq!(send(&router, query).await.code(), code, "{key}");
    }
    for path in [
        "/v1beta/files",
        "/v1beta/files?upload_id=x",
        "/$discovery/rest?version=v1beta",
    ] {
        assert_eq!(send(&router, get(path)).await.code(), 403, "{path}");
    }
}

#[tokio::test]
async fn urls_have_the_prefix_under_which_the_router_is_nested() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let files = FileStorage::open(folder.path()).expect("a folder");
    let api = Server::new(Scripted::default()).files(files).into_router();
    let router = axum::Router::new().nest("/gemini", api);
    let request = post("/gemini/upload/v1beta/files?uploadType=media", "hello");
    let headers = [
        ("content-type", "text/plain"),
        ("x-forwarded-proto", "https"),
    ];
    let request = with(request, &headers);

    let file: Value = send(&router, request).await.json()["file"].clone();

    let name = file["name"].as_str().expect("a name");
    assert_eq!(
        file["uri"],
        format!("https://localhost/gemini/v1beta/{name}")
    );
    let discovery = send(&router, get("/gemini/$discovery/rest?version=v1beta"))
        .await
        .json();
    assert_eq!(discovery["rootUrl"], "http://localhost/gemini/");
}

#[tokio::test]
async fn without_a_folder_uploads_are_refused_with_an_alternative() {
    let router = router(Scripted::default());
    for request in [
        get("/v1beta/files"),
        get("/v1beta/files/a"),
        post("/upload/v1beta/files", "{}"),
        get("/$discovery/rest"),
    ] {
        let path = request.uri().to_string();
        let response = send(&router, request).await;

        assert_eq!(response.code(), 404, "{path}");
        let error = response.error();
        assert_eq!(error["status"], "UNIMPLEMENTED", "{path}");
    }
}
