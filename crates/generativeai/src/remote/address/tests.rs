//! Base URLs, and names in paths.

use super::*;

fn google() -> Address {
    Address::new("https://generativelanguage.googleapis.com", None, false).expect("good")
}

#[test]
fn the_service_is_googles_by_its_domain() {
    for (base, is_google) in [
        ("https://generativelanguage.googleapis.com", true),
        ("https://GenerativeLanguage.GoogleAPIs.com.:443", true),
        ("https://aiplatform.googleapis.com/v1", true),
        ("https://googleapis.com.a.example", false),
        ("https://agoogleapis.com", false),
    ] {
        let address = Address::new(base, None, false).expect(base);
        assert_eq!(address.is_google(), is_google, "{base}");
    }
}

#[test]
fn a_name_becomes_a_path() {
    for (name, path) in [
        ("gemini-3-flash", "models/gemini-3-flash"),
        ("models/gemini-3-flash", "models/gemini-3-flash"),
        ("tunedModels/mine-1", "tunedModels/mine-1"),
        (
            "projects/p/locations/l/models/m",
            "projects/p/locations/l/models/m",
        ),
        ("models/gemma:4b", "models/gemma%3A4b"),
        ("models/é", "models/%C3%A9"),
        ("models/v1..2", "models/v1..2"),
    ] {
        let url = google().method(Some(name), "countTokens").expect(name);
        let expected = "https://generativelanguage.googleapis.com/v1beta/";
        assert_eq!(
            url.to_string(),
            format!("{expected}{path}:countTokens"),
            "{name}"
        );
    }
}

#[test]
fn a_name_that_addresses_something_else_is_refused() {
    for name in [
        "",
        " ",
        "../secrets",
        "models/..",
        "models/../x",
        "models/.",
        "models//x",
        "/models/x",
        "models/x?key=1",
        "models/x#y",
        "models/%2e%2e",
        "models/x y",
        "models/x\n",
        "a\\b",
        "models/x\u{0}",
        &"x".repeat(513),
    ] {
        let error = google().model(name).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Request, "{name}");
        assert!(error.to_string().contains(" name "), "{error}");
        // Row 24 of tests/field.md: characters are not shown in the notation of Rust.
        assert!(!error.to_string().contains(['\'', '{']), "{error}");
    }
    assert!(google().method(None, "countTokens").is_err());
    assert!(google().cached_content("../x").is_err());
}

#[test]
fn plain_http_is_accepted_for_this_machine_only() {
    let is_good = |base: &str, plain| Address::new(base, None, plain).is_ok();

    for base in [
        "http://localhost:8080",
        "http://127.0.0.1",
        "http://127.9.9.9",
        "http://[::1]:1",
        "http://api.localhost",
        "http://LOCALHOST",
    ] {
        assert!(is_good(base, false), "{base}");
    }
    for base in [
        "http://example.com",
        "http://localhost.example.com",
        "http://10.0.0.1",
        "http://127.0.0.1.example.com",
        "http://[::2]",
        "http://127.1",
    ] {
        assert!(!is_good(base, false), "{base}");
        assert!(is_good(base, true), "{base}");
    }
}

#[test]
fn a_base_address_is_checked() {
    for base in [
        "",
        "example.com",
        "ftp://example.com",
        "https://",
        "https://me:secret@example.com",
        "https://example.com?key=1",
        "https://example.com/#x",
        "https://example.com:99999",
        "https://example.com:",
        "https://bücher.example",
        "https://exa%6Dple.com",
        "https://[::1",
        "https://[::1]x",
        "https://example.com/a b",
        "https://example.com/a\\b",
        "https://example.com/../x",
        "https://example.com/%2e%2e/x",
    ] {
        let error = Address::new(base, None, true).expect_err(base);
        assert_eq!(error.kind(), ErrorKind::Configuration, "{base}");
    }
    assert!(Address::new("https://example.com", Some(""), false).is_err());
    assert!(Address::new("https://example.com", Some("v1?x"), false).is_err());
    assert!(Address::new("https://example.com", Some(".."), false).is_err());
}

