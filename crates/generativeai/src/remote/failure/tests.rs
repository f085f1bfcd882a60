//! Error responses, and the errors that they become.

use serde_json::json;

use super::*;

fn errors(secrets: Vec<Secret>) -> ErrorReader {
    let profile = &crate::remote::gemini::GEMINI;
    ErrorReader { profile, secrets }
}

fn refused(code: u16, body: &str) -> Failure {
    Failure::refused(code, body.as_bytes(), None, &errors(Vec::new()))
}

fn with_status(code: u16, status: &str, details: Value) -> Failure {
    let error = json!({"code": code, "status": status, "message": "why", "details": details});
    refused(code, &json!({ "error": error }).to_string())
}

#[test]
fn a_code_determines_the_kind_and_whether_it_is_retried() {
    for (code, kind, is_retryable) in [
        (400, ErrorKind::Request, false),
        (401, ErrorKind::Authentication, false),
        (402, ErrorKind::Quota, false),
        (403, ErrorKind::Authentication, false),
        (404, ErrorKind::NotFound, false),
        (408, ErrorKind::Timeout, true),
        (409, ErrorKind::Request, false),
        (413, ErrorKind::Request, false),
        (429, ErrorKind::RateLimited, true),
        (499, ErrorKind::Unavailable, true),
        (500, ErrorKind::Unavailable, true),
        (501, ErrorKind::Unsupported, false),
        (502, ErrorKind::Unavailable, true),
        (503, ErrorKind::Unavailable, true),
        (504, ErrorKind::Timeout, true),
        (599, ErrorKind::Unavailable, false),
        (101, ErrorKind::Decode, false),
    ] {
        for failure in [
            with_status(code, "NAME", json!([])),
            refused(code, "<html>"),
        ] {
            assert_eq!(
                (failure.error.kind(), failure.is_retryable),
                (kind, is_retryable),
                "{code}"
            );
            assert_eq!(failure.error.http_code(), Some(code));
        }
    }
}

#[test]
fn the_message_contains_code_name_and_message_of_the_service() {
    let failure = with_status(404, "NOT_FOUND", json!([{"reason": "x"}]));

    assert_eq!(failure.error.to_string(), "404 NOT_FOUND: why");
    let status = failure.error.status().expect("a status");
    assert_eq!(status.message.as_deref(), Some("why"));
    assert_eq!(status.details.len(), 1);
}

#[test]
fn a_long_message_is_truncated_and_stays_whole_in_the_status() {
    let long = "ü".repeat(5_000);
    let failure = refused(
        400,
        &json!({"error": {"code": 400, "message": long}}).to_string(),
    );

    let shown = failure.error.to_string();
    assert_eq!(shown.chars().count(), "400: ".len() + MAX_MESSAGE + 1);
    assert!(shown.ends_with('…'));
    let status = failure.error.status().expect("a status");
    assert_eq!(status.message.as_deref(), Some(long.as_str()));
}

#[test]
fn an_invalid_api_key_is_an_authentication_error_although_the_code_is_400() {
    let info = "type.googleapis.com/google.rpc.ErrorInfo";
    let failure = with_status(
        400,
        "INVALID_ARGUMENT",
        json!([{"@type": info, "reason": "API_KEY_INVALID"}]),
    );

    assert_eq!(failure.error.kind(), ErrorKind::Authentication);
    assert!(!failure.is_retryable);
}

/// Row 26 of tests/field.md: the message of a proxy is the error of the service, as JSON.
#[test]
fn an_error_that_a_proxy_quotes_is_that_error() {
    let delay = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"});
    let error = json!({"error": {
        "code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED", "details": [delay],
    }});
    let pretty = serde_json::to_string_pretty(&error).expect("JSON");
    for body in [
        json!({"error": {"code": 429, "message": pretty, "status": "Too Many Requests"}})
            .to_string(),
        json!({"error": pretty}).to_string(),
        format!("\u{FEFF}{error}"),
        json!({"error": {"message": json!({"error": {"message": pretty}}).to_string()}})
            .to_string(),
    ] {
        let failure = refused(429, &body);

        assert_eq!(
            failure.error.to_string(),
            "429 RESOURCE_EXHAUSTED: slow down"
        );
        assert_eq!(failure.error.retry_after(), Some(Duration::from_secs(7)));
    }
    let failure = refused(
        400,
        &json!({"error": {"message": "{\"error\": null}"}}).to_string(),
    );
    assert_eq!(failure.error.to_string(), "400: {\"error\": null}");
}

