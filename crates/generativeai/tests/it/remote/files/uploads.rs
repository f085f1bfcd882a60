//! The upload protocol over connections that fail.

use std::sync::{Arc, Mutex};

use generativeai::{ErrorKind, RequestOptions};

use super::stand_in::{Fault, StandIn};
use super::{PIECE, builder, bytes, client, upload};
use crate::support::Retries;

#[tokio::test]
async fn an_upload_that_is_cut_in_any_piece_resumes_with_whole_bytes() {
    let sent = bytes(2 * PIECE + 5);
    for piece in 0..3 {
        let size = if piece < 2 { PIECE } else { 5 };
        for cut in [0, 1, size - 1] {
            let before = std::iter::repeat_n(Fault::None, 1 + piece);
            let stand_in = StandIn::new(before.chain([Fault::CutAfter(cut)]));

            let file = upload(&stand_in, &sent).await.expect("an upload");

            assert_eq!(file.name.as_deref(), Some("files/abc"));
            assert!(stand_in.stored() == sent, "piece {piece}, cut after {cut}");
            let asked = stand_in.asked();
            assert_eq!(asked[piece + 2].command, "query");
            assert_eq!(asked[piece + 3].offset, Some(piece * PIECE + cut));
        }
    }
}

#[tokio::test]
async fn an_empty_file_is_one_piece() {
    let stand_in = StandIn::new([]);

    upload(&stand_in, b"").await.expect("an upload");

    let last = stand_in.asked().pop().expect("a request");
    assert_eq!(
        (last.command.as_str(), last.length),
        ("upload, finalize", 0)
    );
}

#[tokio::test]
async fn lost_responses_and_transient_errors_are_recovered() {
    let sent = bytes(PIECE + 5);
    for faults in [
        vec![Fault::LoseResponse],
        vec![Fault::Code(503), Fault::Code(429)],
        vec![Fault::None, Fault::LoseResponse],
        vec![Fault::None, Fault::Code(503), Fault::Code(503)],
        vec![
            Fault::None,
            Fault::CutAfter(100),
            Fault::LoseResponse,
            Fault::CutAfter(9),
        ],
        // The last response, then the response to the query for it.
        vec![Fault::None, Fault::None, Fault::LoseResponse],
        vec![
            Fault::None,
            Fault::None,
            Fault::LoseResponse,
            Fault::LoseResponse,
        ],
    ] {
        let stand_in = StandIn::new(faults.clone());

        let file = upload(&stand_in, &sent).await;

        let file = file.unwrap_or_else(|error| panic!("{faults:?}: {error:?}"));
        assert_eq!(
            file.size_bytes,
            Some(i64::try_from(sent.len()).expect("small"))
        );
        assert!(stand_in.stored() == sent, "{faults:?}");
    }
}

#[tokio::test]
async fn failures_without_progress_are_limited() {
    let stand_in = StandIn::always(Fault::Code(503));

    let error = upload(&stand_in, b"hello").await.expect_err("no end");

    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.to_string().starts_with("upload of 5 bytes: "),
        "{error}"
    );
    assert_eq!(error.attempts().len(), 4, "{error:?}");
}

#[tokio::test]
async fn a_query_that_shows_no_progress_does_not_refill_the_retry_budget() {
    let failing = [Fault::Code(503), Fault::None].repeat(3);
    let stand_in = StandIn::new([vec![Fault::None], failing].concat());
    let options: RequestOptions = Retries::default().immediate();
    let builder = builder(&stand_in.url()).request_options(options);
    let client = builder.retry_budget(1).build().expect("good settings");

    let upload = client.upload_bytes(b"hello".to_vec(), "text/plain");

    let error = upload.await.expect_err("one retry");
    assert_eq!(error.attempts().len(), 2, "{error:?}");
}

#[tokio::test]
async fn an_upload_that_ends_too_early_or_never_is_an_error() {
    let sent = bytes(PIECE + 5);
    let early = StandIn::new([Fault::None, Fault::Status("final")]);
    let error = upload(&early, &sent).await.expect_err("too early");
    assert_eq!(error.kind(), ErrorKind::Decode);
    let message = "the service ended the upload after at most 8388608 of 8388613 bytes";
    assert!(error.to_string().ends_with(message), "{error}");

    let never = StandIn::always(Fault::Status("active"));
    let error = upload(&never, b"hello").await.expect_err("no end");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.to_string().contains("5 of 5 bytes"), "{error}");

    let cancelled = StandIn::new([Fault::None, Fault::Status("cancelled")]);
    let error = upload(&cancelled, b"hello").await.expect_err("cancelled");
    assert!(error.to_string().contains("start it again"), "{error}");

    let silent = StandIn::new([Fault::None, Fault::Status("")]);
    let error = upload(&silent, b"hello").await.expect_err("no status");
    assert!(
        error.to_string().contains("does not report the status"),
        "{error}"
    );
}

