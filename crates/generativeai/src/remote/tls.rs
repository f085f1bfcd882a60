//! Encryption: rustls with ring, and the roots of the platform.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use super::failure;
use crate::error::{Error, ErrorKind, Result};

/// How connections are encrypted. Without `verify` no certificate is trusted, which is right where
/// nothing is encrypted, and spares the reading of the roots.
pub(super) fn config(verify: bool) -> Result<ClientConfig> {
    let unusable = |error| {
        let message = "no certificates of this machine can be used: install them \
                       (on Debian the package `ca-certificates`)";
        Error::new(ErrorKind::Configuration, message).because(error)
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let mut config = if verify {
        builder
            .with_platform_verifier()
            .map_err(unusable)?
            .with_no_client_auth()
    } else {
        builder
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth()
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Whether an error arose because a certificate was not accepted.
pub(super) fn is_about_certificate(error: &(dyn StdError + 'static)) -> bool {
    failure::causes(error)
        .filter_map(tls_error)
        .any(|error| matches!(error, rustls::Error::InvalidCertificate(_)))
}

/// The TLS error that this one is, or holds: the source of an I/O error passes over what it holds.
fn tls_error<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e rustls::Error> {
    let held = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    let error = match held {
        Some(held) => held as &(dyn StdError + 'static),
        None => error,
    };
    error.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_error_is_found_among_the_causes() {
        let expired = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let wrapped = Error::new(ErrorKind::Unreachable, "no connection")
            .because(io::Error::new(io::ErrorKind::InvalidData, expired));
        let other = Error::new(ErrorKind::Unreachable, "no connection")
            .because(io::Error::from(io::ErrorKind::ConnectionRefused));

        assert!(is_about_certificate(&wrapped));
        assert!(!is_about_certificate(&other));
    }
}
