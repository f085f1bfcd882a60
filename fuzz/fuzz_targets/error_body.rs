//! See `generativeai::__internals::fuzz::error_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai::__internals::fuzz::error_body(data));
