//! See `generativeai::remote::fuzz::message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| generativeai::remote::fuzz::message(data));
