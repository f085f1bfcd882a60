//! Paused time that only the test advances.

use std::sync::mpsc::{Sender, channel};

/// Guard that stops the clock of a runtime started with `start_paused`, until it is dropped. Meanwhile only
/// `tokio::time::advance` moves the clock.
///
/// tokio's paused clock jumps to the next timer whenever no task is ready, even if bytes are in flight through a
/// socket. Then a timeout expires before a response that has already been sent. The clock does not jump while a
/// blocking task runs, so this guard keeps one running.
#[derive(Debug)]
pub struct StoppedTime {
    _blocking: Sender<()>,
}

impl StoppedTime {
    /// Stops the clock. Must be called within the runtime.
    pub fn start() -> Self {
        let (sender, receiver) = channel::<()>();
        // `recv` returns an error once the sender is dropped, which ends the task.
        tokio::task::spawn_blocking(move || receiver.recv());
        Self { _blocking: sender }
    }

    /// Allows the clock to jump again.
    pub fn release(self) {
        drop(self);
    }
}
