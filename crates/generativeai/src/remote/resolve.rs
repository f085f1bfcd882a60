//! Names become addresses: by the system, or as a test says.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::vec::IntoIter;

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

use crate::stream::BoxFuture;

/// Who looks up names.
///
/// The system does so in a thread of its own, which a lookup that hangs keeps until the system gives
/// it up; whoever waits for it has gone on by then.
#[derive(Clone, Debug)]
pub(super) enum Names {
    /// The system.
    System(GaiResolver),
    /// A function of a test.
    #[cfg(test)]
    Given(fn(String) -> BoxFuture<io::Result<Vec<SocketAddr>>>),
}

impl Default for Names {
    fn default() -> Self {
        Self::System(GaiResolver::new())
    }
}

impl Service<Name> for Names {
    type Response = IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<io::Result<IntoIter<SocketAddr>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        match self {
            Self::System(system) => {
                let looking = system.call(name);
                Box::pin(async { Ok(looking.await?.collect::<Vec<_>>().into_iter()) })
            }
            #[cfg(test)]
            Self::Given(look_up) => {
                let looking = look_up(name.as_str().to_owned());
                Box::pin(async { Ok(looking.await?.into_iter()) })
            }
        }
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

    fn builder(names: Names) -> RemoteBuilder {
        let mut builder = Remote::builder()
            .base_url("http://service.localhost:1")
            .api_key("not-a-real-key");
        builder.names = names;
        builder
    }

    async fn ask(builder: RemoteBuilder) -> crate::Result<String> {
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
    async fn a_name_that_cannot_be_looked_up_is_looked_up_again_and_then_named() {
        let names = Names::Given(|name| {
            let failure = io::Error::other(format!("no server knows {name}"));
            Box::pin(ready(Err(failure)))
        });

        let error = ask(builder(names)).await.expect_err("no address");

        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert_eq!(error.to_string(), "no connection to `service.localhost`");
        assert_eq!(root(&error), "no server knows service.localhost");
        assert_eq!(error.attempts().len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_without_an_address_is_no_connection() {
        let names = Names::Given(|_| Box::pin(ready(Ok(Vec::new()))));

        let error = ask(builder(names)).await.expect_err("no address");

        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert_eq!(error.attempts().len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lookup_that_hangs_ends_with_the_time_to_connect() {
        let names = Names::Given(|_| Box::pin(pending()));
        let began = tokio::time::Instant::now();

        let error = ask(builder(names)).await.expect_err("no address");

        let second = Duration::from_secs(1);
        let took = began.elapsed();
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert_eq!(
            error.to_string(),
            "no connection to `service.localhost` within 10s"
        );
        let each: Vec<_> = error.attempts().iter().map(|a| a.took.as_secs()).collect();
        assert_eq!(each, [10; 4]);
        // Four times to connect, and waits of at most 0.5, 1 and 2 seconds between them.
        assert!((40 * second..44 * second).contains(&took), "{took:?}");
    }

    #[tokio::test]
    async fn a_name_that_is_known_at_last_is_connected_to() {
        static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        let address = listener.local_addr().expect("an address");
        let server = thread::spawn(move || {
            let (mut connection, _) = listener.accept().expect("a client");
            let read = connection.read(&mut [0; 4096]).expect("a request");
            let body = r#"{"candidates":[{"content":{"parts":[{"text":"Hello!"}]}}]}"#;
            let length = body.len();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
            connection.write_all(answer.as_bytes()).expect("it is read");
            read
        });
        let names = Names::Given(|_| {
            let known = LOOKUPS.fetch_add(1, Relaxed) == 2;
            // The port is that of the address that is asked for.
            let found = known.then(|| vec![SocketAddr::from(([127, 0, 0, 1], 0))]);
            Box::pin(ready(found.ok_or_else(|| io::Error::other("not yet"))))
        });
        let at_once = Retry {
            initial: Duration::ZERO,
            ..Retry::default()
        };
        let url = format!("http://service.localhost:{}", address.port());
        let builder = builder(names)
            .base_url(url)
            .request_options(RequestOptions::default().retry(at_once));

        assert_eq!(ask(builder).await.expect("a reply"), "Hello!");

        assert_eq!(LOOKUPS.load(Relaxed), 3);
        assert!(server.join().expect("no panic") > 0);
    }
}
