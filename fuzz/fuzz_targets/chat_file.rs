//! See `generativeai::__internals::fuzz::chat_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai::__internals::fuzz::chat_file(data));
