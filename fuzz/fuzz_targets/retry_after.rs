//! See `generativeai::__internals::fuzz::retry_after`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai::__internals::fuzz::retry_after(data));
