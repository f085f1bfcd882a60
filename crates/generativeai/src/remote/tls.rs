//! Encryption: rustls with ring, and the roots of the platform.

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

/// Reads the certificates in a PEM text.
pub(super) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    let bad = || Error::new(ErrorKind::Configuration, "the root certificate is no PEM");
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let read = read.map_err(|error| bad().with_source(error))?;
    if read.is_empty() {
        return Err(bad().with_source("there is no `BEGIN CERTIFICATE` in it"));
    }
    let mut store = RootCertStore::empty();
    for certificate in &read {
        store
            .add(certificate.clone())
            .map_err(|error| bad().with_source(error))?;
    }
    Ok(read)
}

/// How connections are encrypted. Without `verify` no certificate is trusted, which is right where
/// nothing is encrypted, and spares the reading of the roots.
pub(super) fn config(verify: bool, roots: Vec<CertificateDer<'static>>) -> Result<ClientConfig> {
    let unusable = |error| {
        let message = "no certificates of this machine can be used: install them \
                       (on Debian the package `ca-certificates`)";
        Error::new(ErrorKind::Configuration, message).with_source(error)
    };
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let mut config = if verify {
        let verifier = verifier(roots, provider).map_err(unusable)?;
        // The verifier is that of the platform: nothing is waved through.
        let builder = builder.dangerous();
        builder
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth()
    } else {
        builder
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth()
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

type Verifies = Arc<dyn ServerCertVerifier>;

/// What the platform trusts, and these roots.
#[cfg(not(target_os = "android"))]
fn verifier(
    roots: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Verifies, rustls::Error> {
    Ok(Arc::new(Verifier::new_with_extra_roots(roots, provider)?))
}

/// What the platform trusts; Android has a place of its own for further roots.
#[cfg(target_os = "android")]
fn verifier(
    roots: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Verifies, rustls::Error> {
    if !roots.is_empty() {
        let message = "on Android further roots are set in the system";
        return Err(rustls::Error::General(message.into()));
    }
    Ok(Arc::new(Verifier::new(provider)?))
}

/// Whether an error arose because a certificate was not accepted.
pub(super) fn is_about_certificate(error: &(dyn StdError + 'static)) -> bool {
    std::iter::once(error)
        .chain(causes(error))
        .filter_map(tls_error)
        .any(|error| matches!(error, rustls::Error::InvalidCertificate(_)))
}

/// The TLS error that this one is, or holds: the source of an I/O error passes over what it holds,
/// which may be an I/O error again.
fn tls_error<'e>(mut error: &'e (dyn StdError + 'static)) -> Option<&'e rustls::Error> {
    while let Some(held) = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        error = held;
    }
    error.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_a_certificate_is_refused() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let unclosed = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        for text in ["", "no PEM", unclosed, broken] {
            let error = certificates(text).expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Configuration, "{text}");
            assert!(error.source().is_some(), "{text}");
        }
    }

    #[test]
    fn a_certificate_error_is_found_among_the_causes() {
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
