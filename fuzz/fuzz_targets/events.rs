//! See `generativeai::remote::fuzz::events`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai::remote::fuzz::events(data));
