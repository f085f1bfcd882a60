//! Establishing connections: directly or through a proxy, encrypted if the address is `https`.

use std::io;
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

use super::resolve::Resolver;
use crate::error::BoxError;
use crate::stream::BoxFuture;

/// Silence after which the kernel probes whether the peer of a TCP connection still exists, and time between probes.
const TCP_KEEPALIVE: Duration = Duration::from_secs(15);

/// Number of probes without a reply after which the kernel closes a connection: after a minute, and before the idle
/// timeout. By default Linux waits for more than ten minutes.
const TCP_PROBES: u32 = 3;

type TcpConnector = HttpConnector<Resolver>;
type TcpStream = <TcpConnector as Service<Uri>>::Response;
type Encrypted = HttpsConnector<ProxyConnector>;

tokio::task_local! {
    /// Time limit of the connections that the current request opens. hyper-util's client passes nothing but
    /// the address to its connector, and the limit is an option of the request.
    static TIMEOUT: Duration;
}

/// Runs a request of the client. Each connection that it opens must be established within `timeout`.
pub(super) async fn with_timeout<T>(timeout: Duration, request: impl Future<Output = T>) -> T {
    TIMEOUT.scope(timeout, request).await
}

/// Creates a connector. With `proxies`, connections go through the proxies that the matcher selects.
pub(super) fn connector(
    tls: ClientConfig,
    proxies: Option<Matcher>,
    resolver: Resolver,
) -> Connector {
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    // This connector also opens the TCP connections of `https` addresses, which it refuses by default.
    tcp.enforce_http(false);
    // With Nagle's algorithm the last segment of a request may wait for an acknowledgement of the previous one.
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(TCP_KEEPALIVE));
    tcp.set_keepalive_interval(Some(TCP_KEEPALIVE));
    tcp.set_keepalive_retries(Some(TCP_PROBES));
    let proxies = proxies.map(|matcher| {
        // The `CONNECT` request uses HTTP/1.1, so HTTP/2 must not be negotiated with the proxy itself.
        let mut tls = tls.clone();
        tls.alpn_protocols.clear();
        let connector = HttpsConnector::from((tcp.clone(), tls));
        Arc::new(Proxies { matcher, connector })
    });
    Connector(HttpsConnector::from((ProxyConnector { tcp, proxies }, tls)))
}

/// Opens connections within the time limit of the request.
#[derive(Clone)]
pub(super) struct Connector(Encrypted);

impl Service<Uri> for Connector {
    type Response = <Encrypted as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = BoxFuture<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let limit = TIMEOUT.try_with(|limit| *limit);
        let connecting = self.0.call(address);
        Box::pin(async move {
            let limit = limit?;
            // The connection of a response returns to the pool in a separate task, often just after the next
            // request has asked for one. Let that task run before another connection is opened. If the request takes
            // the returned connection, hyper-util polls this future in a new task: it ends without a connection.
            tokio::task::yield_now().await;
            TIMEOUT.try_with(|_| ())?;
            // The limit is enforced here, not around the request: a connecting future that loses the race
            // against a pooled connection later than this continues in a new task, and would never end.
            let late = |_| {
                let message = format!("not established within {limit:?}");
                io::Error::new(io::ErrorKind::TimedOut, message)
            };
            tokio::time::timeout(limit, connecting)
                .await
                .map_err(late)?
        })
    }
}

/// Opens TCP connections: to the address itself, or a tunnel to it through a proxy.
#[derive(Clone)]
pub(super) struct ProxyConnector {
    tcp: TcpConnector,
    proxies: Option<Arc<Proxies>>,
}

struct Proxies {
    matcher: Matcher,
    connector: HttpsConnector<TcpConnector>,
}

