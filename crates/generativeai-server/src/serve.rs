//! Serving: a listener, its connections, and their end.

mod stall;

use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::guard::Hosts;
use crate::server::Server;
use stall::Stall;

/// More headers than are ever allowed, so that who sends too many still gets an answer in JSON.
const MOST_HEADERS: usize = 12_000;

/// The most that a connection may send or be owed at a time, in bytes.
const BUFFER: usize = 512 * 1024;

/// How long to wait when no more connections can be taken.
const BREATH: Duration = Duration::from_millis(50);

impl Server {
    /// Serves until `stop` is done; then takes no more connections, lets the answers on their way end
    /// within the [time for that](Self::drain_timeout), and returns.
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
        if !listener.local_addr()?.ip().is_loopback() {
            self.hosts.get_or_insert(Hosts::Any);
        }
        let limits = Limits {
            header: self.header_timeout,
            write: self.write_timeout,
        };
        let drain = self.drain_timeout;
        let router = self.into_router();
        let (stopping, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(connection(stream, router.clone(), limits, stopped.clone()));
                    }
                    // Out of file descriptors, or the client has gone already.
                    Err(_) => tokio::time::sleep(BREATH).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
        drop(listener);
        stopping.send_replace(true);
        let ended = async { while connections.join_next().await.is_some() {} };
        // Those that are not done by then are aborted with the set.
        let _ = tokio::time::timeout(drain, ended).await;
        Ok(())
    }
}

/// How long a connection may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    header: Duration,
    write: Duration,
}

/// Serves one connection to its end, whatever that is.
async fn connection(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
) {
    // A chunk is to be seen when it is made; a connection that does not know how is none.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let stream = TokioIo::new(Stall::new(stream, limits.write));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_headers(MOST_HEADERS)
        .max_buf_size(BUFFER)
        .serve_connection(stream, TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    // Its end is told by the client's side; there is nobody here to tell of an error.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