/// Row 26 of tests/field.md.
#[test]
fn a_missing_cache_or_file_is_not_found_although_the_code_is_another() {
    let kind = |code: u16, status: &str, message: &str| {
        let error = json!({"code": code, "status": status, "message": message});
        let failure = refused(code, &json!({ "error": error }).to_string());
        assert!(failure.error.to_string().contains(message));
        assert!(!failure.is_retryable);
        failure.error.kind()
    };
    for (code, message) in [
        (403, "CachedContent not found (or permission denied)"),
        (404, "Not found: cached content metadata for 123."),
        (400, "Cache content 123 is expired."),
        (
            403,
            "You do not have permission to access the File abc or it may not exist.",
        ),
        (400, "File abc has expired."),
    ] {
        assert_eq!(kind(code, "X", message), ErrorKind::NotFound, "{message}");
    }
    for (code, message, expected) in [
        (
            403,
            "The caller does not have permission",
            ErrorKind::Authentication,
        ),
        (
            403,
            "Permission denied on resource '//x' (or it may not exist).",
            ErrorKind::Authentication,
        ),
        (
            403,
            "You do not have permission to create a CachedContent",
            ErrorKind::Authentication,
        ),
        (
            400,
            "API key expired. Please renew the API key.",
            ErrorKind::Request,
        ),
        (
            400,
            "CachedContent can not be used with system_instruction",
            ErrorKind::Request,
        ),
    ] {
        assert_eq!(kind(code, "X", message), expected, "{message}");
    }
}

#[test]
fn a_method_that_is_not_implemented_is_unsupported_although_the_code_is_404() {
    let failure = with_status(404, "UNIMPLEMENTED", json!([]));
    assert_eq!(failure.error.kind(), ErrorKind::Unsupported);
    assert!(!failure.is_retryable);
    assert_eq!(
        with_status(404, "NOT_FOUND", json!([])).error.kind(),
        ErrorKind::NotFound
    );
}

#[test]
fn a_daily_quota_is_not_retried() {
    let quota = "type.googleapis.com/google.rpc.QuotaFailure";
    let of = |id: &str| {
        with_status(
            429,
            "RESOURCE_EXHAUSTED",
            json!([{"@type": quota, "violations": [{"quotaId": id}]}]),
        )
    };

    let day = of("GenerateRequestsPerDayPerProjectPerModel");
    assert_eq!(
        (day.error.kind(), day.is_retryable),
        (ErrorKind::Quota, false)
    );
    let minute = of("GenerateRequestsPerMinutePerProjectPerModel");
    assert_eq!(
        (minute.error.kind(), minute.is_retryable),
        (ErrorKind::RateLimited, true)
    );
}

#[test]
fn an_account_without_credit_is_not_retried() {
    let of = |message: &str| {
        let error = json!({"code": 429, "status": "RESOURCE_EXHAUSTED", "message": message});
        let failure = refused(429, &json!({ "error": error }).to_string());
        (failure.error.kind(), failure.is_retryable)
    };

    for message in [
        "Your prepayment credits are depleted.",
        "Your project has exceeded its monthly spending cap.",
        "The model doesn't have a free quota tier.",
        "* Quota exceeded for metric: requests, limit: 0, model: m\nPlease retry in 3s.",
        "* Quota exceeded for metric: requests, limit: 0\nPlease retry in 3s.",
    ] {
        assert_eq!(of(message), (ErrorKind::Quota, false), "{message}");
    }
    let rate = "* Quota exceeded for metric: requests, limit: 10, model: m";
    assert_eq!(of(rate), (ErrorKind::RateLimited, true));
}

#[test]
fn the_longer_of_header_and_retry_info_counts() {
    let retry = "type.googleapis.com/google.rpc.RetryInfo";
    let body = json!({"error": {"code": 429, "details": [{"@type": retry, "retryDelay": "3s"}]}});
    let after = |header: Option<u64>| {
        let header = header.map(Duration::from_secs);
        let failure = Failure::refused(
            429,
            body.to_string().as_bytes(),
            header,
            &errors(Vec::new()),
        );
        failure.error.retry_after().map(|wait| wait.as_secs())
    };

    assert_eq!(after(None), Some(3));
    assert_eq!(after(Some(1)), Some(3));
    assert_eq!(after(Some(7)), Some(7));
    assert_eq!(refused(503, "").error.retry_after(), None);
}