#[test]
fn a_base_address_may_have_a_path() {
    let address = Address::new("https://example.com/gemini/", Some("/v1/"), false).expect("good");

    let url = address.models(Some("a&b")).expect("good");

    assert_eq!(
        url.to_string(),
        "https://example.com/gemini/v1/models?pageSize=1000&pageToken=a%26b"
    );
    assert_eq!(address.as_str(), "https://example.com/gemini/v1");
}

/// Row 8 of tests/field.md.
#[test]
fn a_path_copied_with_a_base_url_is_removed() {
    for (base, root) in [
        ("http://localhost:1/v1beta", "http://localhost:1/v1beta"),
        ("http://localhost:1/v1beta/", "http://localhost:1/v1beta"),
        ("http://localhost:1//v1beta//", "http://localhost:1/v1beta"),
        (
            "http://localhost:1/v1beta/v1beta",
            "http://localhost:1/v1beta",
        ),
        ("http://localhost:1/v1", "http://localhost:1/v1"),
        (
            "http://localhost:1/v1alpha/models",
            "http://localhost:1/v1alpha",
        ),
        ("http://localhost:1/models/x", "http://localhost:1/v1beta"),
        (
            "https://a.example/v1beta/models/x",
            "https://a.example/v1beta",
        ),
        (
            "https://a.example/v1beta/models/x:generateContent",
            "https://a.example/v1beta",
        ),
        (
            "https://a.example/p/v1/tunedModels/x:streamGenerateContent?alt=sse",
            "https://a.example/p/v1",
        ),
        (
            "https://a.example/v1beta/openai/",
            "https://a.example/v1beta",
        ),
        (
            "https://a.example/openai",
            "https://a.example/openai/v1beta",
        ),
        (
            "https://a.example/v1/account/google",
            "https://a.example/v1/account/google/v1beta",
        ),
        ("https://a.example/v2ray", "https://a.example/v2ray"),
        (
            "https://a.example/vision",
            "https://a.example/vision/v1beta",
        ),
        ("https://v1beta", "https://v1beta/v1beta"),
        (
            "https://a.example/v1beta/models/x:generateContent?key=K",
            "https://a.example/v1beta",
        ),
        (
            " https://a.example/v1beta/models/ \r\n",
            "https://a.example/v1beta",
        ),
        (
            "https://a.example/v1beta/models/x:countTokens/",
            "https://a.example/v1beta",
        ),
    ] {
        let address = Address::new(base, None, false).expect(base);
        assert_eq!(address.as_str(), root, "{base}");
    }
    let same = Address::new("https://a.example/v1", Some("v1"), false).expect("good");
    assert_eq!(same.as_str(), "https://a.example/v1");
    let error = Address::new("https://a.example/v1", Some("v1beta"), false).expect_err("two");
    let message = error.to_string();
    assert!(
        message.contains("`v1`") && message.contains("`v1beta`"),
        "{message}"
    );
}

#[test]
fn a_base_url_may_contain_the_version() {
    for (base, root) in [
        ("http://localhost:1/v1/", "http://localhost:1/v1"),
        ("http://localhost:1", "http://localhost:1/v1"),
        ("http://localhost:1/", "http://localhost:1/v1"),
        (
            "http://localhost:1/v1/chat/completions",
            "http://localhost:1/v1",
        ),
        ("http://localhost:1/v1/models/", "http://localhost:1/v1"),
        ("http://localhost:1/v1/responses", "http://localhost:1/v1"),
        ("http://localhost:1/v1/completions", "http://localhost:1/v1"),
        ("https://a.example/models", "https://a.example/models"),
        ("http://localhost:1/v1/v1", "http://localhost:1/v1"),
        ("https://a.example/api", "https://a.example/api"),
    ] {
        let address = Address::with_version(base, "/v1", false).expect(base);

        assert_eq!(address.as_str(), root);
        let url = address.at("chat/completions").expect("good");
        assert_eq!(url.to_string(), format!("{root}/chat/completions"));
    }
}
