//! Captures llama.cpp's error log while a file is loaded. Nothing is printed.

use std::ffi::{CStr, c_char, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

use llama_cpp_sys_2::{GGML_LOG_LEVEL_ERROR, ggml_log_level};

/// Error messages since the capture began; `None` while nothing is captured.
///
/// The callback locks this mutex while the captured operation runs, so it cannot be the one that a capture holds.
static MESSAGES: Mutex<Option<String>> = Mutex::new(None);
/// Held during a capture. llama.cpp has one log for the process, so captures exclude each other.
static CAPTURING: Mutex<()> = Mutex::new(());

/// Maximum number of bytes that a capture keeps.
const MAX_LENGTH: usize = 2_000;

/// Redirects llama.cpp's log of the whole process to this module. Otherwise llama.cpp writes to the standard error
/// stream.
#[expect(
    unsafe_code,
    reason = "llama.cpp takes its log callback as a C function"
)]
pub(super) fn install() {
    // SAFETY: `record` is a static function with the signature that llama.cpp expects, and ignores
    // its user data, so that a null pointer is valid there.
    unsafe { llama_cpp_sys_2::llama_log_set(Some(record), std::ptr::null_mut()) };
}

/// Runs a fallible operation. An error is returned with the messages that llama.cpp logged meanwhile.
pub(super) fn capture<T, E>(operation: impl FnOnce() -> Result<T, E>) -> Result<T, (E, String)> {
    let _guard = CAPTURING.lock().unwrap_or_else(PoisonError::into_inner);
    *messages() = Some(String::new());
    let outcome = operation();
    let logged = messages().take().unwrap_or_default();
    outcome.map_err(|error| (error, logged.trim().to_owned()))
}

fn messages() -> MutexGuard<'static, Option<String>> {
    MESSAGES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(unsafe_code, reason = "llama.cpp passes the message as a C string")]
unsafe extern "C" fn record(level: ggml_log_level, text: *const c_char, _: *mut c_void) {
    if level != GGML_LOG_LEVEL_ERROR || text.is_null() {
        return;
    }
    // SAFETY: `text` is not null, and llama.cpp passes a NUL-terminated string that it neither
    // changes nor frees before this function returns.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    if let Some(captured) = messages().as_mut()
        && captured.len() + text.len() <= MAX_LENGTH
    {
        captured.push_str(&text);
    }
}
