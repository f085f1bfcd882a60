//! Serving: the accept loop, HTTP/1 connections, and graceful shutdown.
//!
//! `axum::serve` lacks three things:
//!
//! - timeouts for the headers of a request, and for a client that stops reading. Such clients could occupy the server
//!   indefinitely;
//! - a response in JSON to a request with too many headers: hyper's has an empty body;
//! - a time limit for graceful shutdown.

use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutWriter;

use crate::server::{Server, Timeouts};

/// Most headers that hyper parses; its default is 100. Far above the limit of the router, whose error is JSON while
/// hyper's has an empty body.
const MAX_PARSED_HEADERS: usize = 12_000;

/// Size of a connection's buffers in bytes, which also limits the size of a request head.
const BUFFER_SIZE: usize = 512 * 1024;

/// Number of connections that are served at once, unless the server handles more requests at once. Each may fill its
/// buffers, which the memory limit of the server does not include.
const MAX_CONNECTIONS: usize = 1_024;

/// Pause after a failed `accept`, typically for lack of file descriptors. The connection stays in the backlog, so
/// without a pause the next `accept` would fail at once, and the loop would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Server {
    /// Serves until `stop` completes. Then accepts no more connections, lets responses in progress
    /// complete within the [drain timeout](Self::drain_timeout), and returns.
    ///
    /// Connections are HTTP/1.1, each served by a task. Errors of single connections are ignored: they
    /// concern one client, which sees them itself. Dropping the future aborts all connections at once.
    ///
    /// At most 1,024 connections are served at once, or two for each request that may run or wait if that is more.
    /// Further clients wait until a connection is closed.
    ///
    /// Needs a tokio runtime with time and I/O.
    ///
    /// # Errors
    /// The listener cannot be used.
    pub async fn serve(
        mut self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        // The names by which other machines reach this one are not known.
        let hosts = &mut self.api.hosts.0;
        if hosts.is_empty() && !listener.local_addr()?.ip().is_loopback() {
            hosts.push("*".to_owned());
        }
        let timeouts = self.timeouts;
        let max_connections = MAX_CONNECTIONS.max(self.api.queue.free_places() * 2);
        let places = Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS)));
        let router = self.into_router();
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                (stream, place) = accept(&listener, &places) => {
                    let watcher = graceful.watcher();
                    let connection = serve_connection(stream, router.clone(), timeouts, watcher);
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                // Drops the results of finished connections, which would accumulate in the set.
                Some(_) = connections.join_next() => {}
            }
        }
        // Closed before the responses drain: new clients are refused at once instead of waiting in the backlog.
        drop(listener);
        // Connections that outlast the timeout are aborted when the set is dropped.
        let _ = timeout(timeouts.drain, graceful.shutdown()).await;
        Ok(())
    }
}

/// Waits for a place for a connection, and then for the connection.
async fn accept(
    listener: &tokio::net::TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let place = places.clone().acquire_owned().await;
    let place = place.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            // The client gave up before it was accepted.
            Err(error) if concerns_one_connection(error.kind()) => {}
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Returns whether an error of `accept` concerns one connection, so that the next one can be accepted at once.
fn concerns_one_connection(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        kind,
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// Serves one connection until the client closes it, it fails, or the server stops.
async fn serve_connection(stream: TcpStream, router: Router, timeouts: Timeouts, watcher: Watcher) {
    // Nagle's algorithm would delay small chunks. This fails on a broken connection only.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    // hyper has no write timeout. Without one, a client that stops reading occupies its response and the backend
    // indefinitely.
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(limited(timeouts.write));
    // `half_close` stays off: the end of the client's side means that it has disconnected. hyper then drops the
    // response in progress, which stops the backend.
    let connection = http1::Builder::new()
        // Without a timer `header_read_timeout` panics.
        .timer(TokioTimer::new())
        .header_read_timeout(limited(timeouts.header))
        .max_headers(MAX_PARSED_HEADERS)
        .max_buf_size(BUFFER_SIZE)
        .serve_connection(
            TokioIo::new(Box::pin(stream)),
            TowerToHyperService::new(router),
        );
    // Errors are dropped: they concern the client's side of the connection, which sees them itself.
    let _ = watcher.watch(connection).await;
}

/// Returns a timeout, or none if it is longer than the clock can represent: the crates that use it would panic.
fn limited(timeout: Duration) -> Option<Duration> {
    Instant::now().checked_add(timeout).map(|_| timeout)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_connection_waits_until_another_is_closed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let places = Arc::new(Semaphore::new(1));
        let connect = || async { TcpStream::connect(address).await.expect("a connection") };
        let _clients = (connect().await, connect().await);

        let (_, place) = accept(&listener, &places).await;
        assert!(accept(&listener, &places).now_or_never().is_none());
        drop(place);

        let (_, _place) = accept(&listener, &places).await;
    }
}
