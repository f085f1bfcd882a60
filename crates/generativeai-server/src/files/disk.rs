//! File operations on threads on which they may block, and their errors.

use std::io;

use crate::error::ApiError;

/// Runs file operations on a thread on which they may block.
pub(super) async fn blocking<T: Send + 'static>(
    operation: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let running = tokio::task::spawn_blocking(operation);
    running.await.unwrap_or_else(|_| Err(ApiError::panicked()))
}

/// Converts an error of the file system.
pub(super) fn disk_error(what: &str) -> impl FnOnce(io::Error) -> ApiError {
    move |error| {
        if error.kind() == io::ErrorKind::StorageFull {
            return ApiError::no_room("the disk of the server is full: delete some files");
        }
        ApiError::internal(format!("cannot {what}: {error}"))
    }
}
