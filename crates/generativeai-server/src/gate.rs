//! How many requests are answered at once, and how many may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::failure::Failure;

/// Lets so many requests in, so many wait, and sends the others away.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    places: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    queue: usize,
}

/// The right to be answered; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Pass {
    _place: Option<OwnedSemaphorePermit>,
}

/// One that waits; stops waiting when it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    pub(crate) fn new(at_once: usize, queue: usize) -> Self {
        let places = at_once.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            waiting: Arc::default(),
            queue,
        }
    }

    /// Waits to be let in; first come, first served.
    pub(crate) async fn enter(&self) -> Result<Pass, Failure> {
        let place = self.places.clone();
        if let Ok(place) = place.clone().try_acquire_owned() {
            return Ok(Pass {
                _place: Some(place),
            });
        }
        let queue = self.queue;
        let next = |waiting| (waiting < queue).then_some(waiting + 1);
        if self
            .waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .is_err()
        {
            let message = "too many requests wait already: try again soon";
            return Err(Failure::busy(message, Duration::from_secs(1)));
        }
        let _waiting = Waiting(&self.waiting);
        Ok(Pass {
            _place: place.acquire_owned().await.ok(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_finds_the_queue_full_is_sent_away() {
        let gate = Gate::new(1, 1);
        let first = gate.enter().await.expect("a place");
        let second = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter().await.is_ok() }
        });
        tokio::task::yield_now().await;

        let third = gate.enter().await.expect_err("full");
        drop(first);

        assert_eq!(third.code().as_u16(), 429);
        assert!(second.await.expect("no panic"));
        assert!(gate.enter().await.is_ok());
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_the_queue() {
        let gate = Gate::new(1, 1);
        let _first = gate.enter().await.expect("a place");
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter().await.is_ok() }
        });
        tokio::task::yield_now().await;
        waiting.abort();
        assert!(waiting.await.is_err());

        assert_eq!(gate.waiting.load(Ordering::Relaxed), 0);
    }
}
