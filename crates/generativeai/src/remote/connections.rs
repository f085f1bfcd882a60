//! The connections to one service: kept for the next request, each driven by whoever waits for it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::connect::Connection as _;
use hyper_util::rt::TokioExecutor;
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
    /// The connection of HTTP/2, which any number of requests share.
    shared: Option<http2::SendRequest<Sending>>,
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
}

impl Connections {
    pub(super) fn new(connector: Connector) -> Self {
        Self {
            connector,
            kept: Mutex::default(),
        }
    }

    /// A connection that was kept, if there is one that still stands.
    pub(super) async fn kept(&self) -> Option<Connection> {
        poll_fn(|cx| {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            Poll::Ready(kept.take(cx))
        })
        .await
    }

    /// A new connection.
    pub(super) async fn connect(&self, address: Uri) -> Result<Connection, Cause> {
        let stream = self.connector.clone().call(address).await?;
        if !stream.connected().is_negotiated_h2() {
            let (sender, driver) = http1::handshake(stream).await?;
            let driver = Some(Box::pin(driver));
            return Ok(Connection::Line(Line { sender, driver }));
        }
        let (sender, driver) = http2::handshake(TokioExecutor::new(), stream).await?;
        // What ends the connection is told to each of its requests.
        tokio::spawn(async move { driver.await.ok() });
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.shared = Some(sender.clone());
        Ok(Connection::Shared(sender))
    }

    /// Forgets the shared connection, which takes no more requests.
    pub(super) fn forget_shared(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.shared = None;
    }

    /// Keeps a connection whose answer was read to its end, if it can be used again.
    pub(super) fn keep(&self, mut line: Line, cx: &mut Context<'_>) {
        if line.is_free(cx) {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.forget_old();
            kept.free.push_back((Instant::now(), line));
        }
    }
}

impl Kept {
    fn take(&mut self, cx: &mut Context<'_>) -> Option<Connection> {
        self.shared = self.shared.take().filter(|shared| !shared.is_closed());
        if let Some(shared) = &self.shared {
            return Some(Connection::Shared(shared.clone()));
        }
        self.forget_old();
        while let Some((_, mut line)) = self.free.pop_back() {
            if line.is_free(cx) {
                return Some(Connection::Line(line));
            }
        }
        None
    }

    fn forget_old(&mut self) {
        let is_old = |(since, _): &(Instant, _)| since.elapsed() > LONGEST_KEPT;
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
    /// Whether another request could be sent: the other end has not closed it, nor said anything, and the
    /// last request was sent to its end, which hyper does not say of itself where it writes vectors.
    fn is_free(&mut self, cx: &mut Context<'_>) -> bool {
        drive(&mut self.driver, cx);
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
