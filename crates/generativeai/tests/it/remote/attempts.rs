//! What is tried again, when, how often, and what is not.

use std::time::Duration;

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

/// Half of each bound: what the clock's chance makes of them.
fn halves(times: usize) -> Vec<Duration> {
    [250, 500, 1_000]
        .into_iter()
        .map(Duration::from_millis)
        .take(times)
        .collect()
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_and_every_attempt_is_told() {
    let clock = TestClock::new();
    let remote = built(builder(&nobody()).clock(clock.clone()));

    let error = whole(&remote).await.expect_err("nobody answers");

    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(error.to_string(), "no connection to `127.0.0.1`");
    assert_eq!(clock.slept(), halves(3));
    let attempts = error.attempts();
    assert_eq!(attempts.len(), 4);
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.outcome.contains("refused")),
        "{attempts:?}"
    );
    assert_eq!(attempts[0].waited, Duration::from_millis(250));
    assert_eq!(attempts[3].waited, Duration::ZERO);
}

#[tokio::test]
async fn what_may_pass_is_tried_again_until_it_has_passed() {
    for code in [408, 429, 500, 502, 503, 504] {
        for failures in 1..=3 {
            let failing = error(code, "NAME", json!([]));
            let server = server(std::iter::repeat_n(failing, failures).chain([success()]));
            let (remote, clock) = client(&server);

            assert_eq!(whole(&remote).await.expect("a reply"), "Hello!", "{code}");

            assert_eq!(clock.slept(), halves(failures), "{code}");
            let requests = server.received();
            assert_eq!(requests.len(), failures + 1);
            assert!(
                requests
                    .iter()
                    .all(|request| request.body == requests[0].body)
            );
        }
    }
}

#[tokio::test]
async fn after_four_attempts_the_last_error_is_given() {
    let server = Server::always(5, &error(503, "UNAVAILABLE", json!([])));
    let (remote, _) = client(&server);

    let error = whole(&remote).await.expect_err("no success");

    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.http_code(), Some(503));
    assert_eq!(error.attempts().len(), 4);
    assert!(
        error
            .attempts()
            .iter()
            .all(|attempt| attempt.outcome == "503 UNAVAILABLE: why")
    );
    assert_eq!(server.received().len(), 4);
}

#[tokio::test]
async fn what_will_not_pass_is_asked_once_and_told_in_full() {
    for (code, status, kind) in [
        (400, "INVALID_ARGUMENT", ErrorKind::Request),
        (401, "UNAUTHENTICATED", ErrorKind::Authentication),
        (403, "PERMISSION_DENIED", ErrorKind::Authentication),
        (404, "NOT_FOUND", ErrorKind::NotFound),
        (413, "TOO_LARGE", ErrorKind::Request),
    ] {
        let details = json!([{"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": "d"}]);
        let server = Server::always(2, &error(code, status, details.clone()));
        let (remote, clock) = client(&server);

        let whole = whole(&remote).await.expect_err(status);
        let streamed = streamed(&remote).await.1.expect(status);

        for error in [whole, streamed] {
            assert_eq!(error.kind(), kind, "{code}");
            assert_eq!(error.to_string(), format!("{code} {status}: why"));
            assert_eq!(error.http_code(), Some(code));
            assert_eq!(error.attempts().len(), 1);
            let kept = error.status().expect("a status");
            assert_eq!(Value::from(kept.details.clone()), details);
        }
        assert_eq!(server.received().len(), 2);
        assert!(clock.slept().is_empty());
    }
}

fn retry_info(delay: Value) -> Value {
    json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}])
}

#[tokio::test]
async fn the_wait_that_the_service_asks_for_is_kept_up_to_a_minute() {
    for (delay, slept) in [
        (json!("3s"), 3 * SECOND),
        (json!("60s"), 60 * SECOND),
        (json!("0.1s"), SECOND / 4),
        (json!("0s"), SECOND / 4),
        (json!("-3s"), SECOND / 4),
        (json!("soon"), SECOND / 4),
        (json!(7), SECOND / 4),
    ] {
        let server = server([
            error(429, "RESOURCE_EXHAUSTED", retry_info(delay.clone())),
            success(),
        ]);
        let (remote, clock) = client(&server);

        assert_eq!(whole(&remote).await.expect("a reply"), "Hello!");

        assert_eq!(clock.slept(), [slept], "{delay}");
    }
}

