//! Sources of settings, and settings that are rejected.

use super::*;

const KEY: &str = "canary-3f9c1d";

/// Builds with these environment variables only.
fn build(builder: RemoteBuilder, variables: &[(&str, &str)]) -> Result<Client> {
    builder.base_url("http://localhost:1").client_with(|name| {
        let (_, value) = variables.iter().find(|(variable, _)| *variable == name)?;
        Some(Some((*value).to_owned()))
    })
}

fn key_of(builder: RemoteBuilder, variables: &[(&str, &str)]) -> String {
    let remote = build(builder, variables).expect("a valid key");
    remote.service.errors.secrets[0].reveal().to_owned()
}

#[test]
fn a_key_that_is_set_takes_precedence_over_the_environment() {
    let both = [
        ("GEMINI_API_KEY", "gemini-key"),
        ("GOOGLE_API_KEY", "google-key"),
    ];

    assert_eq!(
        key_of(Remote::builder().api_key(" given-key\n"), &both),
        "given-key"
    );
    assert_eq!(key_of(Remote::builder(), &both), "gemini-key");
    assert_eq!(key_of(Remote::builder(), &both[1..]), "google-key");
    assert_eq!(
        key_of(Remote::builder(), &[("GEMINI_API_KEY", " \n"), both[1]]),
        "google-key"
    );
}

#[test]
fn a_missing_key_is_accepted_for_this_machine_only() {
    assert!(build(Remote::builder(), &[]).is_ok());

    let error = Remote::builder()
        .base_url("http://192.0.2.1")
        .allow_plain_http(true)
        .client_with(|_| None)
        .expect_err("no key");

    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("GEMINI_API_KEY"), "{error}");
}

#[test]
fn an_invalid_key_is_rejected_and_not_printed() {
    for invalid in [
        "two\nlines",
        "a blank",
        "tab\tbed",
        "schlüssel",
        "nul\0",
        "bell\u{7}",
        "  ",
    ] {
        let invalid = format!(
            "{invalid}{}",
            if invalid.trim().is_empty() { "" } else { KEY }
        );

        let given = build(Remote::builder().api_key(&*invalid), &[]).expect_err(&invalid);
        assert_eq!(given.kind(), ErrorKind::Configuration, "{invalid:?}");
        assert!(!format!("{given} {given:#?}").contains(KEY), "{given:?}");

        if !invalid.trim().is_empty() {
            let found = build(Remote::builder(), &[("GOOGLE_API_KEY", &invalid)]);
            let found = found.expect_err(&invalid);
            assert!(found.to_string().contains("GOOGLE_API_KEY"), "{found}");
            assert!(!format!("{found} {found:#?}").contains(KEY), "{found:?}");
        }
    }
}

#[test]
fn a_variable_that_is_not_unicode_is_named() {
    let error = Remote::builder()
        .client_with(|name| (name == "GEMINI_API_KEY").then_some(None))
        .expect_err("not Unicode");

    assert!(error.to_string().contains("GEMINI_API_KEY"), "{error}");
}

#[test]
fn the_address_may_come_from_the_environment() {
    let remote = Remote::builder()
        .client_with(|name| {
            (name == "GOOGLE_GEMINI_BASE_URL").then(|| Some("http://[::1]:7/x/".to_owned()))
        })
        .expect("an address");

    assert_eq!(remote.service.address.as_str(), "http://[::1]:7/x/v1beta");
}

#[test]
fn a_header_with_a_key_replaces_the_key_and_is_as_secret() {
    for (name, value) in [
        ("Authorization", format!("Bearer {KEY}")),
        ("Authorization", format!("Bearer {KEY} ")),
        ("X-Goog-Api-Key", KEY.to_owned()),
    ] {
        let builder = Remote::builder().header(name, value);

        let remote = build(builder, &[("GEMINI_API_KEY", "gemini-key")]).expect("a valid key");

        assert_eq!(remote.service.errors.secrets.len(), 1, "{name}");
        assert_eq!(remote.service.errors.secrets[0].reveal(), KEY, "{name}");
    }
}

#[test]
fn a_header_that_cannot_be_sent_is_named_without_its_value() {
    for (name, value) in [("bad name", KEY.to_owned()), ("x-good", format!("{KEY}\n"))] {
        let error = build(Remote::builder().header(name, value), &[]).expect_err(name);

        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(name), "{error}");
        assert!(!format!("{error:#?}").contains(KEY), "{error:?}");
    }
}

#[test]
fn neither_builder_nor_client_prints_a_key() {
    let builder = Remote::builder().api_key(KEY).header("x-other", KEY);
    assert!(!format!("{builder:?} {builder:#?}").contains(KEY));

    let remote = build(builder, &[]).expect("a valid key");
    assert!(!format!("{remote:?} {remote:#?}").contains(KEY));
}
