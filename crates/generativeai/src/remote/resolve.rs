//! Name resolution: by the operating system, or by a function in tests.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::vec::IntoIter;

use futures_util::TryFutureExt as _;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

use crate::stream::BoxFuture;

/// Function that looks up the addresses of a host.
pub(super) type LookUp = fn(Name) -> BoxFuture<io::Result<Vec<SocketAddr>>>;

/// Resolver of host names. Tests replace its function, for lookups that fail or hang.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolver(pub(super) LookUp);

impl Default for Resolver {
    /// Returns the resolver of the operating system.
    ///
    /// `getaddrinfo` blocks, so it runs on tokio's blocking threads. A lookup that hangs occupies its thread until the
    /// system gives up. The request that waits for it ends earlier, with the connect timeout.
    fn default() -> Self {
        Self(|name| Box::pin(GaiResolver::new().call(name).map_ok(Iterator::collect)))
    }
}

impl Service<Name> for Resolver {
    type Response = IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<io::Result<IntoIter<SocketAddr>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin((self.0)(name).map_ok(Vec::into_iter))
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::protocol::request::GenerateContentRequest;
    use crate::remote::{Remote, RemoteBuilder};
    use crate::{Backend, Error, ErrorKind, RequestOptions, Retry};

    fn builder(resolver: Resolver) -> RemoteBuilder {
        let mut builder = Remote::builder()
            .base_url("http://service.localhost:1")
            .api_key("not-a-real-key");
        builder.resolver = resolver;
        builder
    }

    async fn generate(builder: RemoteBuilder) -> crate::Result<String> {
        let remote = builder.build().expect("good settings");
        let hello = GenerateContentRequest::default()
            .model("m")
            .contents(["Hello"]);
        let reply = remote.generate_content(hello, RequestOptions::default());
        reply.await?.text()
    }

    fn root(error: &Error) -> String {
        let root = error.causes().last();
        root.expect("a cause").to_string()
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_cannot_be_resolved_is_retried_and_then_reported() {
        let resolver = Resolver(|name| {
            let failure = io::Error::other(format!("unknown name {name}"));
            Box::pin(ready(Err(failure)))
        });

        let error = generate(builder(resolver)).await.expect_err("no address");

        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert_eq!(error.to_string(), "no connection to `service.localhost:1`");
        assert_eq!(root(&error), "unknown name service.localhost");
        assert_eq!(error.attempts().len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_without_addresses_is_not_reachable() {
        let resolver = Resolver(|_| Box::pin(ready(Ok(Vec::new()))));

        let error = generate(builder(resolver)).await.expect_err("no address");

        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert_eq!(error.attempts().len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lookup_that_hangs_ends_with_the_connect_timeout() {
        let resolver = Resolver(|_| Box::pin(pending()));
        let began = tokio::time::Instant::now();

        let error = generate(builder(resolver)).await.expect_err("no address");

        let second = Duration::from_secs(1);
        let took = began.elapsed();
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert!(error.is_timeout());
        assert_eq!(error.to_string(), "no connection to `service.localhost:1`");
        assert_eq!(root(&error), "not established within 10s");
        let each: Vec<_> = error.attempts().iter().map(|a| a.took.as_secs()).collect();
        assert_eq!(each, [10; 4]);
        // Four connect timeouts, and waits of at most 0.5, 1 and 2 seconds between them.
        assert!((40 * second..44 * second).contains(&took), "{took:?}");
    }

    #[tokio::test]
    async fn a_name_that_resolves_at_the_third_attempt_is_connected_to() {
        static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        let address = listener.local_addr().expect("an address");
        let server = thread::spawn(move || {
            let (mut connection, _) = listener.accept().expect("a client");
            let length = connection.read(&mut [0; 4096]).expect("a request");
            let body = r#"{"candidates":[{"content":{"parts":[{"text":"Hello!"}]}}]}"#;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            let response = head + body;
            connection
                .write_all(response.as_bytes())
                .expect("it is read");
            length
        });
        let resolver = Resolver(|_| {
            let is_known = LOOKUPS.fetch_add(1, Relaxed) == 2;
            // The port comes from the address of the service.
            let found = is_known.then(|| vec![SocketAddr::from(([127, 0, 0, 1], 0))]);
            Box::pin(ready(found.ok_or_else(|| io::Error::other("not yet"))))
        });
        let immediately = Retry {
            initial: Duration::ZERO,
            ..Retry::default()
        };
        let url = format!("http://service.localhost:{}", address.port());
        let builder = builder(resolver)
            .base_url(url)
            .request_options(RequestOptions::default().retry(immediately));

        assert_eq!(generate(builder).await.expect("a reply"), "Hello!");

        assert_eq!(LOOKUPS.load(Relaxed), 3);
        assert!(server.join().expect("no panic") > 0);
    }
}
