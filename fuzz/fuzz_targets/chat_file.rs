//! See `generativeai::remote::fuzz::chat_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai::remote::fuzz::chat_file(data));
