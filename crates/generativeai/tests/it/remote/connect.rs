//! Connections that cannot be established: unknown names, certificates that are not trusted.

use std::time::Duration;

use generativeai::ErrorKind;
use generativeai_test_support::tls::{Authority, TlsListener, listen};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::support::server::{answer, reply};

/// Serves every request on loopback over TLS.
async fn secure(config: ServerConfig) -> String {
    let (listener, url) = TlsListener::bind(config, "http/1.1").await;
    tokio::spawn(async move {
        loop {
            // A client that does not trust the certificate aborts the handshake.
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

#[tokio::test]
async fn a_name_that_does_not_resolve_is_retried_and_then_reported() {
    // A label of 64 letters is too long for DNS, so the lookup fails without network access.
    let host = format!("{}.localhost", "x".repeat(64));
    let (remote, retries) = immediate(builder(&format!("http://{host}:1")));

    let error = whole(&remote).await.expect_err("no such host");

    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(error.to_string(), format!("no connection to `{host}:1`"));
    assert!(format!("{error:#}").contains("dns"), "{error:#}");
    assert_eq!((error.attempts().len(), retries.count()), (4, 3));
}

#[tokio::test]
async fn a_certificate_of_a_further_root_is_trusted() {
    let authority = Authority::new("Ours");
    let url = secure(authority.valid_config()).await;
    let unrelated = Authority::new("Unrelated");

    let both = unrelated.pem() + &authority.pem();
    let remote = built(builder(&url).root_certificate(both));

    assert_eq!(whole(&remote).await.expect("a reply"), "Hello!");
}

#[tokio::test]
async fn an_invalid_certificate_is_rejected_without_a_retry_and_with_the_reason() {
    let authority = Authority::new("Ours");
    let trusted = authority.pem();
    let unrelated = Authority::new("Unrelated").pem();
    for (what, config, pem, why) in [
        (
            "wrong host",
            authority.config("elsewhere.example", [2000, 2200]),
            &trusted,
            "not valid for name",
        ),
        (
            "expired",
            authority.config("127.0.0.1", [2000, 2001]),
            &trusted,
            "expired",
        ),
        (
            "not yet valid",
            authority.config("127.0.0.1", [2199, 2200]),
            &trusted,
            "not valid yet",
        ),
        (
            "unknown authority",
            authority.valid_config(),
            &unrelated,
            "UnknownIssuer",
        ),
    ] {
        let url = secure(config).await;
        let (remote, retries) = immediate(builder(&url).root_certificate(pem));

        let error = whole(&remote).await.expect_err(what);

        assert_eq!(error.kind(), ErrorKind::Configuration, "{what}: {error:?}");
        let address = url.trim_start_matches("https://");
        let message = format!("the certificate of `{address}` is not trusted");
        assert_eq!(error.to_string(), message);
        assert!(format!("{error:#}").contains(why), "{error:#}");
        assert_eq!((error.attempts().len(), retries.count()), (1, 0));
    }
}

#[tokio::test]
async fn a_handshake_that_stalls_ends_with_the_connect_timeout() {
    let (listener, address) = listen().await;
    let accepting = tokio::spawn(async move {
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(listener.accept().await.expect("a connection"));
        }
        // Returned, not dropped: the connections stay open.
        held
    });
    let retries = Retries::default();
    let timeout = Duration::from_millis(20);
    let options = retries.immediate().connect_timeout(timeout);
    let remote = built(builder(&format!("https://{address}")).request_options(options));

    let error = whole(&remote).await.expect_err("no handshake");

    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert_eq!(error.to_string(), format!("no connection to `{address}`"));
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!((error.attempts().len(), retries.count()), (4, 3));
    assert_eq!(accepting.await.expect("no panic").len(), 4);
}

#[tokio::test]
async fn a_server_without_tls_is_unreachable() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            // The client may have closed the connection already.
            let _ = connection
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await;
        }
    });
    let (remote, _) = immediate(builder(&format!("https://{address}")));

    let error = whole(&remote).await.expect_err("no TLS");

    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert_eq!(error.attempts().len(), 4);
}
