//! Where requests wait for the engine: bounded, and told at once when it is full.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The queue between everyone who asks and the one thread that answers.
#[derive(Debug)]
pub(super) struct Inbox<T> {
    state: Mutex<State<T>>,
    news: Condvar,
    capacity: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    poked: bool,
    closed: bool,
}

/// Why something was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// As many wait as may.
    Full,
    /// The engine is gone.
    Closed,
}

impl<T> Inbox<T> {
    pub(super) fn new(capacity: usize) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            poked: false,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            news: Condvar::new(),
            capacity,
        }
    }

    /// Puts one in the queue.
    pub(super) fn put(&self, item: T) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.waiting.len() >= self.capacity {
            return Err(Refused::Full);
        }
        state.waiting.push_back(item);
        self.news.notify_one();
        Ok(())
    }

    /// Says that something changed which the engine may be waiting for.
    pub(super) fn poke(&self) {
        self.lock().poked = true;
        self.news.notify_one();
    }

    /// Ends the queue: nothing more is taken in, and the engine stops.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
        self.news.notify_one();
    }

    /// Waits for a request or a poke; `false` once the queue is closed.
    pub(super) fn wait(&self) -> bool {
        let quiet =
            |state: &mut State<T>| !state.closed && !state.poked && state.waiting.is_empty();
        let state = self.news.wait_while(self.lock(), quiet);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.poked = false;
        !state.closed
    }

    /// Waits for a poke, or the end, whatever is in the queue; `false` once it is closed.
    pub(super) fn wait_for_poke(&self) -> bool {
        let state = self
            .news
            .wait_while(self.lock(), |state| !state.closed && !state.poked);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.poked = false;
        !state.closed
    }

    /// Whether the queue is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Takes the first that is still wanted; those no longer wanted leave the queue.
    pub(super) fn take(&self, wanted: impl Fn(&T) -> bool) -> Option<T> {
        let mut state = self.lock();
        state.waiting.retain(wanted);
        state.waiting.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_bounded() {
        let inbox = Inbox::new(1);

        assert_eq!(inbox.put(1), Ok(()));
        assert_eq!(inbox.put(2), Err(Refused::Full));
        assert_eq!(inbox.take(|_| true), Some(1));
        assert_eq!(inbox.put(3), Ok(()));
    }

    #[test]
    fn what_is_no_longer_wanted_leaves_the_queue() {
        let inbox = Inbox::new(3);
        for item in 1..=3 {
            inbox.put(item).unwrap();
        }

        assert_eq!(inbox.take(|&item| item == 2), Some(2));
        assert_eq!(inbox.take(|_| true), None);
    }

    #[test]
    fn a_closed_queue_takes_nothing_and_ends_the_wait() {
        let inbox = Inbox::new(1);
        inbox.close();

        assert_eq!(inbox.put(1), Err(Refused::Closed));
        assert!(!inbox.wait());
    }
}