#[tokio::test]
async fn a_wait_of_an_hour_is_told_at_once() {
    let server = Server::always(
        2,
        &error(429, "RESOURCE_EXHAUSTED", retry_info(json!("3600s"))),
    );
    let (remote, clock) = client(&server);

    let error = whole(&remote).await.expect_err("too long a wait");

    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry_after(), Some(3_600 * SECOND));
    assert_eq!(error.attempts().len(), 1);
    assert!(clock.slept().is_empty());
}

#[tokio::test]
async fn the_retry_after_header_counts_as_well() {
    // The clock shows 08:49:37.
    for (header, slept) in [
        ("3", 3 * SECOND),
        ("Sun, 06 Nov 1994 08:49:57 GMT", 20 * SECOND),
        ("Sun, 06 Nov 1994 08:00:00 GMT", SECOND / 4),
        ("tomorrow", SECOND / 4),
        ("-1", SECOND / 4),
    ] {
        let busy = with_headers("503 Busy", &[("retry-after", header)], "busy");
        let (remote, clock) = client(&server([busy, success()]));

        assert_eq!(whole(&remote).await.expect("a reply"), "Hello!");

        assert_eq!(clock.slept(), [slept], "{header}");
    }
    for (header, after) in [
        ("999999999999", 999_999_999_999),
        ("Sun, 06 Nov 1994 09:49:37 GMT", 3_600),
    ] {
        let busy = with_headers("503 Busy", &[("retry-after", header)], "busy");
        let error = whole(&client(&server([busy])).0).await.expect_err(header);
        assert_eq!(
            error.retry_after(),
            Some(Duration::from_secs(after)),
            "{header}"
        );
        assert_eq!(error.attempts().len(), 1);
    }
}

#[tokio::test]
async fn a_quota_of_the_day_is_not_asked_for_again() {
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
async fn an_error_event_that_comes_first_is_tried_again_and_a_later_one_is_not() {
    let told = "data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}\n\n";
    let good = format!("{STREAM}{}", event("Hello!", Some("STOP")));
    let first = format!("{STREAM}{told}");
    let later = format!("{STREAM}{}{told}", event("so far", None));
    let server = server([first.clone(), first, good.clone(), later, good]);
    let (remote, clock) = client(&server);

    let (texts, error) = streamed(&remote).await;
    assert_eq!((texts, error.is_none()), (vec!["Hello!".to_owned()], true));
    assert_eq!(clock.slept(), halves(2));

    let (texts, error) = streamed(&remote).await;
    assert_eq!(texts, ["so far"]);
    assert_eq!(error.expect("an error").kind(), ErrorKind::Unavailable);
    assert_eq!(server.received().len(), 4);
}

#[tokio::test]
async fn an_error_in_an_answer_of_success_is_tried_again() {
    let told = answer("200 OK", "application/json", r#"{"error":{"code":500}}"#);
    let server = server([told, success()]);

    assert_eq!(whole(&client(&server).0).await.expect("a reply"), "Hello!");
}

#[tokio::test]
async fn options_of_a_request_come_before_those_of_the_client() {
    let server = Server::always(3, &error(503, "UNAVAILABLE", json!([])));
    let twice = RequestOptions::default().retry(Retry::default().max_attempts(2));
    let remote = builder(&server.url()).clock(TestClock::new());
    let remote = built(remote.request_options(twice));

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
    let clock = TestClock::new();
    let remote = built(builder(&nobody()).clock(clock.clone()));

    let mut attempts = 0;
    let mut last = None;
    for _ in 0..1_000 {
        let error = whole(&remote).await.expect_err("nobody answers");
        attempts += error.attempts().len();
        last = error.attempts().last().cloned();
    }

    assert_eq!(attempts, 1_100);
    let last = last.expect("an attempt").outcome;
    assert!(last.contains("too many requests failed lately"), "{last}");
}
