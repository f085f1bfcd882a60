//! See `generativeai_server::fuzz::request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai_server::fuzz::request(data));
