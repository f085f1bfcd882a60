//! TLS configuration: rustls with ring, and the root certificates of the platform.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::error::{Error, ErrorKind, Result, causes};

/// Parses the certificates in a PEM text, and checks that they can be used as roots.
pub(super) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    let bad = || {
        Error::new(
            ErrorKind::Configuration,
            "the root certificate is not valid PEM",
        )
    };
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let read = read.map_err(|error| bad().with_source(error))?;
    if read.is_empty() {
        return Err(bad().with_source("it contains no `BEGIN CERTIFICATE`"));
    }
    // PEM is only an encoding. The store checks the certificate in it, so that `build` fails and not a connection.
    let mut store = RootCertStore::empty();
    for certificate in &read {
        store
            .add(certificate.clone())
            .map_err(|error| bad().with_source(error))?;
    }
    Ok(read)
}

/// Creates the TLS configuration.
///
/// Without `verify` it trusts no certificate at all. This is for addresses of plain HTTP, which do not need the root
/// certificates to be loaded.
pub(super) fn config(verify: bool, roots: Vec<CertificateDer<'static>>) -> Result<ClientConfig> {
    let unusable = |error| {
        let message = "the root certificates of this machine cannot be loaded: install them \
                       (on Debian: package `ca-certificates`)";
        Error::new(ErrorKind::Configuration, message).with_source(error)
    };
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let mut config = if verify {
        let verifier = verifier(roots, provider).map_err(unusable)?;
        // `dangerous` is only the name of the method: the platform's verifier checks each certificate.
        let builder = builder.dangerous();
        builder
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth()
    } else {
        builder
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth()
    };
    // `HttpsConnector::from` leaves ALPN to this configuration. Without it each connection would use HTTP/1.1.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

type SharedVerifier = Arc<dyn ServerCertVerifier>;

/// Creates a verifier that trusts the roots of the platform and these roots.
#[cfg(not(target_os = "android"))]
fn verifier(
    roots: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<SharedVerifier, rustls::Error> {
    Ok(Arc::new(Verifier::new_with_extra_roots(roots, provider)?))
}

/// Creates a verifier that trusts the roots of the platform. On Android the verifier does not accept further roots.
#[cfg(target_os = "android")]
fn verifier(
    roots: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<SharedVerifier, rustls::Error> {
    if !roots.is_empty() {
        let message = "on Android, root certificates are installed in the system settings";
        return Err(rustls::Error::General(message.into()));
    }
    Ok(Arc::new(Verifier::new(provider)?))
}

/// Returns whether a certificate was rejected. A retry would fail, too.
pub(super) fn is_about_certificate(error: &(dyn StdError + 'static)) -> bool {
    std::iter::once(error)
        .chain(causes(error))
        .filter_map(tls_error)
        .any(|error| matches!(error, rustls::Error::InvalidCertificate(_)))
}

/// Returns the TLS error that this one is or contains.
///
/// `io::Error::source` skips the error that an I/O error contains, and returns the source of that one. So contained
/// errors, which may be I/O errors again, are read with `get_ref`.
fn tls_error<'e>(mut error: &'e (dyn StdError + 'static)) -> Option<&'e rustls::Error> {
    while let Some(inner) = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        error = inner;
    }
    error.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_certificates_is_refused() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let unclosed = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        for text in ["", "not PEM", unclosed, broken] {
            let error = certificates(text).expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Configuration, "{text}");
            assert!(error.source().is_some(), "{text}");
        }
    }

    #[test]
    fn a_certificate_error_is_found_among_causes_and_inside_io_errors() {
        let expired = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let held = io::Error::new(io::ErrorKind::InvalidData, expired);
        let wrapped =
            Error::new(ErrorKind::Unreachable, "no connection").with_source(io::Error::other(held));
        let other = Error::new(ErrorKind::Unreachable, "no connection")
            .with_source(io::Error::from(io::ErrorKind::ConnectionRefused));

        assert!(is_about_certificate(&wrapped));
        assert!(!is_about_certificate(&other));
    }
}
