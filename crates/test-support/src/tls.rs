//! A certificate authority for tests, and servers with its certificates.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Certificate authority with a new key.
#[expect(missing_debug_implementations, reason = "it contains a private key")]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

impl Authority {
    /// Creates an authority with this common name.
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// Returns the certificate of the authority, which a client must trust.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Returns the settings of a server with a certificate for a host, valid between the beginnings of two years.
    pub fn config(&self, host: &str, years: [i32; 2]) -> ServerConfig {
        let mut params = CertificateParams::new([host.to_owned()]).expect("a name");
        [params.not_before, params.not_after] = years.map(|year| date_time_ymd(year, 1, 1));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        // `ServerConfig::builder` panics unless rustls can determine one cryptography provider for the process. Other
        // crates of a test may enable a second one.
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("key and certificate belong together")
    }

    /// Returns the settings of a server with a valid certificate for loopback.
    pub fn valid_config(&self) -> ServerConfig {
        self.config("127.0.0.1", [2000, 2200])
    }
}

/// Listener on loopback that accepts TLS connections.
#[expect(
    missing_debug_implementations,
    reason = "the acceptor contains a private key"
)]
pub struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl TlsListener {
    /// Listens on a free port. Also returns the base URL. `protocol` is the one that the handshake negotiates (ALPN).
    pub async fn bind(mut config: ServerConfig, protocol: &str) -> (Self, String) {
        config.alpn_protocols = vec![protocol.into()];
        let (listener, address) = listen().await;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let url = format!("https://{address}");
        (Self { listener, acceptor }, url)
    }

    /// Accepts the next connection.
    ///
    /// # Errors
    /// The handshake failed.
    pub async fn accept(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let (connection, _) = self.listener.accept().await?;
        self.acceptor.accept(connection).await
    }
}

/// Listens on a free port of loopback. Also returns the address.
pub async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}