impl Proxies {
    /// Returns a connector that asks the proxy for tunnels (`CONNECT`).
    fn tunnel(&self, proxy: &Intercept) -> Result<Tunnel<HttpsConnector<TcpConnector>>, BoxError> {
        let scheme = proxy.uri().scheme_str().unwrap_or_default();
        if !matches!(scheme, "http" | "https") {
            return Err(format!("proxies of the kind `{scheme}` are not supported").into());
        }
        let tunnel = Tunnel::new(proxy.uri().clone(), self.connector.clone());
        Ok(match proxy.basic_auth() {
            Some(credentials) => tunnel.with_auth(credentials.clone()),
            None => tunnel,
        })
    }
}

impl Service<Uri> for ProxyConnector {
    type Response = MaybeHttpsStream<TcpStream>;
    type Error = BoxError;
    type Future = BoxFuture<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
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

/// Adds the port to an address of plain HTTP: without one, a tunnel is opened to port 443.
fn with_port(address: Uri) -> Uri {
    let host = match (address.scheme_str(), address.port(), address.host()) {
        (Some("http"), None, Some(host)) => format!("http://{host}:80"),
        _ => return address,
    };
    host.parse().unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Starts a proxy that sends `answer` to its first request; returns its address and the request's head.
    fn proxy(answer: &'static str) -> (String, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        let address = listener.local_addr().expect("an address").to_string();
        let request = thread::spawn(move || {
            let (mut connection, _) = listener.accept().expect("a connection");
            let lines = BufReader::new(&connection).lines();
            let head = lines
                .map(|line| line.expect("a line"))
                .take_while(|line| !line.is_empty())
                .collect();
            connection.write_all(answer.as_bytes()).expect("it is read");
            head
        });
        (address, request)
    }

    async fn connect(proxy: &str) -> Result<(), String> {
        let matcher = Matcher::builder().all(proxy).no("127.0.0.1").build();
        let tls = super::super::tls::config(false, Vec::new()).expect("nothing to verify");
        let mut connector = connector(tls, Some(matcher), Resolver::default());
        let request = async { connector.call(Uri::from_static("http://example.com")).await };
        let connected = with_timeout(Duration::MAX, request).await;
        connected.map(drop).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_proxy_receives_connect_with_its_own_credentials() {
        let (address, request) = proxy("HTTP/1.1 200 OK\r\n\r\n");

        let connected = connect(&format!("http://me:secret@{address}")).await;

        let request = request.join().expect("no panic").join("\n").to_lowercase();
        assert_eq!(connected, Ok(()));
        assert!(
            request.starts_with("connect example.com:80 http/1.1\n"),
            "{request}"
        );
        assert!(
            request.contains("\nproxy-authorization: basic bwu6c2vjcmv0"),
            "{request}"
        );
    }

    #[tokio::test]
    async fn a_proxy_that_refuses_is_an_error() {
        let (address, request) = proxy("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");

        let error = connect(&address).await.expect_err("no tunnel");

        request.join().expect("no panic");
        assert!(error.contains("proxy"), "{error}");
    }

    #[tokio::test]
    async fn a_proxy_of_an_unknown_kind_is_refused() {
        let error = connect("socks5://127.0.0.1:1")
            .await
            .expect_err("no tunnel");

        assert_eq!(error, "proxies of the kind `socks5` are not supported");
    }

    #[tokio::test]
    async fn a_request_that_took_a_pooled_connection_opens_no_other() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let tls = super::super::tls::config(false, Vec::new()).expect("nothing to verify");
        let mut connector = connector(tls, None, Resolver::default());
        let uri: Uri = format!("http://{address}").parse().expect("an address");

        #[expect(
            clippy::async_yields_async,
            reason = "the attempt continues after its request has ended"
        )]
        let abandoned = with_timeout(Duration::MAX, async {
            let mut connecting = connector.call(uri.clone());
            let first = poll_fn(|cx| Poll::Ready(connecting.as_mut().poll(cx))).await;
            assert!(first.is_pending());
            connecting
        });
        assert!(abandoned.await.await.is_err());
        assert!(listener.accept().is_err());

        let wanted = with_timeout(Duration::MAX, async { connector.call(uri).await });
        wanted.await.map(drop).expect("a connection");
    }
}
