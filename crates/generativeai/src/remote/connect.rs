//! How a connection is made: straight or through a proxy, encrypted where the address says so.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use rustls::ClientConfig;
use tower_service::Service;

use super::resolve::Names;

/// How long a connection may be silent before it is asked whether the other end is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Why no connection could be made.
pub(super) type Cause = Box<dyn StdError + Send + Sync>;

/// A connection, before anything was said.
pub(super) type Stream = <Connector as Service<Uri>>::Response;

type TcpConnector = HttpConnector<Names>;
type Tcp = <TcpConnector as Service<Uri>>::Response;

/// Makes connections.
pub(super) type Connector = HttpsConnector<Road>;

/// Prepares to make connections to what `names` finds; with `proxies` they go through those that it
/// names.
pub(super) fn connector(tls: ClientConfig, proxies: Option<Matcher>, names: Names) -> Connector {
    let mut tcp = HttpConnector::new_with_resolver(names);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEP_ALIVE));
    let proxies = proxies.map(|matcher| {
        // A tunnel is asked for in HTTP/1.
        let mut tls = tls.clone();
        tls.alpn_protocols.clear();
        let connector = HttpsConnector::from((tcp.clone(), tls));
        Arc::new(Proxies { matcher, connector })
    });
    HttpsConnector::from((Road { tcp, proxies }, tls))
}

/// The way to a service, upon which encryption is put.
#[derive(Clone)]
pub(super) struct Road {
    tcp: TcpConnector,
    proxies: Option<Arc<Proxies>>,
}

pub(super) struct Proxies {
    matcher: Matcher,
    connector: HttpsConnector<TcpConnector>,
}

impl Proxies {
    /// What leads through the proxy to any address.
    fn tunnel(&self, proxy: &Intercept) -> Result<Tunnel<HttpsConnector<TcpConnector>>, Cause> {
        let scheme = proxy.uri().scheme_str().unwrap_or_default();
        if !matches!(scheme, "http" | "https") {
            return Err(format!("a proxy of the kind `{scheme}` cannot be used").into());
        }
        let tunnel = Tunnel::new(proxy.uri().clone(), self.connector.clone());
        Ok(match proxy.basic_auth() {
            Some(key) => tunnel.with_auth(key.clone()),
            None => tunnel,
        })
    }
}

impl Service<Uri> for Road {
    type Response = MaybeHttpsStream<Tcp>;
    type Error = Cause;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Cause>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let mut tcp = self.tcp.clone();
        let tunnel = self.proxies.as_ref().and_then(|proxies| {
            let proxy = proxies.matcher.intercept(&address)?;
            Some(proxies.tunnel(&proxy))
        });
        Box::pin(async move {
            match tunnel {
                Some(tunnel) => Ok(tunnel?.call(with_port(address)).await?),
                None => Ok(MaybeHttpsStream::Http(tcp.call(address).await?)),
            }
        })
    }
}

/// The address with its port, since a tunnel takes that of https for granted.
fn with_port(address: Uri) -> Uri {
    let host = match (address.scheme_str(), address.port(), address.host()) {
        (Some("http"), None, Some(host)) => format!("http://{host}:80"),
        _ => return address,
    };
    host.parse().unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A proxy that gives an answer, and what it was asked.
    fn proxy(answer: &'static str) -> (String, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        let address = listener.local_addr().expect("an address").to_string();
        let asked = thread::spawn(move || {
            let (mut connection, _) = listener.accept().expect("a connection");
            let lines = BufReader::new(&connection).lines();
            let head = lines
                .map(|line| line.expect("a line"))
                .take_while(|line| !line.is_empty())
                .collect();
            connection.write_all(answer.as_bytes()).expect("it is read");
            head
        });
        (address, asked)
    }

    async fn connect(proxy: &str) -> Result<(), String> {
        let matcher = Matcher::builder().all(proxy).no("127.0.0.1").build();
        let tls = super::super::tls::config(false, Vec::new()).expect("nothing to verify");
        let mut connector = connector(tls, Some(matcher), Names::default());
        let connected = connector.call(Uri::from_static("http://example.com")).await;
        connected.map(drop).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_proxy_is_asked_for_a_tunnel_with_its_own_key() {
        let (address, asked) = proxy("HTTP/1.1 200 OK\r\n\r\n");

        let connected = connect(&format!("http://me:secret@{address}")).await;

        let asked = asked.join().expect("no panic").join("\n").to_lowercase();
        assert_eq!(connected, Ok(()));
        assert!(
            asked.starts_with("connect example.com:80 http/1.1\n"),
            "{asked}"
        );
        assert!(
            asked.contains("\nproxy-authorization: basic bwu6c2vjcmv0"),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn a_proxy_that_refuses_is_an_error() {
        let (address, asked) = proxy("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");

        let error = connect(&address).await.expect_err("no tunnel");

        asked.join().expect("no panic");
        assert!(error.contains("proxy"), "{error}");
    }

    #[tokio::test]
    async fn a_kind_of_proxy_that_is_not_known_is_refused() {
        let error = connect("socks5://127.0.0.1:1")
            .await
            .expect_err("no tunnel");

        assert_eq!(error, "a proxy of the kind `socks5` cannot be used");
    }
}
