//! Paused time that does not advance by itself.

use std::sync::mpsc::{Sender, channel};

/// Stops the time of a runtime that was started with paused time; `tokio::time::advance` moves it.
///
/// Paused time alone jumps to the next timer whenever no task is ready. A response in flight through a socket does not
/// count as ready. It does not jump while a blocking task runs.
#[derive(Debug)]
pub(crate) struct StoppedTime {
    _blocking: Sender<()>,
}

impl StoppedTime {
    pub(crate) fn start() -> Self {
        let (sender, receiver) = channel::<()>();
        // Ends when the sender is dropped.
        tokio::task::spawn_blocking(move || receiver.recv());
        Self { _blocking: sender }
    }

    /// From now on time jumps to the next timer again.
    pub(crate) fn release(self) {
        drop(self);
    }
}