#[test]
fn an_error_is_found_in_every_form() {
    for (body, message) in [
        (
            r#"[{"error":{"code":403,"status":"PERMISSION_DENIED","message":"no"}}]"#,
            "403 PERMISSION_DENIED: no",
        ),
        (
            r#"[{"candidates":[]},{"error":{"code":403,"message":"no"}}]"#,
            "403: no",
        ),
        (r#"{"error":"no"}"#, "403: no"),
        (
            r#"{"error":{"code":"many","message":"no"}}"#,
            r#"403: {"code":"many","message":"no"}"#,
        ),
        (r#"{"error":{}}"#, "403"),
        // A server-sent event, in response to a request for a stream.
        (
            "data: {\"error\":{\"code\":403,\"message\":\"no\"}}\r\n\r\n",
            "403: no",
        ),
        (
            "event: error\ndata: {\"error\":{\"message\":\"no\"}}\n\n",
            "403: no",
        ),
        (
            "data: {\"error\":\ndata: {\"message\":\ndata:\"no\"}}\n\ndata: [DONE]\n\n",
            "403: no",
        ),
    ] {
        let failure = refused(403, body);
        assert_eq!(failure.error.to_string(), message, "{body}");
        assert!(failure.error.status().is_some(), "{body}");
    }
}

#[test]
fn a_body_that_is_not_an_error_becomes_an_excerpt() {
    let huge = "x ".repeat(1 << 20);
    for (body, message) in [
        (
            "<b>Bad\u{1b}[31m\r\n Gateway</b>",
            "502: <b>Bad [31m Gateway</b>",
        ),
        (
            "\n<HTML><head><Title lang=en>502 Bad\r\nGateway</title></head><body>nginx</body>",
            "502: an HTML page, \"502 Bad Gateway\"",
        ),
        (
            "<!DOCTYPE html><p>Sorry</p>",
            "502: an HTML page without a title",
        ),
        ("", "502: empty response"),
        (" \n", "502: empty response"),
        (r#"{"message":"no"}"#, r#"502: {"message":"no"}"#),
        (r#"{"error":null}"#, r#"502: {"error":null}"#),
        ("[]", "502: []"),
        (&huge, &format!("502: {}…", "x ".repeat(100))),
    ] {
        let failure = refused(502, body);
        assert_eq!(failure.error.to_string(), message);
        assert!(failure.error.status().is_none());
    }
}

#[test]
fn a_key_that_the_service_repeats_is_redacted() {
    let errors = errors(vec![Secret::new("canary-3f9c1d")]);
    let status = r#"{"error":{"code":400,"message":"bad key canary-3f9c1d",
        "details":[{"detail":"Invalid API key: canary-3f9c1d"}]}}"#;

    for body in [status, "<p>canary-3f9c1d</p>"] {
        let error = Failure::refused(400, body.as_bytes(), None, &errors).error;
        assert!(
            !format!("{error} {error:#?}").contains("canary"),
            "{error:#?}"
        );
        assert!(format!("{error:#?}").contains("[key]"), "{error:#?}");
    }
}

#[test]
fn an_error_in_a_success_response_has_the_code_of_its_status() {
    let code = |json: Value| {
        let failure = Failure::in_success(json.to_string().as_bytes(), &errors(Vec::new()))
            .expect("an error");
        assert_eq!(failure.error.http_code(), None);
        (failure.error.kind(), failure.is_retryable)
    };

    let unavailable = (ErrorKind::Unavailable, true);
    assert_eq!(
        code(json!({"error": {"code": 503, "status": "UNAVAILABLE"}})),
        unavailable
    );
    assert_eq!(
        code(json!({"error": {"code": 14, "status": "UNAVAILABLE"}})),
        unavailable
    );
    assert_eq!(
        code(json!({"error": {"status": "INVALID_ARGUMENT"}})),
        (ErrorKind::Request, false)
    );
    assert_eq!(code(json!({"error": {"message": "?"}})), unavailable);
    assert!(Failure::in_success(br#"{"candidates":[]}"#, &errors(Vec::new())).is_none());
    assert!(Failure::in_success(b"not JSON", &errors(Vec::new())).is_none());
}
