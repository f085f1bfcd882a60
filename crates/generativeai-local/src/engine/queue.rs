//! Bounded queue of requests in front of the engine thread.
//!
//! A channel of std or tokio does not fit. The consumer also waits for free capacity in the channels of its replies,
//! and cancelled requests must leave the queue from its middle.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Queue with many producers and one consumer, which can also be woken without an item.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    capacity: usize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    /// Whether the consumer was notified since its last wait. A condition variable does not store a notification that
    /// arrives before the wait.
    notified: bool,
    closed: bool,
}

/// Reason why an item was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PushError {
    /// The queue is at its capacity.
    Full,
    /// The consumer has stopped.
    Closed,
}

impl<T> Queue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        let state = State {
            items: VecDeque::new(),
            notified: false,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            capacity,
        }
    }

    /// Appends an item, without waiting.
    ///
    /// # Errors
    ///
    /// The queue is full or closed; the item is dropped.
    pub(super) fn push(&self, item: T) -> Result<(), PushError> {
        let mut state = self.lock();
        if state.closed {
            return Err(PushError::Closed);
        }
        if state.items.len() >= self.capacity {
            return Err(PushError::Full);
        }
        state.items.push_back(item);
        // The consumer may be about to wait for a notification only, and could admit this item at once.
        state.notified = true;
        self.changed.notify_one();
        Ok(())
    }

    /// Wakes the consumer: a reply channel got free capacity or was closed.
    pub(super) fn notify(&self) {
        self.lock().notified = true;
        self.changed.notify_one();
    }

    /// Rejects further items, drops those that wait, and wakes the consumer.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.items.clear();
        self.changed.notify_one();
    }

    /// Waits for an item or a notification. Returns `false` once the queue is closed.
    pub(super) fn wait(&self) -> bool {
        self.wait_while(None, |state| !state.notified && state.items.is_empty())
    }

    /// Waits for a notification, or until the deadline. Returns `false` once the queue is closed.
    ///
    /// Unlike [`wait`](Self::wait), this ignores items that are already queued: they may have to wait for a free place,
    /// and the consumer would spin.
    pub(super) fn wait_for_notification(&self, deadline: Option<Instant>) -> bool {
        self.wait_while(deadline, |state| !state.notified)
    }

    fn wait_while(&self, deadline: Option<Instant>, idle: impl Fn(&State<T>) -> bool) -> bool {
        let timeout = deadline.map_or(Duration::MAX, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        });
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), timeout, |state| !state.closed && idle(state));
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.notified = false;
        !state.closed
    }

    /// Returns whether the queue is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Drops all items that `keep` rejects.
    pub(super) fn retain(&self, keep: impl FnMut(&mut T) -> bool) {
        self.lock().items.retain_mut(keep);
    }

    /// Removes the oldest item that `is_wanted` accepts, and returns it.
    pub(super) fn pop(&self, is_wanted: impl Fn(&T) -> bool) -> Option<T> {
        let mut state = self.lock();
        let index = state.items.iter().position(is_wanted)?;
        state.items.remove(index)
    }

    /// Returns the earliest deadline of the items.
    pub(super) fn next_deadline(
        &self,
        deadline: impl Fn(&T) -> Option<Instant>,
    ) -> Option<Instant> {
        self.lock().items.iter().filter_map(deadline).min()
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_rejects_items_until_one_is_taken() {
        let queue = Queue::new(1);

        assert_eq!(queue.push(1), Ok(()));
        assert_eq!(queue.push(2), Err(PushError::Full));
        assert_eq!(queue.pop(|_| true), Some(1));
        assert_eq!(queue.push(3), Ok(()));
    }

    #[test]
    fn an_item_that_is_not_wanted_stays_in_its_place() {
        let queue = Queue::new(3);
        for item in 1..=3 {
            queue.push(item).unwrap();
        }

        assert_eq!(queue.pop(|item| item % 2 == 0), Some(2));
        assert_eq!(queue.pop(|item| item % 2 == 0), None);
        assert_eq!(queue.pop(|_| true), Some(1));
    }

    #[test]
    fn cancelled_items_leave_the_queue() {
        let queue = Queue::new(3);
        for item in 1..=3 {
            queue.push(item).unwrap();
        }

        queue.retain(|item| *item == 2);

        assert_eq!(queue.pop(|_| true), Some(2));
        assert_eq!(queue.pop(|_| true), None);
    }

    #[test]
    fn a_closed_queue_rejects_items_and_ends_the_wait() {
        let queue = Queue::new(1);
        queue.close();

        assert_eq!(queue.push(1), Err(PushError::Closed));
        assert!(!queue.wait());
        assert!(!queue.wait_for_notification(None));
    }

    #[test]
    fn a_wait_ends_at_the_deadline() {
        let queue = Queue::new(1);
        queue.push(Instant::now()).unwrap();
        assert!(queue.wait());

        assert!(queue.wait_for_notification(queue.next_deadline(|&item| Some(item))));
    }
}
