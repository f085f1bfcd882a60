//! The connections to one service: kept for the next request, each driven by whoever waits for it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::connect::Connection as _;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::{self, Handle};
use tower_service::Service;

use super::body::Sending;
use super::connect::{Cause, Connector, Stream};

/// How long a connection is kept that nobody uses.
const LONGEST_KEPT: Duration = Duration::from_secs(90);

/// The connections to one service.
#[derive(Debug)]
pub(super) struct Connections {
    connector: Connector,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Connections of HTTP/1 that are free, and since when, the last one last.
    free: VecDeque<(Instant, Line)>,
    /// A connection of HTTP/2, which any number of requests share, for each runtime that drives one.
    shared: Vec<(runtime::Id, http2::SendRequest<Sending>)>,
}

/// A connection that a request has.
#[derive(Debug)]
pub(super) enum Connection {
    /// Its own.
    Line(Line),
    /// One that others use, too, and that a task of its own drives.
    Shared(http2::SendRequest<Sending>),
}

/// A connection of HTTP/1. It works when somebody waits for it: there is no task behind it.
#[derive(Debug)]
pub(super) struct Line {
    sender: http1::SendRequest<Sending>,
    /// `None` once the connection has ended.
    driver: Option<Pin<Box<http1::Connection<Stream, Sending>>>>,
    /// The one runtime in which it goes on.
    runtime: runtime::Id,
}

impl Connections {
    pub(super) fn new(connector: Connector) -> Self {
        Self {
            connector,
            kept: Mutex::default(),
        }
    }

    /// A connection that was kept, if there is one of this runtime: one of another does nothing while that
    /// does not work. Whether it still stands is seen when it is used.
    pub(super) fn kept(&self) -> Option<Connection> {
        self.lock().take(Handle::current().id())
    }

    /// A new connection.
    pub(super) async fn connect(&self, address: Uri) -> Result<Connection, Cause> {
        let runtime = Handle::current().id();
        let stream = self.connector.clone().call(address).await?;
        if !stream.connected().is_negotiated_h2() {
            let (sender, driver) = http1::handshake(stream).await?;
            return Ok(Connection::Line(Line {
                sender,
                driver: Some(Box::pin(driver)),
                runtime,
            }));
        }
        let (sender, driver) = http2::handshake(TokioExecutor::new(), stream).await?;
        // What ends the connection is told to each of its requests.
        tokio::spawn(async move { driver.await.ok() });
        // Of some that were made at once the last is kept; the others end with their requests.
        let mut kept = self.lock();
        kept.forget_shared(runtime);
        kept.shared.push((runtime, sender.clone()));
        Ok(Connection::Shared(sender))
    }

    /// Forgets the shared connection of this runtime.
    pub(super) fn forget_shared(&self) {
        self.lock().forget_shared(Handle::current().id());
    }

    /// Keeps a connection whose answer was read to its end, if it can be used again.
    pub(super) fn keep(&self, line: Line) {
        if line.is_free() {
            let now = Instant::now();
            let mut kept = self.lock();
            kept.forget_old(now);
            kept.free.push_back((now, line));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn take(&mut self, runtime: runtime::Id) -> Option<Connection> {
        self.shared.retain(|(_, shared)| !shared.is_closed());
        if let Some((_, shared)) = self.shared.iter().find(|(of, _)| *of == runtime) {
            return Some(Connection::Shared(shared.clone()));
        }
        self.forget_old(Instant::now());
        let at = self
            .free
            .iter()
            .rposition(|(_, line)| line.runtime == runtime)?;
        let (_, line) = self.free.remove(at)?;
        Some(Connection::Line(line))
    }

    fn forget_shared(&mut self, runtime: runtime::Id) {
        self.shared.retain(|(of, _)| *of != runtime);
    }

    fn forget_old(&mut self, now: Instant) {
        let is_old = |(since, _): &(Instant, _)| now.duration_since(*since) > LONGEST_KEPT;
        while self.free.front().is_some_and(is_old) {
            self.free.pop_front();
        }
    }
}

impl Connection {
    /// Sends a request, and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: impl FnOnce(&Self) -> Request<Sending>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Sending>>> {
        let request = request(self);
        match self {
            Self::Shared(sender) => sender.try_send_request(request).await,
            Self::Line(line) => {
                let mut answer = pin!(line.sender.try_send_request(request));
                poll_fn(|cx| {
                    drive(&mut line.driver, cx);
                    answer.as_mut().poll(cx)
                })
                .await
            }
        }
    }

    /// Goes on with what is to be sent and read; to be called before anything is waited for.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Self::Line(line) = self {
            drive(&mut line.driver, cx);
        }
    }
}

impl Line {
    /// Whether another request could be sent: as far as is known the other end has not closed it, and the
    /// last request was sent to its end. hyper is not ready while there are vectors to be written, as
    /// there are over all our streams; of bytes it has copied it would not say so.
    fn is_free(&self) -> bool {
        self.driver.is_some() && self.sender.is_ready()
    }
}

fn drive(driver: &mut Option<impl Future + Unpin>, cx: &mut Context<'_>) {
    // How a connection ended is told to its request.
    if driver
        .as_mut()
        .is_some_and(|driver| Pin::new(driver).poll(cx).is_ready())
    {
        *driver = None;
    }
}
