//! Resumable uploads, in both dialects.

use generativeai::testing::Scripted;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::{Site, response, text};

/// The curl commands of the service's documentation.
#[tokio::test]
async fn properties_with_single_quotes_are_read() {
    let site = Site::start();
    let headers = [
        ("x-goog-upload-protocol", "resumable"),
        ("x-goog-upload-command", "start"),
        ("x-goog-upload-header-content-length", "5"),
        ("x-goog-upload-header-content-type", "text/plain"),
        ("content-type", "application/json"),
    ];
    let properties = "{'file': {'display_name': 'a \"file\"'}}";

    let started = site
        .send("POST /upload/v1beta/files", &headers, properties)
        .await;

    let url = started.header("x-goog-upload-url");
    let uploaded = site.piece(url, ("upload, finalize", 0), b"hello").await;
    assert_eq!(uploaded.json()["file"]["displayName"], "a \"file\"");
    site.running.stop().await;
}

#[tokio::test]
async fn a_file_in_pieces_is_whole_and_has_its_hash() {
    let site = Site::start();
    let url = site.begin(11, json!({"displayName": "greeting"})).await;

    let first = site.piece(&url, ("upload", 0), b"hello ").await;
    let query = site.query(&url).await;
    site.piece(&url, ("upload", 6), b"world").await;
    // A query does not finalize an upload, even if all bytes arrived.
    let complete = site.query(&url).await;
    let last = site.piece(&url, ("finalize", 11), b"").await;

    assert_eq!(complete.upload_status(), (200, "active"));
    for active in [first, query] {
        assert_eq!(active.upload_status(), (200, "active"));
        assert_eq!(active.header("x-goog-upload-size-received"), "6");
    }
    assert_eq!(last.upload_status(), (200, "final"));
    let file = last.json()["file"].clone();
    assert_eq!(
        (&file["sizeBytes"], &file["state"]),
        (&json!("11"), &json!("ACTIVE")),
        "{file}"
    );
    assert_eq!(
        (&file["displayName"], &file["mimeType"]),
        (&json!("greeting"), &json!("text/plain"))
    );
    // The digits of b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9 in base64.
    let hash =
        "Yjk0ZDI3Yjk5MzRkM2UwOGE1MmU1MmQ3ZGE3ZGFiZmFjNDg0ZWZlMzdhNTM4MGVlOTA4OGY3YWNlMmVmY2RlOQ==";
    assert_eq!(file["sha256Hash"], hash);
    let name = file["name"].as_str().expect("a name");
    assert_eq!(
        file["uri"],
        format!("http://{}/v1beta/{name}", site.address())
    );
    assert_eq!(site.get(&format!("/v1beta/{name}")).await.json(), file);
    site.running.stop().await;
}

#[tokio::test]
async fn an_upload_that_is_cut_anywhere_resumes_with_whole_bytes() {
    let bytes = text(5_000);
    for cut in [0, 1, 999, 1_000, 2_500, 4_999] {
        let script = Scripted::default().then_text("A text.");
        let site = Site::with(|files| files, script.clone());
        let url = site.begin(bytes.len(), json!({})).await;
        let headers = [
            ("x-goog-upload-command", "upload, finalize"),
            ("x-goog-upload-offset", "0"),
        ];
        let request = format!("POST {url}");
        site.cut(&request, &headers, (&bytes[..cut], bytes.len()))
            .await;

        let query = site.query(&url).await;
        let received = query.header("x-goog-upload-size-received");
        let received: usize = received.parse().expect("a number");
        assert!(received <= cut, "{received} of {cut}");
        let last = site
            .piece(&url, ("upload, finalize", received), &bytes[received..])
            .await;

        assert_eq!(
            last.header("x-goog-upload-status"),
            "final",
            "{cut}: {last:?}"
        );
        assert_eq!(site.ask(&last.json()["file"]).await.code, 200);
        let request = &script.requests()[0];
        let content = request.contents.last().expect("a content");
        assert_eq!(
            content.parts[1].as_text().map(str::as_bytes),
            Some(&bytes[..]),
            "{cut}"
        );
        site.running.stop().await;
    }
}

#[tokio::test]
async fn bytes_at_a_wrong_offset_are_refused_with_the_right_one() {
    let site = Site::start();
    let url = site.begin(10, json!({})).await;
    site.piece(&url, ("upload", 0), b"hello").await;

    for offset in [0, 4, 6, 10] {
        let wrong = site
            .piece(&url, ("upload, finalize", offset), b"world")
            .await;

        assert!(
            wrong.error(400).contains("5 bytes were received"),
            "{wrong:?}"
        );
        assert_eq!(wrong.header("x-goog-upload-status"), "active");
        assert_eq!(wrong.header("x-goog-upload-size-received"), "5");
    }
    assert_eq!(
        site.piece(&url, ("upload, finalize", 5), b"world")
            .await
            .code,
        200
    );
    site.running.stop().await;
}

#[tokio::test]
async fn a_query_after_the_last_response_was_lost_returns_the_file() {
    let site = Site::start();
    let url = site.begin(5, json!({})).await;
    let file = site
        .piece(&url, ("upload, finalize", 0), b"hello")
        .await
        .json();

    let query = site.query(&url).await;
    let again = site.piece(&url, ("upload, finalize", 0), b"hello").await;

    assert_eq!(
        (query.header("x-goog-upload-status"), &query.json()),
        ("final", &file)
    );
    assert_eq!(
        (again.header("x-goog-upload-status"), &again.json()),
        ("final", &file)
    );
    assert_eq!(site.count().await, 1);
    let site = site.restart(Scripted::default()).await;
    let path = url.split_once("/upload").expect("a path").1;
    let query = site.query(&format!("/upload{path}")).await;
    assert_eq!(query.json()["file"]["name"], file["file"]["name"]);
    site.running.stop().await;
}

