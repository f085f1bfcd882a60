//! Tests of the error type.

use serde_json::json;

use super::*;

fn error(kind: ErrorKind) -> Error {
    Error::new(kind, "it failed")
}

fn status(value: serde_json::Value) -> Status {
    serde_json::from_value(value).expect("a status")
}

#[test]
fn a_message_never_repeats_its_cause() {
    let error = error(ErrorKind::Unreachable).with_source("refused");

    assert_eq!(error.to_string(), "it failed");
    assert_eq!(format!("{error:#}"), "it failed: refused");
    assert_eq!(error.source().expect("the cause").to_string(), "refused");
}

#[test]
fn context_comes_before_the_message_and_a_hint_after_it() {
    let error = error(ErrorKind::Request)
        .with_context("the tool `f`")
        .with_hint("rename it");

    assert_eq!(error.to_string(), "the tool `f`: it failed; rename it");
}

#[test]
fn a_clone_shares_the_cause_and_changing_it_leaves_the_original_alone() {
    let error = error(ErrorKind::Timeout).with_source("clock");

    let clone = error.clone().with_http_code(504);

    assert_eq!((error.http_code(), clone.http_code()), (None, Some(504)));
    assert_eq!(clone.source().expect("the cause").to_string(), "clock");
}

#[test]
fn debug_does_not_print_the_conversation() {
    let error = error(ErrorKind::Truncated).with_response(GenerateContentResponse::default());

    assert!(!format!("{error:#?}").contains("candidates"), "{error:#?}");
}

#[test]
fn debug_is_short_and_its_alternate_form_has_all_details() {
    let error = Error::new(ErrorKind::Unreachable, "no connection")
        .with_http_code(502)
        .with_source("reset");

    assert_eq!(format!("{error:?}"), "Unreachable: no connection: reset");
    let details = format!("{error:#?}");
    assert!(details.contains("http_code: 502"), "{details}");
}

#[test]
fn transient_kinds_are_retryable_and_all_others_are_not() {
    use ErrorKind::*;
    for kind in [RateLimited, Unavailable, Unreachable, Timeout, Truncated] {
        assert!(error(kind).is_retryable(), "{kind}");
    }
    for kind in [
        Configuration,
        Request,
        Authentication,
        NotFound,
        Quota,
        Blocked,
        Stopped,
        Empty,
        Shape,
        Decode,
        Limit,
        Function,
        Unsupported,
        Conflict,
        Storage,
        Corrupt,
        TooNew,
    ] {
        assert!(!error(kind).is_retryable(), "{kind}");
    }
}

#[test]
fn a_code_that_no_retry_changes_is_not_retryable_whatever_the_kind() {
    for (code, is_retryable) in [
        (503, true),
        (500, true),
        (505, false),
        (511, false),
        (521, true),
        (526, false),
        (529, true),
    ] {
        let unavailable = error(ErrorKind::Unavailable);
        assert_eq!(
            unavailable.clone().with_http_code(code).is_retryable(),
            is_retryable
        );
        let unavailable = unavailable.with_status(status(json!({"code": code})));
        assert_eq!(unavailable.is_retryable(), is_retryable, "{code}");
    }
    // The code of gRPC.
    let unavailable = status(json!({"code": 14, "status": "UNAVAILABLE"}));
    assert!(
        error(ErrorKind::Unavailable)
            .with_status(unavailable)
            .is_retryable()
    );
}

#[test]
fn a_timeout_is_recognised_by_its_kind_and_among_its_causes() {
    let slow = || io::Error::from(io::ErrorKind::TimedOut);

    assert!(error(ErrorKind::Timeout).is_timeout());
    assert!(
        error(ErrorKind::Unreachable)
            .with_source(slow())
            .is_timeout()
    );
    let inner = error(ErrorKind::Timeout);
    assert!(
        error(ErrorKind::Unavailable)
            .with_source(inner)
            .is_timeout()
    );
    assert!(
        !error(ErrorKind::Unreachable)
            .with_source("refused")
            .is_timeout()
    );
}
