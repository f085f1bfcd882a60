//! Paused time that only the test advances.

use std::sync::mpsc::{Sender, channel};

/// Stops the time of a runtime started with paused time, until it is dropped. `tokio::time::advance` moves it.
///
/// tokio's paused time jumps to the next timer whenever no task is ready, even if a response is in flight through a
/// socket. It does not jump while a blocking task runs.
#[derive(Debug)]
pub struct StoppedTime {
    _blocking: Sender<()>,
}

impl StoppedTime {
    /// Stops the time. Must be called within the runtime.
    pub fn start() -> Self {
        let (sender, receiver) = channel::<()>();
        // Ends when the sender is dropped.
        tokio::task::spawn_blocking(move || receiver.recv());
        Self { _blocking: sender }
    }

    /// Lets time jump to the next timer again.
    pub fn release(self) {
        drop(self);
    }
}