#[tokio::test]
async fn a_wrong_offset_is_an_error_and_an_earlier_one_is_sent_again() {
    let sent = bytes(PIECE + 5);
    let ahead = StandIn::new([Fault::None, Fault::Received(PIECE + 1)]);
    let error = upload(&ahead, &sent)
        .await
        .expect_err("an impossible offset");
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(
        error.to_string().contains("reports 8388609 received bytes"),
        "{error}"
    );

    let unreadable = StandIn::new([Fault::None, Fault::ReceivedText("many")]);
    let error = upload(&unreadable, &sent).await.expect_err("no number");
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.to_string().contains("not a number"), "{error}");

    let behind = StandIn::new([Fault::None, Fault::None, Fault::Received(PIECE - 1)]);
    let error = upload(&behind, &sent)
        .await
        .expect_err("bytes that are gone");
    assert!(
        error.to_string().contains("reports 8388607 received bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn other_bytes_than_the_sent_ones_are_an_error() {
    let stand_in = StandIn::new([Fault::None, Fault::Corrupt]);

    let error = upload(&stand_in, b"hello").await.expect_err("other bytes");

    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.to_string().contains("other bytes as `files/abc`"),
        "{error}"
    );
}

#[tokio::test]
async fn the_key_is_sent_to_the_configured_service_alone() {
    for host in ["evil.example", "127.0.0.1:1", "evil.example:80"] {
        let stand_in = StandIn::directing_to(host);

        let error = upload(&stand_in, b"hello").await.expect_err("another host");

        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(host), "{error}");
        assert_eq!(stand_in.asked().len(), 1);
    }
}

#[tokio::test]
async fn progress_is_reported_for_each_piece() {
    let stand_in = StandIn::new([]);
    let reported = Arc::new(Mutex::new(Vec::new()));
    let log = reported.clone();

    let upload = upload(&stand_in, &bytes(2 * PIECE + 5)).on_progress(move |progress| {
        let mut log = log.lock().expect("no panic");
        log.push((progress.sent, progress.total));
    });
    upload.await.expect("an upload");

    let total = 16_777_221;
    let expected = [0, 8_388_608, 16_777_216, total].map(|sent| (sent, total));
    assert_eq!(*reported.lock().expect("no panic"), expected);
}

#[tokio::test]
async fn dropping_an_upload_cancels_it() {
    let stand_in = StandIn::new([]);
    let (sender, mut second) = tokio::sync::mpsc::unbounded_channel();
    let upload = upload(&stand_in, &bytes(3 * PIECE)).on_progress(move |progress| {
        if progress.sent == 8_388_608 {
            // The test has ended already if this fails.
            let _ = sender.send(());
        }
    });

    tokio::select! {
        biased;
        _ = second.recv() => {}
        ended = upload => panic!("{ended:?}"),
    }

    assert_eq!(stand_in.asked().len(), 2);
    assert_eq!(stand_in.stored().len(), PIECE);
}

#[tokio::test]
async fn nothing_is_retried_after_the_deadline_of_an_upload() {
    let stand_in = StandIn::always(Fault::Code(503));
    let mut options = generativeai::RequestOptions::default();
    options.timeout = Some(std::time::Duration::ZERO);

    let upload = client(&stand_in).upload_bytes("hello", "text/plain");
    let error = upload.request_options(options).await.expect_err("no time");

    assert!(error.attempts().len() <= 1, "{error:?}");
    assert!(stand_in.asked().len() <= 2);
}

#[tokio::test]
async fn names_of_every_kind_are_sent_and_long_ones_refused_at_once() {
    for name in [
        "quote\" and\nnewline\\",
        "größe 日本語 🏔",
        "../../etc/passwd",
        &"ä".repeat(512),
    ] {
        let stand_in = StandIn::new([]);

        let upload = upload(&stand_in, b"hello").display_name(name).name("abc");
        upload.await.expect("an upload");

        let file = stand_in.properties()["file"].clone();
        assert_eq!(
            (&file["displayName"], &file["name"]),
            (&name.into(), &"files/abc".into())
        );
        assert_eq!(file["mimeType"], "text/plain");
    }
    let stand_in = StandIn::new([]);
    let error = upload(&stand_in, b"hello")
        .display_name("a".repeat(600))
        .await;
    let error = error.expect_err("too long");
    assert_eq!(error.kind(), ErrorKind::Request);
    assert!(
        error.to_string().contains("600 characters, and 512"),
        "{error}"
    );
    let error = upload(&stand_in, b"hello").mime_type("text/\nplain").await;
    assert_eq!(error.expect_err("no header").kind(), ErrorKind::Request);
    assert!(stand_in.asked().is_empty());
}
