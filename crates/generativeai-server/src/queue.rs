//! Limit of concurrent requests, and the bounded queue of waiting requests.
//!
//! Two semaphores: a request that finds no permit to run takes a permit to wait, and returns it when it
//! runs or is cancelled. Tokio's semaphores are fair, so requests run in the order they came.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// Limits how many requests the backend handles at once and how many may wait for it.
#[derive(Clone)]
pub(crate) struct RequestQueue {
    /// Permits to run.
    running: Arc<Semaphore>,
    /// Permits to wait for a permit to run.
    waiting: Arc<Semaphore>,
}

impl RequestQueue {
    /// Creates a queue. At least one request may run.
    pub(crate) fn new(max_running: usize, max_waiting: usize) -> Self {
        Self {
            running: semaphore(max_running.max(1)),
            waiting: semaphore(max_waiting),
        }
    }

    /// Sets how many requests may run: at least one.
    pub(crate) fn set_max_running(&mut self, requests: usize) {
        self.running = semaphore(requests.max(1));
    }

    /// Sets how many requests may wait.
    pub(crate) fn set_max_waiting(&mut self, requests: usize) {
        self.waiting = semaphore(requests);
    }

    /// Returns how many further requests may run or wait.
    pub(crate) fn free_places(&self) -> usize {
        self.running.available_permits() + self.waiting.available_permits()
    }

    /// Waits for a permit to run, first come, first served. Dropping the future leaves the queue.
    ///
    /// # Errors
    /// The queue is full.
    pub(crate) async fn enter(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        if let Ok(permit) = self.running.clone().try_acquire_owned() {
            return Ok(permit);
        }
        // Returned at the end of this function, or when its future is dropped: a client that leaves frees its place.
        let _place = self
            .waiting
            .try_acquire()
            .map_err(|_| ApiError::overloaded("too many requests are waiting: retry later"))?;
        let permit = self.running.clone().acquire_owned().await;
        Ok(permit.expect("the semaphore is never closed"))
    }
}

fn semaphore(permits: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)))
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;

    use super::*;

    /// Starts waiting for a permit.
    async fn wait(queue: &RequestQueue) -> JoinHandle<bool> {
        let queue = queue.clone();
        let waiting = tokio::spawn(async move { queue.enter().await.is_ok() });
        tokio::task::yield_now().await;
        waiting
    }

    #[tokio::test]
    async fn a_request_that_finds_the_queue_full_is_rejected() {
        let queue = RequestQueue::new(1, 1);
        let first = queue.enter().await.expect("a permit");
        let second = wait(&queue).await;

        let third = queue.enter().await.expect_err("a full queue");
        drop(first);

        assert_eq!(third.code(), 429);
        assert!(second.await.expect("no panic"));
        assert!(queue.enter().await.is_ok());
    }

    #[tokio::test]
    async fn a_request_that_is_cancelled_leaves_the_queue() {
        let queue = RequestQueue::new(1, 1);
        let first = queue.enter().await.expect("a permit");
        let cancelled = wait(&queue).await;

        cancelled.abort();
        assert!(cancelled.await.is_err());
        let next = wait(&queue).await;
        drop(first);

        assert!(next.await.expect("no panic"));
    }
}
