//! Fuzzes bodies of failed responses: each becomes a short error with its HTTP code, without the API key.
//! The check is `generativeai::__internals::fuzz::error_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai::__internals::fuzz::error_body(data));