#[tokio::test]
async fn an_upload_that_is_larger_or_smaller_than_announced_is_refused() {
    let site = Site::start();
    let url = site.begin(5, json!({})).await;

    let smaller = site.piece(&url, ("upload, finalize", 0), b"hell").await;
    let larger = site.piece(&url, ("upload, finalize", 4), b"o world").await;
    let right = site.piece(&url, ("upload, finalize", 4), b"o").await;

    assert!(smaller.error(400).contains("4 of 5 bytes"), "{smaller:?}");
    assert_eq!(smaller.header("x-goog-upload-status"), "active");
    assert!(
        larger
            .error(400)
            .contains("larger than the announced 5 bytes"),
        "{larger:?}"
    );
    assert_eq!(right.json()["file"]["sizeBytes"], "5");
    site.running.stop().await;
}

#[tokio::test]
async fn a_newer_request_takes_over_an_upload() {
    let site = Site::start();
    let url = site.begin(10, json!({})).await;
    let headers = [
        ("x-goog-upload-command", "upload, finalize"),
        ("x-goog-upload-offset", "0"),
    ];
    let mut stalled = site
        .open(&format!("POST {url}"), &headers, (b"hel", 10))
        .await;

    // The server may not have read the beginning of the first request yet.
    let received = loop {
        let query = site.query(&url).await;
        match query
            .header("x-goog-upload-size-received")
            .parse()
            .expect("a number")
        {
            0 => {
                stalled = site
                    .open(&format!("POST {url}"), &headers, (b"hel", 10))
                    .await
            }
            received => break received,
        }
    };
    let taken = response(&mut stalled).await.expect("a response");
    let last = site.piece(
        &url,
        ("upload, finalize", received),
        b"lo world"[..10 - received].as_ref(),
    );

    assert_eq!(taken.error(409), "a newer request continues the upload");
    assert_eq!(last.await.header("x-goog-upload-status"), "final");
    // The connection of the first request is closed.
    assert!(
        stalled.write_all(&[0; 1_000_000]).await.is_err() || response(&mut stalled).await.is_none()
    );
    site.running.stop().await;
}

#[tokio::test]
async fn an_upload_survives_a_kill_of_the_server() {
    let bytes = text(3_000_000);
    let script = Scripted::default().then_text("A text.");
    let site = Site::start();
    let url = site
        .begin(bytes.len(), json!({"name": "files/survivor"}))
        .await;
    site.piece(&url, ("upload", 0), &bytes[..1_500_000]).await;
    let path = url.split_once("/upload").expect("a path").1;
    let url = format!("/upload{path}");

    let site = site.restart(script).await;
    let query = site.query(&url).await;
    let last = site
        .piece(&url, ("upload, finalize", 1_500_000), &bytes[1_500_000..])
        .await;

    assert_eq!(query.header("x-goog-upload-size-received"), "1500000");
    let file = last.json()["file"].clone();
    assert_eq!(
        (&file["name"], &file["sizeBytes"]),
        (&json!("files/survivor"), &json!("3000000"))
    );
    let data = site.folder.path().join("files/survivor/data");
    assert!(std::fs::read(data).expect("the bytes") == bytes);
    let site = site.restart(Scripted::default()).await;
    let found = site.get("/v1beta/files/survivor").await.json();
    assert_eq!(found["sha256Hash"], file["sha256Hash"]);
    site.running.stop().await;
}

#[tokio::test]
async fn a_cancelled_upload_is_gone() {
    let site = Site::start();
    let url = site.begin(5, json!({})).await;
    site.piece(&url, ("upload", 0), b"he").await;

    let cancelled = site
        .send(
            &format!("POST {url}"),
            &[("x-goog-upload-command", "cancel")],
            "",
        )
        .await;
    let query = site.query(&url).await;

    assert_eq!(cancelled.upload_status(), (200, "cancelled"));
    assert!(query.error(404).contains("unknown upload"));
    let uploads = site.folder.path().join("uploads");
    assert_eq!(std::fs::read_dir(uploads).expect("a folder").count(), 0);
    site.running.stop().await;
}

#[tokio::test]
async fn older_clients_upload_with_content_range() {
    let site = Site::start();
    let headers = [
        ("x-upload-content-type", "text/plain"),
        ("x-upload-content-length", "11"),
    ];
    let started = site
        .send(
            "POST /upload/v1beta/files?uploadType=resumable&alt=json",
            &headers,
            r#"{"file":{"displayName":"a"}}"#,
        )
        .await;
    let put = format!("PUT {}", started.header("location"));

    let send = async |range: &str, bytes: &str| {
        let headers = [("content-range", range)];
        site.send(&put, &headers, bytes).await
    };

    let empty = send("bytes */11", "").await;
    let first = send("bytes 0-5/11", "hello ").await;
    let query = send("bytes */11", "").await;
    let wrong = send("bytes 0-5/11", "hello ").await;
    let last = send("bytes 6-10/11", "world").await;

    assert_eq!((empty.code, empty.header("range")), (308, ""));
    for active in [first, query] {
        assert_eq!((active.code, active.header("range")), (308, "bytes=0-5"));
    }
    wrong.error(400);
    assert_eq!(
        (last.code, &last.json()["file"]["sizeBytes"]),
        (200, &json!("11")),
        "{last:?}"
    );
    site.running.stop().await;
}
