//! Timeout for clients that stop reading their response.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A stream whose writes fail when they make no progress for some time.
///
/// hyper has no write timeout. Without one, a client that stops reading occupies its response and the backend
/// indefinitely.
#[derive(Debug)]
pub(super) struct WriteTimeout<S> {
    stream: S,
    /// Time after which a pending write fails.
    timeout: Duration,
    /// Runs while a write is pending. Boxed and created on demand: most writes complete at once.
    pending: Option<Pin<Box<Sleep>>>,
}

impl<S> WriteTimeout<S> {
    /// Wraps a stream. Reads are not limited.
    pub(super) fn new(stream: S, timeout: Duration) -> Self {
        Self {
            stream,
            timeout,
            pending: None,
        }
    }

    /// Returns the result of a write, or an error if it has been pending for too long. Each write that makes progress
    /// starts the time again.
    fn check<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.pending = None;
            return result;
        }
        let timeout = self.timeout;
        let pending = self.pending.get_or_insert_with(|| Box::pin(sleep(timeout)));
        // Polled also for its waker: if the client does not read, the socket never becomes writable, and only the timer
        // wakes the task.
        ready!(pending.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.check(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.check(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        // Not the default of `false`, with which hyper copies the pieces of a response into one buffer.
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        self.check(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.check(cx, result)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_write_fails_when_the_client_stops_reading() {
        let (near, _far) = duplex(4);
        let mut near = WriteTimeout::new(near, Duration::from_secs(60));

        let error = near
            .write_all(b"more than 4 byte")
            .await
            .expect_err("the client never reads");

        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_to_a_slow_client_succeeds() {
        let (near, mut far) = duplex(4);
        let mut near = WriteTimeout::new(near, Duration::from_secs(60));
        let read = async {
            let mut bytes = [0; 4];
            for _ in 0..4 {
                sleep(Duration::from_secs(50)).await;
                far.read_exact(&mut bytes).await.expect("bytes");
            }
        };

        let (written, ()) = tokio::join!(near.write_all(b"more than 4 byte"), read);

        assert!(written.is_ok());
    }
}
