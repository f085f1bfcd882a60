//! Connections that do not come about: names nobody knows, certificates nobody trusts.

use std::time::Duration;

use generativeai::ErrorKind;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::support::server::{answer, reply};
use crate::support::tls::{Authority, TlsListener, listen};

/// Answers every request on loopback over TLS.
async fn secure(config: ServerConfig) -> String {
    let (listener, url) = TlsListener::bind(config, "http/1.1").await;
    tokio::spawn(async move {
        loop {
            // A client that does not trust us breaks off the handshake.
            let Ok(mut connection) = listener.accept().await else {
                continue;
            };
            let mut request = [0; 4096];
            let read = connection.read(&mut request).await.expect("a request");
            assert!(read > 0, "a request is not empty");
            let reply = reply("Hello!", Some("STOP")).to_string();
            let answer = answer("200 OK", "application/json", &reply);
            connection
                .write_all(answer.as_bytes())
                .await
                .expect("a client that reads");
            connection.shutdown().await.expect("a client that reads");
        }
    });
    url
}

fn all_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(found) = cause {
        text.push_str(&format!(": {found}"));
        cause = found.source();
    }
    text
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_looked_up_again_and_then_named() {
    // A label of 64 letters fits no name, so that the lookup fails without asking the network.
    let host = format!("{}.localhost", "x".repeat(64));
    let clock = TestClock::new();
    let remote = built(builder(&format!("http://{host}:1")).clock(clock.clone()));

    let error = whole(&remote).await.expect_err("no such host");

    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(error.to_string(), format!("no connection to `{host}`"));
    assert!(all_causes(&error).contains("dns"), "{}", all_causes(&error));
    assert_eq!((error.attempts().len(), clock.slept().len()), (4, 3));
}

#[tokio::test]
async fn a_certificate_of_an_authority_that_was_given_is_trusted() {
    let authority = Authority::new("Ours");
    let url = secure(authority.good()).await;
    let unrelated = Authority::new("Unrelated");

    let both = unrelated.pem() + &authority.pem();
    let remote = built(builder(&url).root_certificate(both));

    let said = whole(&remote).await;
    assert_eq!(said.expect("a reply"), "Hello!");
}

#[tokio::test]
async fn a_certificate_that_is_not_good_is_refused_at_once_with_the_reason() {
    let authority = Authority::new("Ours");
    let trusted = authority.pem();
    let unrelated = Authority::new("Unrelated").pem();
    for (what, config, pem, why) in [
        (
            "wrong host",
            authority.server("elsewhere.example", [2000, 2200]),
            &trusted,
            "not valid for name",
        ),
        (
            "expired",
            authority.server("127.0.0.1", [2000, 2001]),
            &trusted,
            "expired",
        ),
        (
            "not yet valid",
            authority.server("127.0.0.1", [2199, 2200]),
            &trusted,
            "not valid yet",
        ),
        (
            "unknown authority",
            authority.good(),
            &unrelated,
            "UnknownIssuer",
        ),
    ] {
        let url = secure(config).await;
        let clock = TestClock::new();
        let remote = builder(&url).root_certificate(pem).clock(clock.clone());
        let remote = built(remote);

        let error = whole(&remote).await.expect_err(what);

        assert_eq!(error.kind(), ErrorKind::Configuration, "{what}: {error:?}");
        assert_eq!(
            error.to_string(),
            "the certificate of `127.0.0.1` is not trusted"
        );
        assert!(all_causes(&error).contains(why), "{}", all_causes(&error));
        assert_eq!((error.attempts().len(), clock.slept().len()), (1, 0));
    }
}

#[tokio::test]
async fn a_handshake_that_stalls_ends_with_the_time_to_connect() {
    let (listener, address) = listen().await;
    let accepting = tokio::spawn(async move {
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(listener.accept().await.expect("a connection"));
        }
        held.len()
    });
    let options = RequestOptions::default().connect_timeout(Duration::from_millis(20));
    let clock = TestClock::new();
    let remote = builder(&format!("https://{address}"))
        .request_options(options)
        .clock(clock.clone());
    let remote = built(remote);

    let error = whole(&remote).await.expect_err("nobody shakes hands");

    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert_eq!(error.to_string(), "no connection to `127.0.0.1`");
    assert_eq!((error.attempts().len(), clock.slept().len()), (4, 3));
    assert_eq!(accepting.await.expect("no panic"), 4);
}

#[tokio::test]
async fn a_server_without_encryption_is_no_connection() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            // The client may be gone already: what it read first was enough.
            let _ = connection
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await;
        }
    });
    let remote = built(builder(&format!("https://{address}")).clock(TestClock::new()));

    let error = whole(&remote).await.expect_err("no TLS");

    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert_eq!(error.attempts().len(), 4);
}
