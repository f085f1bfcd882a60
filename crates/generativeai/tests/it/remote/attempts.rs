//! Retries: which requests are retried, when, and how often.

use std::time::{Duration, SystemTime};

use generativeai::{Backend, ErrorKind, RequestOptions, Retry};
use serde_json::{Value, json};

use super::*;
use crate::support::server::{STREAM, answer, error, event, nobody, reply, with_headers};
use crate::support::{Act, Server};

const SECOND: Duration = Duration::from_secs(1);

fn success() -> String {
    answer(
        "200 OK",
        "application/json",
        &reply("Hello!", Some("STOP")).to_string(),
    )
}

fn server(answers: impl IntoIterator<Item = String>) -> Server {
    Server::play(
        answers
            .into_iter()
            .map(|answer| vec![Act::Send(answer.into())]),
    )
}

/// Upper bounds of the first waits.
const BOUNDS: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

#[track_caller]
fn assert_within_bounds(waits: &[Duration]) {
    let is_within = waits.iter().zip(BOUNDS).all(|(wait, bound)| *wait < bound);
    assert!(is_within && waits.len() <= BOUNDS.len(), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_retried_and_every_attempt_is_reported() {
    let url = nobody();
    let remote = built(builder(&url));
    let start = tokio::time::Instant::now();

    let error = whole(&remote).await.expect_err("nobody listens");

    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let address = url.trim_start_matches("http://");
    assert_eq!(error.to_string(), format!("no connection to `{address}`"));
    let attempts = error.attempts();
    assert_eq!(attempts.len(), 4);
    for (attempt, number) in attempts.iter().zip(1..) {
        assert_eq!(attempt.number, number);
        assert!(attempt.outcome.contains("refused"), "{attempt:?}");
    }
    let waits: Vec<_> = attempts.iter().map(|attempt| attempt.waited).collect();
    assert_within_bounds(&waits[..3]);
    assert_eq!(waits[3], Duration::ZERO);
    // Timers fire at whole milliseconds.
    let total: Duration = waits.iter().sum();
    assert!((total..total + Duration::from_millis(5)).contains(&start.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn the_jitter_of_a_seed_is_reproducible() {
    let waits = async |seed: Option<u64>| {
        let mut builder = builder(&nobody());
        if let Some(seed) = seed {
            builder = builder.jitter_seed(seed);
        }
        let error = whole(&built(builder)).await.expect_err("nobody listens");
        let attempts = error.attempts();
        attempts.iter().map(|a| a.waited).collect::<Vec<_>>()
    };

    assert_eq!(waits(Some(7)).await, waits(Some(7)).await);
    assert_ne!(waits(Some(7)).await, waits(Some(8)).await);
    assert_ne!(waits(None).await, waits(None).await);
}

#[tokio::test(start_paused = true)]
async fn transient_errors_are_retried_until_the_request_succeeds() {
    for code in [408, 429, 500, 502, 503, 504] {
        for failures in 1..=3 {
            let failing = error(code, "NAME", json!([]));
            let server = server(std::iter::repeat_n(failing, failures).chain([success()]));
            let (remote, retries, _time) = in_stopped_time(&server);

            assert_eq!(whole(&remote).await.expect("a reply"), "Hello!", "{code}");

            assert_eq!(retries.count(), failures, "{code}");
            assert_within_bounds(&retries.waits());
            let requests = server.received();
            assert_eq!(requests.len(), failures + 1);
            let first = &requests[0].body;
            assert!(requests.iter().all(|request| request.body == *first));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn on_retry_is_called_before_each_wait_with_the_attempt_that_failed() {
    let server = server([
        error(503, "UNAVAILABLE", json!([])),
        error(429, "RESOURCE_EXHAUSTED", retry_info(json!("7s"))),
        error(404, "NOT_FOUND", json!([])),
    ]);
    let (remote, retries, _time) = in_stopped_time(&server);

    let error = whole(&remote).await.expect_err("not found");

    let reported = retries.attempts();
    let outcomes: Vec<_> = reported
        .iter()
        .map(|a| (a.number, a.outcome.as_str()))
        .collect();
    assert_eq!(
        outcomes,
        [
            (1, "503 UNAVAILABLE: why"),
            (2, "429 RESOURCE_EXHAUSTED: why")
        ]
    );
    assert_eq!(reported[1].waited, 7 * SECOND);
    // The last attempt is not followed by another, and is in the error only.
    assert_eq!(error.attempts()[..2], reported);
    assert_eq!(error.attempts()[2].outcome, "404 NOT_FOUND: why");
}

#[tokio::test]
async fn the_hook_of_a_request_replaces_the_one_of_the_client() {
    let server = server([error(503, "UNAVAILABLE", json!([])), success()]);
    let (remote, of_client) = client(&server);
    let of_request = Retries::default();

    let options = of_request.immediate();
    let reply = remote.generate_content(hello(), options).await;

    reply.expect("a reply");
    assert_eq!((of_client.count(), of_request.count()), (0, 1));
}

#[tokio::test]
async fn after_four_attempts_the_last_error_is_returned() {
    let server = Server::always(5, &error(503, "UNAVAILABLE", json!([])));
    let (remote, _) = client(&server);

    let error = whole(&remote).await.expect_err("no success");

    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.http_code(), Some(503));
    assert!(error.is_retryable());
    assert_eq!(error.attempts().len(), 4);
    let outcomes = error.attempts().iter().map(|attempt| &attempt.outcome);
    assert!(outcomes.into_iter().all(|o| o == "503 UNAVAILABLE: why"));
    assert_eq!(server.received().len(), 4);
}

#[tokio::test]
async fn permanent_errors_are_not_retried_and_keep_their_details() {
    for (code, status, kind) in [
        (400, "INVALID_ARGUMENT", ErrorKind::Request),
        (401, "UNAUTHENTICATED", ErrorKind::Authentication),
        (403, "PERMISSION_DENIED", ErrorKind::Authentication),
        (404, "NOT_FOUND", ErrorKind::NotFound),
        (413, "TOO_LARGE", ErrorKind::Request),
    ] {
        let details = json!([{"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": "d"}]);
        let server = Server::always(2, &error(code, status, details.clone()));
        let (remote, retries) = client(&server);

        let whole = whole(&remote).await.expect_err(status);
        let streamed = streamed(&remote).await.1.expect(status);

        for error in [whole, streamed] {
            assert_eq!(error.kind(), kind, "{code}");
            assert!(!error.is_retryable(), "{code}");
            assert_eq!(error.to_string(), format!("{code} {status}: why"));
            assert_eq!(error.http_code(), Some(code));
            assert_eq!(error.attempts().len(), 1);
            let kept = error.status().expect("a status");
            assert_eq!(Value::from(kept.details.clone()), details);
        }
        assert_eq!((server.received().len(), retries.count()), (2, 0));
    }
}

fn retry_info(delay: Value) -> Value {
    json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}])
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_the_service_asks_for_is_the_minimum_up_to_a_minute() {
    for (delay, minimum) in [
        (json!("3s"), Some(3 * SECOND)),
        (json!("60s"), Some(60 * SECOND)),
        (json!("0.1s"), None),
        (json!("0s"), None),
        (json!("-3s"), None),
        (json!("soon"), None),
        (json!(7), None),
    ] {
        let server = server([
            error(429, "RESOURCE_EXHAUSTED", retry_info(delay.clone())),
            success(),
        ]);
        let (remote, retries, _time) = in_stopped_time(&server);

        assert_eq!(whole(&remote).await.expect("a reply"), "Hello!");

        match minimum {
            Some(minimum) => assert_eq!(retries.waits(), [minimum], "{delay}"),
            None => assert_within_bounds(&retries.waits()),
        }
    }
}

#[tokio::test]
async fn a_wait_of_an_hour_fails_at_once() {
    let server = Server::always(
        2,
        &error(429, "RESOURCE_EXHAUSTED", retry_info(json!("3600s"))),
    );
    let (remote, retries) = client(&server);

    let error = whole(&remote).await.expect_err("too long a wait");

    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry_after(), Some(3_600 * SECOND));
    assert_eq!((error.attempts().len(), retries.count()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_retry_after_header_counts_as_well() {
    let date = |seconds| httpdate::fmt_http_date(SystemTime::now() + seconds * SECOND);
    for (header, expected) in [
        ("3", Some(3 * SECOND..=3 * SECOND)),
        // Dates are whole seconds.
        (&date(20), Some(15 * SECOND..=20 * SECOND)),
        ("Sun, 06 Nov 1994 08:00:00 GMT", None),
        ("tomorrow", None),
        ("-1", None),
    ] {
        let busy = with_headers("503 Busy", &[("retry-after", header)], "busy");
        let (remote, retries, _time) = in_stopped_time(&server([busy, success()]));

        assert_eq!(whole(&remote).await.expect("a reply"), "Hello!");

        let waits = retries.waits();
        match expected {
            Some(expected) => assert!(expected.contains(&waits[0]), "{header}: {waits:?}"),
            None => assert_within_bounds(&waits),
        }
    }
}

#[tokio::test]
async fn a_retry_after_header_beyond_the_limit_fails_at_once() {
    let in_an_hour = httpdate::fmt_http_date(SystemTime::now() + 3_600 * SECOND);
    for (header, after) in [("999999999999", 999_999_999_999), (&in_an_hour, 3_600)] {
        let busy = with_headers("503 Busy", &[("retry-after", header)], "busy");
        let error = whole(&client(&server([busy])).0).await.expect_err(header);
        let retry_after = error.retry_after().expect("a wait").as_secs();
        assert!(
            (after - 5..=after).contains(&retry_after),
            "{header}: {retry_after}"
        );
        assert_eq!(error.attempts().len(), 1);
    }
}

#[tokio::test]
async fn a_daily_quota_is_not_retried() {
    let quota = json!([{
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
    }]);
    let server = Server::always(2, &error(429, "RESOURCE_EXHAUSTED", quota));

    let error = whole(&client(&server).0).await.expect_err("no quota");

    assert_eq!(error.kind(), ErrorKind::Quota);
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn an_error_event_is_retried_only_if_it_is_the_first_event() {
    let failed = "data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}\n\n";
    let good = format!("{STREAM}{}", event("Hello!", Some("STOP")));
    let first = format!("{STREAM}{failed}");
    let later = format!("{STREAM}{}{failed}", event("so far", None));
    let server = server([first.clone(), first, good.clone(), later, good]);
    let (remote, retries) = client(&server);

    let (texts, error) = streamed(&remote).await;
    assert_eq!((texts, error.is_none()), (vec!["Hello!".to_owned()], true));
    assert_eq!(retries.count(), 2);

    let (texts, error) = streamed(&remote).await;
    assert_eq!(texts, ["so far"]);
    assert_eq!(error.expect("an error").kind(), ErrorKind::Unavailable);
    assert_eq!(server.received().len(), 4);
}

#[tokio::test]
async fn an_error_in_a_success_response_is_retried() {
    let failed = answer("200 OK", "application/json", r#"{"error":{"code":500}}"#);
    let server = server([failed, success()]);

    assert_eq!(whole(&client(&server).0).await.expect("a reply"), "Hello!");
}

#[tokio::test]
async fn options_of_a_request_take_precedence_over_options_of_the_client() {
    let server = Server::always(3, &error(503, "UNAVAILABLE", json!([])));
    let mut twice = Retry::default().max_attempts(2);
    twice.initial = Duration::ZERO;
    let options = RequestOptions::default().retry(twice);
    let remote = built(builder(&server.url()).request_options(options));

    let error = whole(&remote).await.expect_err("no success");
    assert_eq!(error.attempts().len(), 2);
    let once = RequestOptions::default().without_retry();
    let error = remote
        .generate_content(hello(), once)
        .await
        .expect_err("no success");
    assert_eq!(error.attempts().len(), 1);
}

#[tokio::test]
async fn a_thousand_requests_to_a_dead_server_make_eleven_hundred_attempts() {
    let (remote, _) = immediate(builder(&nobody()));

    let mut attempts = 0;
    let mut last = None;
    for _ in 0..1_000 {
        let error = whole(&remote).await.expect_err("nobody listens");
        attempts += error.attempts().len();
        last = Some(error.to_string());
    }

    assert_eq!(attempts, 1_100);
    let last = last.expect("an error");
    assert!(last.contains("too many requests failed recently"), "{last}");
}
