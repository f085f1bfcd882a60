//! End of the process while the engine runs.
//!
//! `exit` destroys the static objects of llama.cpp, and other threads keep running meanwhile. A batch that is being
//! decoded uses them, and so does a context that is created or freed, so the process would end with a segmentation fault instead of its exit code.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Once, PoisonError, RwLock, RwLockReadGuard, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

/// Maximum time for a batch to stop. llama.cpp stops it between two operations, which takes milliseconds.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Held for reading while a batch is decoded, and while a context is created or freed. Once the process ends, it is held for writing and never released, so none of these
/// starts.
static IN_USE: RwLock<()> = RwLock::new(());
static IS_EXITING: AtomicBool = AtomicBool::new(false);

/// Keeps the process from ending while this guard exists. Blocks forever if the process is ending.
pub(super) fn guard() -> RwLockReadGuard<'static, ()> {
    IN_USE.read().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the end of the process wait for the batches of all engines. Call it when llama.cpp has created its static
/// objects: functions that are registered later run earlier.
pub(super) fn register() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        #[expect(unsafe_code, reason = "the standard library has no function for it")]
        // SAFETY: the function does not unwind. If it cannot be registered, the process ends as it would without it.
        unsafe {
            libc::atexit(wait);
        }
    });
}

/// Callback of llama.cpp between the operations of a batch: returns whether the batch stops.
pub(super) extern "C" fn is_exiting(_: *mut c_void) -> bool {
    IS_EXITING.load(Ordering::Relaxed)
}

/// Stops the batches that are being decoded, and keeps others from starting.
extern "C" fn wait() {
    IS_EXITING.store(true, Ordering::Relaxed);
    let started = Instant::now();
    while started.elapsed() < MAX_WAIT {
        let guard = match IN_USE.try_write() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => {
                thread::sleep(Duration::from_millis(1));
                continue;
            }
        };
        let _never_released = ManuallyDrop::new(guard);
        return;
    }
}
