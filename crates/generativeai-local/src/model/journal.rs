//! What llama.cpp says while it loads a file: kept for the error, never printed.

use std::ffi::{CStr, c_char, c_void};
use std::sync::{Mutex, PoisonError};

use llama_cpp_sys_2::{GGML_LOG_LEVEL_ERROR, ggml_log_level};

/// The last complaints, while somebody listens.
static COMPLAINTS: Mutex<Option<String>> = Mutex::new(None);
/// One listener at a time.
static LISTENING: Mutex<()> = Mutex::new(());

/// No more of the complaints is kept than this.
const LONGEST: usize = 2_000;

/// Takes over the log of llama.cpp for the whole program.
#[expect(unsafe_code, reason = "llama.cpp gives its log to a C function only")]
pub(super) fn listen() {
    // SAFETY: `note` is a plain function that lives as long as the program, and needs no data.
    unsafe { llama_cpp_sys_2::llama_log_set(Some(note), std::ptr::null_mut()) };
}

/// Runs something that may fail, and adds to its error what llama.cpp complained of meanwhile.
pub(super) fn hear<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<T, (E, String)> {
    let _alone = LISTENING.lock().unwrap_or_else(PoisonError::into_inner);
    *complaints() = Some(String::new());
    let outcome = work();
    let said = complaints().take().unwrap_or_default();
    outcome.map_err(|error| (error, said.trim().to_owned()))
}

fn complaints() -> std::sync::MutexGuard<'static, Option<String>> {
    COMPLAINTS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(unsafe_code, reason = "the text comes as a C string")]
unsafe extern "C" fn note(level: ggml_log_level, text: *const c_char, _: *mut c_void) {
    if level != GGML_LOG_LEVEL_ERROR || text.is_null() {
        return;
    }
    // SAFETY: llama.cpp gives a C string that stays as it is until this function returns.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    if let Some(heard) = complaints().as_mut()
        && heard.len() + text.len() <= LONGEST
    {
        heard.push_str(&text);
    }
}
